//! The decision, told a second time: slowly and plainly, from the Consents' own JSON and the words of `sharing-choices`.
//!
//! It shares no code with the engine; both read the same rule files. Where they differ, one of them is wrong: the page says
//! which. Steps and rules are numbered as in `sharing-choices` §4 and §3.4; reading a Consent is in `twin_reading`.

use super::consents::RESOURCE_TYPES;
use super::plans;
use super::records::{self, full_url};
use super::twin_reading::{Choice, Rule, T, interval, names, reads, same, same_reference, truth};
use super::twin_rules::{Rules, rules};
use super::world::{ACT_CODE, Ask, CONFIDENTIALITY, Case, Facts, Part, Speaker};
use std::collections::BTreeSet;

/// What the twin says: the outcome, the first rule, every rule with its effect, and what stays, by which rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub outcome: &'static str,
    pub first: String,
    /// `permit C2`, `deny R1`.
    pub rules: BTreeSet<String>,
    /// Names of the resources that go.
    pub goes: BTreeSet<String>,
    /// Resources and elements that stay, with the rule: `Condition/a R1`, `CarePlan/plan.goal R2`.
    pub stays: BTreeSet<String>,
}

/// A resource, or an element of one, that stays or goes by itself.
struct Unit<'c> {
    part: &'c Part,
    /// None: the whole resource.
    element: Option<String>,
    sections: Vec<String>,
    /// A bar that stands on this alone.
    bar: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Verdict {
    goes: bool,
    rule: String,
    /// The permit is for some sections only.
    some_sections: bool,
    /// The permit names both the recipient and the data.
    explicit: bool,
}

fn verdict(goes: bool, rule: &str) -> Verdict {
    Verdict { goes, rule: rule.to_owned(), some_sections: false, explicit: false }
}

/// Decides.
pub fn decide(case: &Case) -> Answer {
    let rules = rules();
    let counted = which_count(case, rules);
    let units: Vec<Unit<'_>> = case.parts.iter().flat_map(|p| units(p, case, rules)).collect();
    let gate = gate(case, &counted, rules);
    let mut verdicts: Vec<Verdict> = units.iter().map(|u| judge(u, case, &counted, gate, rules)).collect();
    let stays_with_its_resource = |verdicts: &mut Vec<Verdict>| {
        let mut owner = 0;
        for at in 0..units.len() {
            if units[at].element.is_none() {
                owner = at;
            } else if !verdicts[owner].goes && verdicts[at].goes {
                verdicts[at] = verdicts[owner].clone();
            }
        }
    };
    stays_with_its_resource(&mut verdicts);
    never_alone(&units, &mut verdicts);
    stays_with_its_resource(&mut verdicts);
    gather(&units, &verdicts, case, &counted, gate)
}

// ---- step 1, 5, 14: gates -------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    Open,
    /// Its own basis holds: P3 or P4.
    Basis(&'static str),
    Shut(&'static str),
}

fn gate(case: &Case, counted: &[Counted<'_>], rules: &Rules) -> Gate {
    let (ask, facts) = (&case.ask, &case.facts);
    if ask.purposes.is_empty() || ask.purposes.iter().any(|p| !ask.may.contains(p)) {
        return Gate::Shut("P1");
    }
    if ask.now - facts.read_at > rules.freshest || ask.now - facts.read_at < -60 {
        return Gate::Shut("X2");
    }
    let kinds: Vec<&str> = ask.purposes.iter().map(|p| rules.kind(p)).collect();
    // who declares an emergency need not be known to care, and then has nothing by default
    if kinds.contains(&"direct-care") && !cares(case, counted) && !emergency(case, rules) {
        return Gate::Shut("P2");
    }
    if kinds.contains(&"safeguarding") {
        return Gate::Shut("L7");
    }
    // with several purposes each has to have its own basis; care has the default's
    let of = |kind: &str| match kind {
        "secondary" => secondary_basis(case, rules).then_some("P3"),
        "patient" => own_access(case).then_some("P4"),
        _ => None,
    };
    match kinds.iter().map(|k| of(k)).collect::<Option<Vec<_>>>() {
        Some(bases) => Gate::Basis(bases.into_iter().min().expect("a purpose")),
        None => Gate::Open,
    }
}

fn cares(case: &Case, counted: &[Counted<'_>]) -> bool {
    let ask = &case.ask;
    match ask.relation {
        "presumed" => return true,
        "absent" => return false,
        _ => {}
    }
    let in_time = |f: Option<i64>, u: Option<i64>| f.is_none_or(|f| f <= ask.now) && u.is_none_or(|u| ask.now < u);
    let recorded = ask.person.is_none()
        && case.facts.cares.iter().any(|(who, from, until)| *who == ask.ods && in_time(*from, *until));
    let named = counted.iter().filter(|c| c.may_permit).flat_map(|c| c.choice.readings.iter().flatten()).any(|rule| {
        rule.permits && asks_about(rule, ask) == T::Yes && names(&rule.of("actor"), ask, true) >= (T::Yes, 2)
    });
    recorded || named || ask.person == Some(plans::NUMBER) || (ask.self_claimed && rules().self_claimed)
}

/// P3: a basis of the list is declared, and where the opt-out applies to it, it was checked and is clear.
fn secondary_basis(case: &Case, rules: &Rules) -> bool {
    let holds = |basis: &str| {
        let stopped = rules.opt_out_applies_to.iter().any(|b| b == basis) && case.facts.opted_out != Some(false);
        basis != "explicit-consent" && rules.bases.iter().any(|b| b == basis) && !stopped
    };
    case.ask.bases.iter().any(|b| holds(b))
}

/// P4: the person themself. (No generated case has a proxy's role; the published cases of NHS VRS do.)
fn own_access(case: &Case) -> bool {
    case.ask.person == Some(plans::NUMBER)
}

// ---- step 2: whose, and which parts ---------------------------------------------------------------------------------------

fn units<'c>(part: &'c Part, case: &Case, rules: &Rules) -> Vec<Unit<'c>> {
    let own = sections_of(part, rules);
    let unit = |element: Option<String>, sections: Vec<String>| Unit { part, element, sections, bar: None };
    let mut units = vec![unit(None, own.clone())];
    let mut extensions = 0;
    for element in &part.elements {
        let Some(targets) = records::targets(part, element, &case.parts) else { continue };
        let (path, sections) = match *element {
            "goal" | "focus" => ((*element).to_owned(), vec!["goals"]),
            "addresses" | "reasonReference" => ((*element).to_owned(), vec!["needs"]),
            "activity" => ("activity".to_owned(), vec!["actions"]),
            "careTeam" | "address" | "telecom" => ((*element).to_owned(), vec!["contacts"]),
            "note" => ("note".to_owned(), vec!["whole-plan"]),
            "supportingInfo" => {
                for (at, target) in targets.iter().enumerate() {
                    units.push(unit(Some(format!("supportingInfo[{at}]")), sections_of(target, rules)));
                }
                continue;
            }
            other => {
                extensions += 1;
                let section = if other == "budget" { "budget" } else { "legal-capacity" };
                (format!("extension[{}]", extensions - 1), vec![section])
            }
        };
        units.push(unit(Some(path), sections.into_iter().map(str::to_owned).collect()));
    }
    if part.contained.is_some() {
        units.push(unit(Some("contained[0]".to_owned()), vec!["needs".to_owned(), "whole-plan".to_owned()]));
    }
    let against = |b: &super::world::Bar| match (b.against, case.ask.person) {
        (None, _) => true,
        (Some(ods), None) => ods == case.ask.ods,
        // an app of a person has no ODS code: it cannot be told
        (Some(_), Some(_)) => true,
    };
    for bar in case.facts.bars.iter().filter(|b| against(b) && b.reference == part.name()) {
        units[0].bar = Some(bar.rule);
    }
    if case.facts.restricted {
        for element in part.elements.iter().filter(|e| rules.tells_a_place(part.type_, e)) {
            let bar = Some("L4");
            units.push(Unit { part, element: Some((*element).to_owned()), sections: own.clone(), bar });
        }
    }
    units
}

fn sections_of(part: &Part, rules: &Rules) -> Vec<String> {
    let own: &[&str] = match part.type_ {
        "Patient" | "CarePlan" | "Organization" | "Practitioner" => &[],
        "Condition" => &["needs"],
        "Goal" => &["goals"],
        "Task" => &["actions"],
        "Observation" | "QuestionnaireResponse" => &["about-me"],
        "DocumentReference" => &["documents"],
        "Flag" => &["safeguarding"],
        "RelatedPerson" | "CareTeam" => &["contacts"],
        "Consent" => &["whole-plan", "end-of-life"],
        _ => &["whole-plan"],
    };
    let mut found: Vec<String> = own.iter().map(|s| (*s).to_owned()).collect();
    let known = |tag: &str| records::SECTIONS.contains(&tag);
    found.extend(part.tags.iter().map(|t| if known(t) { *t } else { "whole-plan" }.to_owned()));
    // the sender's labels, and those of the gateway's own sets
    found.extend(labels(part, rules).kinds.iter().filter_map(|code| rules.section_of_label(ACT_CODE, code)));
    found.sort();
    found.dedup();
    found
}

// ---- labels: the sender's, and the gateway's own, raised and never lowered ------------------------------------------------

struct Labels<'c> {
    rank: usize,
    kinds: Vec<String>,
    unknown: bool,
    bar: Option<String>,
    codes: Vec<(&'c str, &'c str)>,
    /// A word of a sensitive set stands in its text.
    look_first: bool,
}

fn labels<'c>(part: &'c Part, rules: &Rules) -> Labels<'c> {
    let codes: Vec<(&str, &str)> = part.codes.iter().copied().chain(part.contained).collect();
    let mut found = Labels { rank: 3, kinds: Vec::new(), unknown: false, bar: None, codes, look_first: false };
    let counts = |l: &&(&str, &str)| part.type_ != "Patient" || !rules.speaks_of_the_address(l);
    for (system, code) in part.labels.iter().filter(counts) {
        match *system {
            CONFIDENTIALITY => match rules.rank(code) {
                Some(rank) => found.rank = found.rank.max(rank),
                None => found.unknown = true,
            },
            _ => {
                found.unknown |= *system != ACT_CODE || !rules.knows(code);
                found.kinds.push((*code).to_owned());
            }
        }
    }
    for set in &rules.sets {
        let named = set.speaks_in(part.text);
        if named || found.codes.iter().any(|c| set.has(c)) {
            found.look_first |= named && set.holds;
            found.rank = found.rank.max(set.rank);
            found.kinds.extend(set.label.clone());
            found.bar = found.bar.or(set.bar.clone());
        }
    }
    found
}

// ---- step 6: which choices count ---------------------------------------------------------------------------------------------

struct Counted<'c> {
    choice: Choice<'c>,
    may_permit: bool,
    /// Why it does not count, or not in full.
    note: Option<&'static str>,
    counts: bool,
    /// It agreed to this, for a time that is not now.
    ended: bool,
}

fn which_count<'c>(case: &'c Case, rules: &Rules) -> Vec<Counted<'c>> {
    let all: Vec<Choice<'c>> = case.consents.iter().map(|c| reads(c)).collect();
    let mut found = Vec::new();
    for choice in &all {
        let mine = same(&choice.json["patient"], &["Patient/winifred"], &[(plans::NHS, plans::NUMBER)]);
        let asked_for = case.ask.category.is_none_or(|asked| {
            choice.unread
                || choice.json["category"].as_array().into_iter().flatten().any(|c| c["coding"][0]["code"] == asked)
        });
        if choice.other_scope || mine == T::No || !asked_for {
            continue;
        }
        let mut counted =
            Counted { choice: choice.clone(), may_permit: false, note: Some("C6"), counts: false, ended: false };
        let validity =
            interval(choice.validity.as_ref()).map_or(T::Yes, |s| truth(s.0 <= case.ask.now && case.ask.now < s.1));
        if choice.standing != "active" {
            found.push(counted);
            continue;
        }
        let replaced = all.iter().map(|other| replaces(other, choice, case)).max().unwrap_or(T::No);
        if replaced == T::Yes {
            continue;
        }
        if validity == T::No {
            let about = |r: &Rule| purpose(r, &case.ask, rules).min(action(r, &case.ask));
            let perhaps = |r: &Rule| names(&r.of("actor"), &case.ask, true).0 != T::No;
            let mut all = choice.readings.iter().flatten();
            counted.ended = all.any(|r| r.permits && about(r) == T::Yes && perhaps(r));
            found.push(counted);
            continue;
        }
        let authority = authority(choice, &case.facts, case.ask.now);
        counted.counts = authority != T::No;
        // tried and not verified: neither leave nor void
        let verified = choice.unread || choice.json["verification"][0]["verified"] != false;
        counted.may_permit = authority.min(mine) == T::Yes && replaced == T::No && verified;
        counted.note = if counted.may_permit { None } else { Some("C7") };
        found.push(counted);
    }
    found
}

/// A later word under the same identifier, by somebody who may say it. Not certain: then only the objections of both count.
fn replaces(other: &Choice<'_>, one: &Choice<'_>, case: &Case) -> T {
    let key = |c: &Choice<'_>| {
        let identifier = &c.json["identifier"][0];
        Some((identifier["system"].as_str()?.to_owned(), identifier["value"].as_str()?.to_owned()))
    };
    let version = |c: &Choice<'_>| c.json["meta"]["versionId"].as_str().and_then(|v| v.parse::<u64>().ok());
    let later = match (other.dated, one.dated) {
        (Some(a), Some(b)) if a == b => version(other) > version(one),
        (Some(a), Some(b)) => a > b,
        _ => false,
    };
    let in_force_once = matches!(other.standing, "active" | "ended");
    if key(one).is_none() || key(one) != key(other) || !later || !in_force_once {
        return T::No;
    }
    other.is_of_the_patient_of(one).min(authority(other, &case.facts, case.ask.now))
}

/// C7: the person's own word, or that of somebody with the right to speak for them.
fn authority(choice: &Choice<'_>, facts: &Facts, now: i64) -> T {
    let word = choice.decided_by();
    let others = choice.performers_other_than_the_patient();
    if matches!(word, None | Some("person")) && others.is_empty() {
        let child = facts.capacity == "presumed" && facts.age.is_some_and(|a| a < 16);
        return if child { T::Perhaps } else { T::Yes };
    }
    if !facts.checked && facts.speakers.is_empty() {
        return T::Yes;
    }
    let right = match word {
        Some("lpa-health-welfare") => Some("attorney"),
        Some("parental-responsibility") => Some("parent"),
        Some("best-interests") => Some("best-interests"),
        _ => None,
    };
    let meant = |s: &&Speaker| {
        if others.is_empty() { right.is_none_or(|r| r == s.right) } else { others.contains(&s.who) }
    };
    // their right has to be in force now; where it was when they chose, and is over, their objection is still heard
    let chose = |s: &Speaker| match may_choose(s, facts, now) {
        T::No if may_ever(s, facts) != T::No && in_office(s, facts, choice.dated.unwrap_or(now).min(now)) => T::Perhaps,
        may => may,
    };
    facts.speakers.iter().filter(meant).map(chose).max().unwrap_or(T::Perhaps)
}

fn in_office(speaker: &Speaker, facts: &Facts, at: i64) -> bool {
    facts.died.is_none_or(|d| at < d) && speaker.until.is_none_or(|u| at < u)
}

/// As if nobody had died and no order had ended.
fn may_ever(speaker: &Speaker, facts: &Facts) -> T {
    may_choose(&Speaker { until: None, ..speaker.clone() }, &Facts { died: None, ..facts.clone() }, 0)
}

/// §3.2: who may choose, when.
fn may_choose(speaker: &Speaker, facts: &Facts, now: i64) -> T {
    let alive = facts.died.is_none_or(|d| now < d);
    let in_time = speaker.until.is_none_or(|u| now < u);
    let lacks = facts.capacity == "lacks";
    let right = match speaker.right {
        "attorney" => truth(speaker.registered && lacks),
        "deputy" | "best-interests" => truth(lacks),
        "parent" => match (facts.capacity, facts.age) {
            ("has", _) => T::No,
            (_, Some(age)) => truth(age < 16),
            (_, None) => T::Perhaps,
        },
        "money" => T::No,
        _ => T::Perhaps,
    };
    truth(alive && in_time).min(right)
}

// ---- step 7: does a rule speak about this ---------------------------------------------------------------------------------

/// Purpose and action.
fn speaks(rule: &Rule, ask: &Ask, rules: &Rules) -> T {
    purpose(rule, ask, rules).min(action(rule, ask)).min(if rule.unclear { T::Perhaps } else { T::Yes })
}

fn asks_about(rule: &Rule, ask: &Ask) -> T {
    let in_force = interval(rule.says.get("period")).map_or(T::Yes, |s| truth(s.0 <= ask.now && ask.now < s.1));
    speaks(rule, ask, rules()).min(names(&rule.of("actor"), ask, rule.permits).0).min(in_force)
}

fn purpose(rule: &Rule, ask: &Ask, rules: &Rules) -> T {
    let stated = rule.codes_of("purpose");
    if stated.is_empty() {
        let care = ask.purposes.iter().all(|p| matches!(rules.kind(p), "direct-care" | "patient"));
        return if !rule.permits || care { T::Yes } else { T::Perhaps };
    }
    let covered = |asked: &&&str| stated.iter().any(|(_, p)| rules.purpose_covers(p, asked, !rule.permits));
    let count = ask.purposes.iter().filter(|p| covered(p)).count();
    if count == 0 {
        T::No
    } else if rule.permits && count < ask.purposes.len() {
        T::Perhaps
    } else {
        T::Yes
    }
}

fn action(rule: &Rule, ask: &Ask) -> T {
    let stated = rule.codes_of("action");
    let known: Vec<&str> = stated.iter().map(|(_, c)| c.as_str()).filter(|c| *c != "odd").collect();
    if rule.says.get("action").is_none() || known.is_empty() || known.contains(&ask.action) {
        return T::Yes;
    }
    let reveals = ask.action != "correct" && known.iter().any(|a| *a != "correct");
    if !rule.permits && reveals { T::Perhaps } else { T::No }
}

/// All that a rule asks of the data.
fn data(rule: &Rule, unit: &Unit<'_>, case: &Case, rules: &Rules) -> T {
    let found = labels(unit.part, rules);
    let mut answer = T::Yes;
    if rule.says.contains_key("class") {
        answer = answer.min(class(rule, unit));
    }
    if rule.says.contains_key("securityLabel") {
        let by = |rank: usize| if rule.permits { found.rank <= rank } else { found.rank >= rank };
        let one = |(system, code): &(String, String)| match system.as_str() {
            CONFIDENTIALITY => rules.rank(code).map_or(T::Perhaps, |r| truth(by(r))),
            _ => found.kinds.iter().map(|k| rules.label_reaches(code, k)).max().unwrap_or(T::No),
        };
        let hit = rule.codes_of("securityLabel").iter().map(one).max().unwrap_or(T::No);
        let doubt = if found.unknown && !rule.permits { T::Perhaps } else { T::No };
        answer = answer.min(hit.max(doubt));
    }
    if rule.says.contains_key("code") {
        let wanted = rule.codes_of("code");
        let hit = found.codes.iter().any(|(s, c)| wanted.iter().any(|(ws, wc)| s == ws && c == wc));
        // what the policy counts to one sensitive set is kept back together
        let beside = |code: &(&str, &str)| {
            let both = |s: &&super::twin_rules::Set| s.has(code) && wanted.iter().any(|(ws, wc)| s.has(&(ws, wc)));
            rules.sets.iter().any(|s| both(&s))
        };
        let beside = !rule.permits && found.codes.iter().any(beside);
        // words without a code might mean it
        let worded = records::has(unit.part.type_, "code") || unit.part.elements.contains(&"note");
        let doubt = beside || (found.codes.is_empty() && worded);
        answer = answer.min(if hit {
            T::Yes
        } else if doubt {
            T::Perhaps
        } else {
            T::No
        });
    }
    if rule.says.contains_key("data") {
        let all = rule.says["data"].as_array().into_iter().flatten();
        let one = |d: &serde_json::Value| {
            let name = d["reference"]["reference"].as_str().unwrap_or_default();
            reaches(d["meaning"].as_str().unwrap_or_default(), name, rule.permits, unit.part, case)
        };
        answer = answer.min(all.map(one).max().unwrap_or(T::No));
    }
    if let Some((from, until)) = interval(rule.says.get("dataPeriod")) {
        // a date of birth is no time of the data
        let day = unit.part.date;
        let inside = day.map(|d| interval(Some(&serde_json::json!({ "start": d, "end": d }))).expect("a day"));
        answer = answer.min(match inside {
            None => T::Perhaps,
            Some((start, end)) if rule.permits => truth(from <= start && end <= until),
            Some((start, end)) => truth(start < until && from < end),
        });
    }
    answer
}

fn class(rule: &Rule, unit: &Unit<'_>) -> T {
    let stated = rule.codes_of("class");
    let by_type = stated.iter().any(|(s, c)| s == RESOURCE_TYPES && c == unit.part.type_);
    let named: Vec<&str> = stated.iter().filter(|(s, _)| s == plans::SECTION).map(|(_, c)| c.as_str()).collect();
    if by_type || named.is_empty() {
        return truth(by_type);
    }
    let whole = named.contains(&"whole-plan");
    let has = |s: &String| s != "whole-plan" && named.contains(&s.as_str());
    truth(if rule.permits { whole || unit.sections.iter().all(has) } else { whole || unit.sections.iter().any(has) })
}

fn reaches(meaning: &str, name: &str, permits: bool, part: &Part, case: &Case) -> T {
    let is = |p: &Part, n: &str| same_reference(&full_url(p), n).max(same_reference(&p.name(), n));
    if meaning == "authoredby" {
        let authored = records::has(part.type_, "author")
            || ["CarePlan", "Goal", "QuestionnaireResponse", "Consent"].contains(&part.type_);
        return match part.author {
            Some(author) => same_reference(author, name),
            None => {
                if authored {
                    T::Perhaps
                } else {
                    T::No
                }
            }
        };
    }
    let refers = |p: &Part, to: &dyn Fn(&str) -> T| refers_to(p, case).iter().map(|r| to(r)).max().unwrap_or(T::No);
    let itself = is(part, name);
    let inward = refers(part, &|r| same_reference(r, name));
    let from = case.parts.iter().find(|p| is(p, name) == T::Yes);
    let outward = from.map(|f| refers(f, &|r| is(part, r)));
    match (meaning, permits) {
        ("instance", _) => itself,
        ("related", true) => itself.max(outward.unwrap_or(T::Perhaps)),
        ("dependents", true) => itself.max(inward),
        // an objection takes both directions; where what it names is not at hand, what that refers to is not known
        ("related", false) => itself.max(inward).max(outward.unwrap_or(T::Perhaps)),
        _ => itself.max(inward).max(if outward == Some(T::Yes) { T::Yes } else { T::No }),
    }
}

/// Every reference that stands in the resource.
fn refers_to(part: &Part, case: &Case) -> Vec<String> {
    let mut found = part.refers.clone();
    if !matches!(part.type_, "Patient" | "Organization" | "Practitioner") {
        found.push(if part.whose == "anothers" { "Patient/other" } else { "Patient/winifred" }.to_owned());
    }
    found.extend(part.author.map(str::to_owned));
    for element in &part.elements {
        found.extend(records::targets(part, element, &case.parts).into_iter().flatten().map(Part::name));
    }
    found
}

/// How narrowly a rule names the data: instance 3, code, author or period 2, label or class 1, all 0.
fn data_rank(rule: &Rule) -> u8 {
    let has = |name: &str| rule.says.contains_key(name);
    let data = rule.says.get("data").and_then(|d| d.as_array()).into_iter().flatten();
    if data.clone().any(|d| d["meaning"] != "authoredby") {
        3
    } else if has("data") || has("code") || has("dataPeriod") {
        2
    } else {
        u8::from(has("securityLabel") || has("class"))
    }
}

/// What one choice says of a unit: of the rules that fire the deepest, and of those the denies. A permit fires where it is
/// certain to apply, a deny where it might.
fn claims<'r>(counted: &'r Counted<'_>, unit: &Unit<'_>, case: &Case, rules: &Rules) -> Vec<&'r Rule> {
    let mut permits = Vec::new();
    for reading in &counted.choice.readings {
        let fires = |r: &&Rule| {
            let truth = asks_about(r, &case.ask).min(data(r, unit, case, rules));
            if r.permits { truth == T::Yes } else { truth >= T::Perhaps }
        };
        let fired: Vec<&Rule> = reading.iter().filter(fires).collect();
        let deepest = fired.iter().map(|r| r.depth).max();
        let (yes, no): (Vec<&Rule>, Vec<&Rule>) =
            fired.into_iter().filter(|r| Some(r.depth) == deepest).partition(|r| r.permits);
        if !no.is_empty() {
            return no;
        }
        permits.extend(yes);
    }
    if counted.may_permit { permits } else { Vec::new() }
}

// ---- steps 3, 4, 8 to 11 -------------------------------------------------------------------------------------------------------

fn judge(unit: &Unit<'_>, case: &Case, counted: &[Counted<'_>], gate: Gate, rules: &Rules) -> Verdict {
    let (ask, facts) = (&case.ask, &case.facts);
    let labels = labels(unit.part, rules);
    let knows_whom = facts.verified != Some(false);
    if unit.part.whose == "anothers" || !knows_whom {
        return verdict(false, "L1");
    }
    if let Some(bar) = unit.bar.or(labels.bar.as_deref()) {
        let set_exemptions =
            rules.sets.iter().filter(|s| s.bar.as_deref() == Some(bar)).filter_map(|s| s.exemption.as_deref());
        let bar_exemptions = facts.bars.iter().filter(|b| b.rule == bar).filter_map(|b| b.exemption);
        let exemptions: Vec<&str> =
            if unit.bar.is_some() { bar_exemptions.collect() } else { set_exemptions.collect() };
        let exempt = exemptions.iter().any(|e| ask.bases.contains(e) && ask.roles.contains(e));
        // a law may let the person's own word lift it: one that names this recipient and this information
        let sets: Vec<&super::twin_rules::Set> = rules.sets.iter().filter(|s| s.bar.as_deref() == Some(bar)).collect();
        let may = unit.bar.is_none() && !sets.is_empty() && sets.iter().all(|s| s.consent_lifts);
        let live: Vec<&Counted<'_>> = counted.iter().filter(|c| c.counts).collect();
        let lifted = exempt || (may && weigh(&live, unit, case, rules).is_some_and(|v| v.explicit));
        if !lifted {
            return verdict(false, bar);
        }
    }
    if gate == Gate::Shut("P1") {
        return verdict(false, "P1");
    }
    let covers = |o: &&super::world::Order| unit.sections.iter().all(|s| o.sections.contains(&s.as_str()));
    if let Some(order) = orders(case).filter(covers).min_by_key(|o| o.rule) {
        return Verdict { some_sections: true, ..verdict(true, order.rule) };
    }
    let live: Vec<&Counted<'_>> = counted.iter().filter(|c| c.counts).collect();
    let said = weigh(&live, unit, case, rules);
    if let Gate::Shut(rule) = gate {
        let objected = rule == "P2" && matches!(&said, Some(v) if v.rule == "C1");
        return verdict(false, if objected { "C1" } else { rule });
    }
    if labels.look_first {
        return verdict(false, "R2");
    }
    let plain = labels.rank <= rules.highest && !labels.unknown;
    let by_default = said.is_none();
    let said = said.unwrap_or_else(|| silent(case, counted, gate, plain, rules));
    let said = if said.goes { said } else { break_glass(said, by_default, case, rules) };
    let own_words = matches!(said.rule.as_str(), "C2" | "C5");
    let too_much = rules.minimum(&ask.purposes).iter().any(|least| !unit.sections.iter().all(|s| least.contains(s)));
    if said.goes && !own_words && too_much { verdict(false, "R6") } else { said }
}

/// Orders of law (L6), and of safeguarding with somebody who decided and an end (L7), for this party, now.
fn orders(case: &Case) -> impl Iterator<Item = &super::world::Order> {
    let now = case.ask.now;
    case.facts.orders.iter().filter(move |o| {
        let complete = o.rule == "L6" || (o.decided && o.until.is_some());
        let in_time = o.from.is_none_or(|f| f <= now) && o.until.is_none_or(|u| now < u);
        complete && in_time && case.ask.person.is_none() && o.ods == case.ask.ods && !o.sections.is_empty()
    })
}

/// Step 8: a permit that beats every deny. None: nobody has said anything.
fn weigh(live: &[&Counted<'_>], unit: &Unit<'_>, case: &Case, rules: &Rules) -> Option<Verdict> {
    let mut permits = Vec::new();
    let mut denies = Vec::new();
    for (number, counted) in live.iter().enumerate() {
        for rule in claims(counted, unit, case, rules) {
            let who = names(&rule.of("actor"), &case.ask, rule.permits).1;
            let claim = (number, who, data_rank(rule), counted.choice.dated, rule);
            if rule.permits { permits.push(claim) } else { denies.push(claim) }
        }
    }
    let beats = |p: &(usize, u8, u8, Option<i64>, &Rule), d: &(usize, u8, u8, Option<i64>, &Rule)| {
        let narrower = p.1 >= d.1 && p.2 >= d.2 && (p.1, p.2) != (d.1, d.2);
        p.0 != d.0 && narrower && matches!((p.3, d.3), (Some(p), Some(d)) if p >= d)
    };
    let unread = live.iter().any(|c| c.choice.unread);
    let winners: Vec<_> = permits.iter().filter(|p| !unread && denies.iter().all(|d| beats(p, d))).collect();
    if !winners.is_empty() {
        let some_sections = winners.iter().all(|w| w.4.codes_of("class").iter().any(|(s, _)| s == plans::SECTION));
        let explicit = winners.iter().any(|w| w.1 >= 2 && w.2 >= 1);
        return Some(Verdict { some_sections, explicit, ..verdict(true, if denies.is_empty() { "C2" } else { "C5" }) });
    }
    // the objection that is cited: the one that names the party most narrowly, then the widest; what cannot be read is
    // never beaten, and hides no objection that can
    let unsure = |rule: &Rule| data(rule, unit, case, rules) != T::Yes;
    let blind = |rule: &Rule| rule.says.contains_key("securityLabel") || rule.says.contains_key("dataPeriod");
    let cite =
        |d: &(usize, u8, u8, Option<i64>, &Rule)| (std::cmp::Reverse(d.1), rule_of(d.4), unsure(d.4) && blind(d.4));
    match denies.iter().map(cite).min() {
        // no label or date to judge it by
        Some((_, _, true)) => Some(verdict(false, "X1")),
        Some((_, rule, false)) => Some(verdict(false, rule)),
        None => unread.then(|| verdict(false, "C4")),
    }
}

fn rule_of(rule: &Rule) -> &'static str {
    let has = |name: &str| rule.says.contains_key(name);
    if has("securityLabel") {
        "R1"
    } else if has("class") || has("code") {
        "R2"
    } else if has("data") || has("dataPeriod") {
        "R3"
    } else {
        "C1"
    }
}

/// Step 9.
fn silent(case: &Case, counted: &[Counted<'_>], gate: Gate, plain: bool, rules: &Rules) -> Verdict {
    let ask = &case.ask;
    let closes = |rule: &Rule| {
        let stated = rule.codes_of("purpose");
        let care = ask.purposes.iter().all(|p| rules.kind(p) == "direct-care");
        let family = (stated.is_empty() && care)
            || stated.iter().any(|(_, p)| ask.purposes.iter().any(|a| rules.same_family(p, a)));
        let over = interval(rule.says.get("period")).is_some_and(|s| ask.now < s.0 || ask.now >= s.1);
        rule.permits && family && !over
    };
    // an agreement that does not count as one still says that some sharing was meant, and not all
    if counted.iter().any(|c| c.counts && c.choice.readings.iter().flatten().any(closes)) {
        return verdict(false, "C3");
    }
    if let Gate::Basis(rule) = gate {
        return verdict(true, rule);
    }
    if ask.person.is_some() && ask.purposes.iter().any(|p| rules.kind(p) == "patient") {
        return verdict(false, "P4");
    }
    if counted.iter().any(|c| c.ended) {
        return verdict(false, "C6");
    }
    let direct = ask.purposes.iter().all(|p| rules.kind(p) == "direct-care");
    match direct && rules.expected(ask.audience) {
        true if plain && !cares(case, counted) => verdict(false, "D2"),
        true if plain => verdict(true, "D1"),
        true => verdict(false, "R1"),
        false => verdict(false, "D2"),
    }
}

/// Step 10b: over a default or a gap, never over an objection.
fn break_glass(said: Verdict, by_default: bool, case: &Case, rules: &Rules) -> Verdict {
    match said.rule.as_str() {
        _ if !emergency(case, rules) => said,
        "C3" | "C4" | "C6" | "D2" => verdict(true, "E1"),
        "R1" if by_default => verdict(true, "E1"),
        "C1" => verdict(false, "E2"),
        _ => said,
    }
}

fn emergency(case: &Case, rules: &Rules) -> bool {
    let ask = &case.ask;
    let Some(glass) = &ask.glass else { return false };
    let age = ask.now - glass.declared.unwrap_or(ask.now);
    ask.roles.contains(&"break-glass")
        && rules.glass_reasons.iter().any(|r| r == glass.reason)
        && !glass.text.trim().is_empty()
        && (glass.agreed_now || glass.cannot_ask || case.facts.capacity == "lacks")
        && (0..rules.glass_seconds).contains(&age)
        && ask.purposes.iter().any(|p| ["BTG", "ETREAT"].contains(p))
}

// ---- what is left: a frame never goes alone, nobody's resources go along -------------------------------------------------------

fn never_alone(units: &[Unit<'_>], verdicts: &mut [Verdict]) {
    let nobodys = |u: &Unit<'_>| u.part.whose == "nobodys";
    let content = |u: &Unit<'_>| !u.sections.is_empty() && u.part.whose == "hers";
    let pairs = || units.iter().zip(verdicts.iter());
    let there_is_content = units.iter().any(content);
    let content_goes = pairs().any(|(u, v)| content(u) && v.goes);
    let person_goes = pairs().any(|(u, v)| !nobodys(u) && v.goes && (content_goes || !v.some_sections));
    for (unit, verdict) in units.iter().zip(verdicts.iter_mut()).filter(|(_, v)| v.goes) {
        let alone = if nobodys(unit) {
            !person_goes || (there_is_content && !content_goes)
        } else {
            unit.sections.is_empty() && !content_goes && (there_is_content || verdict.some_sections)
        };
        if alone {
            *verdict = Verdict { goes: false, rule: "C3".to_owned(), ..verdict.clone() };
        }
    }
}

fn gather(units: &[Unit<'_>], verdicts: &[Verdict], case: &Case, counted: &[Counted<'_>], gate: Gate) -> Answer {
    let mut answer = Answer {
        outcome: "permit",
        first: String::new(),
        rules: BTreeSet::new(),
        goes: BTreeSet::new(),
        stays: BTreeSet::new(),
    };
    let mut whole = true;
    for (unit, verdict) in units.iter().zip(verdicts) {
        answer.rules.insert(format!("{} {}", if verdict.goes { "permit" } else { "deny" }, verdict.rule));
        let name = unit.part.name();
        match (&unit.element, verdict.goes) {
            (None, true) => {
                whole = true;
                answer.goes.insert(name);
            }
            (None, false) => {
                whole = false;
                answer.stays.insert(format!("{name} {}", verdict.rule));
            }
            (Some(element), false) if whole => {
                answer.stays.insert(format!("{name}.{element} {}", verdict.rule));
            }
            _ => {}
        }
    }
    answer.outcome = match (answer.goes.is_empty(), answer.stays.is_empty()) {
        (true, _) => "deny",
        (false, true) => "permit",
        (false, false) => "redact",
    };
    if answer.rules.is_empty() {
        let rule = if let Gate::Shut(rule) = gate { rule } else { "D2" };
        answer.rules.insert(format!("deny {rule}"));
    }
    answer.rules.extend(counted.iter().filter_map(|c| c.note).map(|n| format!("note {n}")));
    let effect = if answer.outcome == "deny" { "deny " } else { "permit " };
    let order = ["L6", "L7", "L1", "E2", "C1", "C4", "C5", "C2", "C3", "E1", "D1", "D2"];
    let mut first: Vec<&str> = answer.rules.iter().filter_map(|r| r.strip_prefix(effect)).collect();
    first.sort_by_key(|r| (order.iter().position(|o| o == r).unwrap_or(order.len()), rules().published(r)));
    answer.first = first.first().map(|r| (*r).to_owned()).unwrap_or_default();
    debug_assert!(case.parts.len() <= 64);
    answer
}
