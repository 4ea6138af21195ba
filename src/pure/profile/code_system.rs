//! A CodeSystem (R4 §4.8): its codes, their hierarchy and properties; and the code systems that are rules, not lists.

use super::quick::Names;
use crate::pure::fhir::Item;
use std::sync::Arc;

/// One concept.
#[derive(Clone, Debug, Default)]
pub struct Concept {
    /// Its code.
    pub code: Arc<str>,
    /// Its words.
    pub display: Option<Arc<str>>,
    /// Further words for it, with their language, from designations and supplements.
    pub others: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// Places of its parents.
    pub parents: Vec<u32>,
    /// Whether it only groups others.
    pub is_abstract: bool,
    /// Whether it is retired.
    pub is_inactive: bool,
    /// Code and value of its properties.
    pub properties: Vec<(Arc<str>, Arc<str>)>,
}

/// A code system.
#[derive(Clone, Debug, Default)]
pub struct CodeSystem {
    /// Canonical url.
    pub url: Arc<str>,
    /// Version.
    pub version: Option<Arc<str>>,
    /// Whether it holds all its codes: else a code that it lacks may still be one.
    pub is_complete: bool,
    /// Whether upper and lower case differ. Where it does not say, they do not (R4 §4.8.12 CodeSystem.caseSensitive: "accept
    /// codes in any case").
    pub is_case_sensitive: bool,
    /// The value set of all its codes.
    pub value_set: Option<Arc<str>>,
    /// Its concepts.
    pub concepts: Vec<Concept>,
    by_code: Names<u32>,
}

impl CodeSystem {
    /// Reads the resource.
    #[must_use]
    pub fn build(item: Item<'_>) -> Option<CodeSystem> {
        let mut system = CodeSystem {
            url: Arc::from(item.str_at(&["url"])?),
            version: item.str_at(&["version"]).map(Arc::from),
            is_complete: item.str_at(&["content"]) == Some("complete"),
            is_case_sensitive: item.get("caseSensitive").and_then(Item::bool) == Some(true),
            value_set: item.str_at(&["valueSet"]).map(Arc::from),
            ..CodeSystem::default()
        };
        let mut open: Vec<(Item<'_>, Option<u32>)> = item.all("concept").map(|c| (c, None)).collect();
        open.reverse();
        let mut links = Vec::new();
        while let Some((concept, parent)) = open.pop() {
            let Some(code) = concept.str_at(&["code"]) else { continue };
            let at = u32::try_from(system.concepts.len()).unwrap_or(u32::MAX);
            let made = read_concept(concept, code, parent);
            for (property, value) in &made.properties {
                match &**property {
                    "parent" | "subsumedBy" => links.push((at, value.clone(), true)),
                    "child" => links.push((at, value.clone(), false)),
                    _ => {}
                }
            }
            system.by_code.insert(made.code.clone(), at);
            if !system.is_case_sensitive && code.bytes().any(|b| !b.is_ascii_lowercase()) {
                system.by_code.entry(Arc::from(code.to_lowercase())).or_insert(at);
            }
            system.concepts.push(made);
            let children: Vec<_> = concept.all("concept").map(|c| (c, Some(at))).collect();
            open.extend(children.into_iter().rev());
        }
        for (at, code, is_parent) in links {
            if let Some(other) = system.place(&code) {
                let (child, parent) = if is_parent { (at, other) } else { (other, at) };
                system.concepts[child as usize].parents.push(parent);
            }
        }
        Some(system)
    }

    /// Adds the words of a supplement.
    pub fn supplement(&mut self, item: Item<'_>) {
        let mut open: Vec<Item<'_>> = item.all("concept").collect();
        while let Some(concept) = open.pop() {
            let found = concept.str_at(&["code"]).and_then(|code| self.place(code));
            if let Some(at) = found {
                let display = concept.str_at(&["display"]).map(|d| (Arc::from(d), None));
                let others = &mut self.concepts[at as usize].others;
                others.extend(display);
                others.extend(designations(concept));
            }
            open.extend(concept.all("concept"));
        }
    }

    fn place(&self, code: &str) -> Option<u32> {
        let exact = self.by_code.get(code);
        if exact.is_none() && !self.is_case_sensitive {
            return self.by_code.get(code.to_lowercase().as_str()).copied();
        }
        exact.copied()
    }

    /// The concept of a code.
    #[must_use]
    pub fn find(&self, code: &str) -> Option<&Concept> {
        self.place(code).map(|at| &self.concepts[at as usize])
    }

    /// Whether `code` is `ancestor` or stands below it.
    #[must_use]
    pub fn is_below(&self, code: &str, ancestor: &str) -> bool {
        let Some(start) = self.place(code) else { return false };
        let Some(goal) = self.place(ancestor) else { return false };
        let (mut open, mut seen) = (vec![start], std::collections::HashSet::new());
        while let Some(at) = open.pop() {
            if at == goal {
                return true;
            }
            if seen.insert(at) {
                open.extend(&self.concepts[at as usize].parents);
            }
        }
        false
    }
}

fn designations(concept: Item<'_>) -> Vec<(Arc<str>, Option<Arc<str>>)> {
    let all = concept.all("designation");
    all.filter_map(|d| Some((Arc::from(d.str_at(&["value"])?), d.str_at(&["language"]).map(Arc::from)))).collect()
}

fn read_concept(concept: Item<'_>, code: &str, parent: Option<u32>) -> Concept {
    let properties: Vec<(Arc<str>, Arc<str>)> = concept
        .all("property")
        .filter_map(|p| {
            let name = p.str_at(&["code"])?;
            let value = p.children().find(|c| c.key().starts_with("value"))?;
            let value = if value.is_container() { value.str_at(&["code"])? } else { value.text() };
            Some((Arc::from(name), Arc::from(value)))
        })
        .collect();
    let says = |name: &str, value: &str| properties.iter().any(|(n, v)| &**n == name && &**v == value);
    Concept {
        code: Arc::from(code),
        display: concept.str_at(&["display"]).map(Arc::from),
        others: designations(concept),
        parents: parent.into_iter().collect(),
        is_abstract: says("notSelectable", "true") || says("abstract", "true"),
        is_inactive: says("status", "retired") || says("status", "inactive") || says("inactive", "true"),
        properties,
    }
}

/// What can be said of a code in a system that is a rule and not a list.
#[must_use]
pub fn by_rule(system: &str, code: &str) -> Option<bool> {
    match system {
        "http://unitsofmeasure.org" => Some(is_unit(code)),
        "urn:ietf:bcp:47" => Some(is_language(code)),
        "urn:ietf:bcp:13" | "http://www.rfc-editor.org/bcp/bcp13.txt" => Some(is_media_type(code)),
        "urn:iso:std:iso:4217" => Some(CURRENCIES.split(' ').any(|c| c == code)),
        "https://www.iana.org/time-zones" => Some(jiff::tz::TimeZone::get(code).is_ok()),
        "urn:ietf:rfc:3986" => Some(!code.bytes().any(|b| b <= b' ')),
        _ => None,
    }
}

/// Whether a code is a unit of UCUM.
#[must_use]
pub fn is_unit(code: &str) -> bool {
    code.len() <= 200 && ucum::validate(code).is_ok()
}

/// Whether a code has the form of a language tag (BCP 47 §2.1): language, script, region, variants, extensions, private use.
#[must_use]
pub fn is_language(code: &str) -> bool {
    const GRANDFATHERED: &[&str] = &["en-GB-oed", "sgn-BE-FR", "sgn-BE-NL", "sgn-CH-DE"];
    let mut parts = code.split('-').peekable();
    let first = parts.next().unwrap_or_default();
    let is_word =
        |p: &str, shortest: usize| (shortest..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
    if GRANDFATHERED.iter().any(|tag| tag.eq_ignore_ascii_case(code)) {
        return true;
    }
    if first.eq_ignore_ascii_case("x") || first.eq_ignore_ascii_case("i") {
        return parts.peek().is_some() && parts.all(|p| is_word(p, 1));
    }
    let is_alpha = |p: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic())
    };
    if !is_alpha(first, 2..=8) {
        return false;
    }
    for _ in 0..3 {
        // extended languages follow a short one
        if first.len() > 3 || parts.next_if(|p| is_alpha(p, 3..=3)).is_none() {
            break;
        }
    }
    let _script = parts.next_if(|p| is_alpha(p, 4..=4));
    let is_number = |p: &str| p.len() == 3 && p.bytes().all(|b| b.is_ascii_digit());
    let _region = parts.next_if(|p| is_alpha(p, 2..=2) || is_number(p));
    let is_variant =
        |p: &str| is_word(p, 5) || (p.len() == 4 && is_word(p, 4) && p.starts_with(|c: char| c.is_ascii_digit()));
    while parts.next_if(|p| is_variant(p)).is_some() {}
    while let Some(singleton) = parts.next() {
        let is_private = singleton.eq_ignore_ascii_case("x");
        let shortest = if is_private { 1 } else { 2 };
        if singleton.len() != 1 || !is_word(singleton, 1) || parts.next_if(|p| is_word(p, shortest)).is_none() {
            return false;
        }
        while parts.next_if(|p| is_word(p, shortest)).is_some() {}
    }
    true
}

/// Whether a code has the form of a media type (BCP 13): `text/plain; charset=utf-8`, or one of the short forms R4 uses.
#[must_use]
pub fn is_media_type(code: &str) -> bool {
    let name = code.split(';').next().unwrap_or_default().trim_end();
    let is_token = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    match name.split_once('/') {
        Some((kind, rest)) => is_token(kind) && is_token(rest),
        None => matches!(name, "xml" | "json" | "ttl" | "text"),
    }
}

/// ISO 4217, in use.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP \
    BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GGP \
    GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IMP INR IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
    KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB \
    PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SPL SRD SSP STN SVC SYP SZL THB TJS \
    TMT TND TOP TRY TTD TVD TWD TZS UAH UGX USD USN UYI UYU UZS VEF VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF \
    XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWL";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_have_the_form_of_bcp_47() {
        for right in [
            "en",
            "en-GB",
            "zh-Hant-TW",
            "zh-cmn-Hans-CN",
            "es-419",
            "sl-rozaj-biske",
            "de-CH-1901",
            "en-US-u-ca-gregory",
        ] {
            assert!(is_language(right), "{right}");
        }
        for right in ["x-own", "en-x-own", "i-klingon", "EN-us", "bfi", "en-GB-oed"] {
            assert!(is_language(right), "{right}");
        }
        for wrong in ["", "e", "en-", "no-such-code", "en-GB-GB", "english language", "en_GB", "en-u", "123"] {
            assert!(!is_language(wrong), "{wrong}");
        }
    }

    #[test]
    fn upper_and_lower_case_differ_only_where_the_code_system_says_so() {
        let read = |json: &str| {
            let tree = crate::pure::fhir::json::read(json.as_bytes(), &Default::default()).unwrap();
            CodeSystem::build(tree.root()).unwrap()
        };
        let loose = read(r#"{"url":"u:a","content":"complete","concept":[{"code":"MR","concept":[{"code":"b"}]}]}"#);
        assert!(loose.find("mr").is_some() && loose.find("MR").is_some() && loose.is_below("B", "mR"));
        let strict = read(r#"{"url":"u:a","content":"complete","caseSensitive":true,"concept":[{"code":"MR"}]}"#);
        assert!(strict.find("mr").is_none() && strict.find("MR").is_some());
    }

    #[test]
    fn rules_know_codes_without_a_list() {
        for (system, right, wrong) in [
            ("http://unitsofmeasure.org", "mg/dL", "no-such-unit"),
            ("urn:ietf:bcp:47", "en-GB", "english language"),
            ("urn:ietf:bcp:13", "text/plain; charset=utf-8", "no type"),
            ("urn:iso:std:iso:4217", "GBP", "XYZ"),
        ] {
            assert_eq!(by_rule(system, right), Some(true), "{system} {right}");
            assert_eq!(by_rule(system, wrong), Some(false), "{system} {wrong}");
        }
    }
}
