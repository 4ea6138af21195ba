//! Security labels: how confidential, of what kind, and what the gateway's own sets add. Raised, never lowered.

use super::policy::{Policy, Sets};
use super::record::Prepared;
use super::rules::RuleId;
use super::words::{ACT_CODE, ACT_REASON, CONFIDENTIALITY, Code, OBSERVATION_VALUE, Truth, plain_system};
use crate::pure::fhir::{Item, Kind};

/// One label of a resource, and what put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its system: v3 Confidentiality, v3 ActCode, or the sender's own.
    pub system: String,
    /// Its code.
    pub code: String,
    /// The policy's set that put it there; none where the sender wrote it, on the resource or on an element of it.
    pub set: Option<String>,
    /// Whether it goes with what is released.
    pub told: bool,
}

/// What the labelling of a resource comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelling {
    /// The labels, those that the sender wrote first.
    pub labels: Vec<Label>,
    /// The high-water mark: `N`, `R` or `V`.
    pub confidentiality: &'static str,
    /// One of the labels is not known to the policy: an objection to any label reaches the resource.
    pub unknown: bool,
    /// A sensitive word stands in it: nobody gets it before somebody has looked.
    pub held: bool,
    /// The law that bars it.
    pub bar: Option<RuleId>,
}

/// The labels that the gateway gives a resource, contained resources and elements included, with what put each there.
#[must_use]
pub fn labelling(resource: Item<'_>, policy: &Policy) -> Labelling {
    let prepared = Prepared::of(&[resource], Vec::new(), policy);
    let mut all = Labels::default();
    for labels in prepared.labels() {
        all.unknown |= labels.unknown;
        all.held |= labels.held;
        all.bar = all.bar.or(labels.bar);
        all.confidentiality = all.confidentiality.max(labels.confidentiality);
        let new: Vec<usize> = labels.sets.iter().copied().filter(|s| !all.sets.contains(s)).collect();
        all.sets.extend(new);
    }
    let mut labels = Vec::new();
    for coding in resource.descendants().into_iter().flat_map(said) {
        let part = |name| coding.str_at(&[name]).unwrap_or_default().to_owned();
        let label = Label { system: part("system"), code: part("code"), set: None, told: true };
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    for set in all.sets.iter().map(|s| &policy.sets.sets[*s]) {
        let label = |system: &str, code: &str| Label {
            system: system.to_owned(),
            code: code.to_owned(),
            set: Some(set.id.clone()),
            told: set.told,
        };
        labels.extend(set.label.as_deref().map(|code| label(ACT_CODE, code)));
        labels.push(label(CONFIDENTIALITY, RANKS[usize::from(set.confidentiality)]));
    }
    let confidentiality = RANKS[usize::from(all.confidentiality)];
    Labelling { labels, confidentiality, unknown: all.unknown, held: all.held, bar: all.bar }
}

/// The labels that the policy's sets put on a resource as it is, and that its recipient may be told: system and code. None
/// that is no higher than what the resource says by itself.
pub(super) fn told(resource: Item<'_>, sets: &Sets) -> Vec<(&'static str, String)> {
    let mut labels = Labels::default();
    for item in resource.descendants() {
        match item.kind() {
            Kind::String => labels.see_text(item, sets),
            Kind::Object => {
                let code = item.str_at(&["code"]);
                code.into_iter().for_each(|code| labels.see_code(item.str_at(&["system"]), code, sets));
            }
            _ => {}
        }
    }
    let own = said(resource);
    let said_rank = own.iter().filter(|c| c.str_at(&["system"]).map(plain_system) == Some(CONFIDENTIALITY));
    let highest = said_rank.filter_map(|c| rank(c.str_at(&["code"])?)).max().unwrap_or(NORMAL);
    let mut found = Vec::new();
    for set in labels.sets.iter().map(|s| &sets.sets[*s]).filter(|s| s.told) {
        let new = set.label.as_deref().filter(|l| !own.iter().any(|c| c.str_at(&["code"]) == Some(l)));
        found.extend(new.map(|label| (ACT_CODE, label.to_owned())));
        if set.confidentiality > highest {
            found.push((CONFIDENTIALITY, RANKS[usize::from(set.confidentiality)].to_owned()));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The labels that an object carries: those of `meta.security`, and of an inline label.
fn said(item: Item<'_>) -> Vec<Item<'_>> {
    let inline = is_inline_label(item).then(|| item.get("valueCoding")).flatten();
    let meta = item.resource_type().and_then(|_| item.get("meta"));
    meta.into_iter().flat_map(|m| m.all("security")).chain(inline).collect()
}

/// Whether an object is the extension that labels the element it stands on (DS4P `inline-sec-label`).
pub(super) fn is_inline_label(item: Item<'_>) -> bool {
    item.str_at(&["url"]).is_some_and(|u| u.ends_with("inline-sec-label"))
}

const RANKS: [&str; 6] = ["U", "L", "M", "N", "R", "V"];
/// Rank of `N`, normal.
pub(super) const NORMAL: u8 = 3;
/// Rank of `R`, restricted.
pub(super) const RESTRICTED: u8 = 4;

/// The rank of a v3 Confidentiality code: U, L, M, N, R, V upwards.
pub(super) fn rank(code: &str) -> Option<u8> {
    RANKS.iter().position(|c| *c == code).map(|i| u8::try_from(i).unwrap_or(5))
}

/// The labels of one resource, or of one element that carries its own.
#[derive(Clone, Debug)]
pub(super) struct Labels<'t> {
    /// The high-water mark. Never below normal: `U` on a patient of PDS means "not flagged", not "public".
    pub confidentiality: u8,
    /// Codes of v3 ActCode and of other systems we know.
    pub kinds: Vec<&'t str>,
    /// A label of a system or code that the policy does not know.
    pub unknown: bool,
    /// The policy's sets that it is in.
    pub sets: Vec<usize>,
    /// A legal bar of one of them.
    pub bar: Option<RuleId>,
    /// A sensitive word stands in its text: nobody may send it before somebody has looked.
    pub held: bool,
}

impl Default for Labels<'_> {
    fn default() -> Self {
        let (kinds, sets) = (Vec::new(), Vec::new());
        Labels { confidentiality: NORMAL, kinds, unknown: false, sets, bar: None, held: false }
    }
}

/// Where what a resource says is no text for people: addresses, ids, bytes.
const NO_WORDS: [&str; 11] =
    ["system", "url", "reference", "id", "profile", "fullUrl", "resourceType", "linkId", "data", "contentType", "hash"];

impl<'t> Labels<'t> {
    /// Takes up one Coding of `meta.security`, or of an inline label.
    pub fn add(&mut self, coding: Item<'t>, policy: &Policy) {
        let code = coding.str_at(&["code"]).unwrap_or_default();
        match coding.str_at(&["system"]).map(plain_system) {
            Some(CONFIDENTIALITY) => match rank(code) {
                Some(rank) => self.confidentiality = self.confidentiality.max(rank),
                None => self.unknown = true,
            },
            Some(ACT_CODE) if code != PROCESS_INLINE => {
                self.unknown |= !policy.sets.knows(code);
                self.kinds.push(code);
            }
            // how to read the resource, and nothing of what it says; R4's own ActCode does not have it yet
            _ if code == PROCESS_INLINE => {}
            // a purpose on the data, and how it was altered, say nothing about how sensitive it is
            Some(ACT_REASON | OBSERVATION_VALUE) => {}
            _ => {
                self.unknown = true;
                self.kinds.push(code);
            }
        }
    }

    /// Takes up a code found anywhere in the resource: the policy's sets raise, and never lower.
    pub fn see_code(&mut self, system: Option<&str>, code: &str, sets: &'t Sets) {
        let system = system.map(one_name);
        self.unknown |= sets.is_blind();
        for set in sets.of(system, code) {
            self.raise(set, sets);
        }
        if system == Some(SNOMED) && !code.bytes().all(|b| b.is_ascii_digit()) {
            // an expression, or a code with its words: each concept in it counts
            for concept in code.split(|c: char| !c.is_ascii_digit()).filter(|c| c.len() > 5) {
                sets.of(system, concept).for_each(|set| self.raise(set, sets));
            }
        }
    }

    /// Takes up a text found anywhere in the resource.
    pub fn see_text(&mut self, item: Item<'_>, sets: &'t Sets) {
        let name = if item.key().is_empty() { item.parent().map_or("", Item::key) } else { item.key() };
        if item.text().len() < 3 || NO_WORDS.contains(&name) {
            return;
        }
        if item.text().is_ascii() && name != "div" {
            return self.see_words(item.text(), sets);
        }
        readings(item.text(), name == "div").iter().for_each(|text| self.see_words(text, sets));
    }

    fn see_words(&mut self, text: &str, sets: &'t Sets) {
        for set in sets.named_in(text) {
            self.held |= sets.sets[set].words_hold;
            self.raise(set, sets);
        }
    }

    /// Raises by one of the policy's own sets.
    fn raise(&mut self, set: usize, sets: &'t Sets) {
        if self.sets.contains(&set) {
            return;
        }
        self.sets.push(set);
        let set = &sets.sets[set];
        self.confidentiality = self.confidentiality.max(set.confidentiality);
        self.bar = self.bar.or(set.bar);
        if let Some(label) = set.label.as_deref().filter(|l| !self.kinds.contains(l)) {
            self.kinds.push(label);
        }
    }

    /// Whether any of a permit's labels covers it: at most as confidential, or of that kind.
    pub fn within(&self, wanted: &[Code], policy: &Policy) -> Truth {
        self.each(wanted, |code| Truth::from(self.confidentiality <= code), policy)
    }

    /// Whether any of a deny's labels hits it: at least as confidential, or of that kind; a label we do not know might be.
    pub fn at_least(&self, wanted: &[Code], policy: &Policy) -> Truth {
        let found = self.each(wanted, |code| Truth::from(self.confidentiality >= code), policy);
        if self.unknown { found.or(Truth::Unknown) } else { found }
    }

    fn each(&self, wanted: &[Code], by_rank: impl Fn(u8) -> Truth, policy: &Policy) -> Truth {
        let mut found = Truth::False;
        for code in wanted {
            let one = match code.system.as_deref() {
                Some(CONFIDENTIALITY) => rank(&code.code).map_or(Truth::Unknown, &by_rank),
                _ => self.kinds.iter().map(|k| policy.label_reaches(&code.code, k)).max().unwrap_or(Truth::False),
            };
            found = found.or(one);
        }
        found
    }
}

/// Labels as a request states them, without a resource.
pub(super) fn stated<'t>(codes: &'t [Code], policy: &Policy) -> Labels<'t> {
    let mut labels = Labels::default();
    for code in codes {
        match code.system.as_deref() {
            Some(CONFIDENTIALITY) => match rank(&code.code) {
                Some(rank) => labels.confidentiality = labels.confidentiality.max(rank),
                None => labels.unknown = true,
            },
            _ => {
                labels.unknown |= !policy.sets.knows(&code.code);
                labels.kinds.push(&code.code);
            }
        }
    }
    labels
}

/// DS4P: the elements of the resource carry labels of their own.
pub(super) const PROCESS_INLINE: &str = "PROCESSINLINELABEL";
const SNOMED: &str = "http://snomed.info/sct";

/// The one name of a code system: those of an edition, and its OID, are the same codes.
fn one_name(system: &str) -> &str {
    match system {
        "urn:oid:2.16.840.1.113883.6.96" => SNOMED,
        "urn:oid:2.16.840.1.113883.6.3" => "http://hl7.org/fhir/sid/icd-10",
        "urn:oid:2.16.840.1.113883.6.1" => "http://loinc.org",
        _ if system.strip_prefix(SNOMED).is_some_and(|rest| rest.starts_with('/')) => SNOMED,
        _ => plain_system(system),
    }
}

/// A text as people read it, without what only hides a word: characters of no width, tags, character references. Tags
/// may stand inside a word or between two, so markup is read both ways.
fn readings(text: &str, is_markup: bool) -> Vec<String> {
    const NO_WIDTH: [char; 7] = ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{180e}'];
    let bare = |text: &str| text.replace(NO_WIDTH, "");
    if is_markup {
        return vec![bare(&without_tags(text, "")), bare(&without_tags(text, " "))];
    }
    vec![bare(text)]
}

/// XHTML as its text, with `gap` for each tag.
fn without_tags(html: &str, gap: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with('<') { rest.find('>') } else { rest.find(';').filter(|end| *end < 12) };
        let Some(end) = end else {
            out.push_str(rest);
            return out;
        };
        match rest[1..end].strip_prefix('#').filter(|_| rest.starts_with('&')) {
            Some(number) => out.extend(character(number)),
            None if rest.starts_with('&') => out.push(if &rest[1..end] == "shy" { '\u{ad}' } else { ' ' }),
            None => out.push_str(gap),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

fn character(number: &str) -> Option<char> {
    let hexadecimal = number.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16).ok());
    char::from_u32(hexadecimal.unwrap_or_else(|| number.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::{one_name, readings};

    #[test]
    fn a_word_does_not_hide_in_markup() {
        let read = |html: &str| readings(html, true).join(" | ");
        assert!(read("<div><p>in v<b>i</b>tro</p><p>fertilisation</p></div>").contains("in vitro"));
        assert!(read("<p>in</p><p>vitro</p>").contains("in  vitro"));
        assert!(read("&#105;n&nbsp;v&#x69;tro").contains("in vitro"));
        assert!(read("vi&shy;tro vi\u{200b}tro").contains("vitro vitro"));
        assert!(read("a < b & c").contains("a "));
        assert_eq!(readings("vi\u{ad}tro", false), ["vitro"]);
    }

    #[test]
    fn an_edition_and_an_oid_name_the_same_system() {
        assert_eq!(one_name("http://snomed.info/sct/83821000000107"), "http://snomed.info/sct");
        assert_eq!(one_name("urn:oid:2.16.840.1.113883.6.96"), "http://snomed.info/sct");
        assert_eq!(one_name("http://snomed.info/scta"), "http://snomed.info/scta");
    }
}
