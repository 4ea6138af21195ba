//! Takes out of a record what a permit does not cover, and checks that what is left is whole. With `deliver`, the
//! policy enforcement point.
//!
//! Comes in: a `Validated` record and the [`Permit`] made for it. Goes out: [`Releasable`], the only thing that may be sent.
//! Refuses: a permit made for another record, and a remainder that is no longer valid or still names what was taken out.

mod cut;

use crate::pure::decide::{Cut, Permit, RuleId};
use crate::pure::fhir::{Id, Issue, Item, Report, Tree};
use crate::pure::profile::Definitions;
use crate::pure::validate::{Validated, check};
use cut::Remainder;
use jiff::Timestamp;
use std::collections::HashSet;
use std::fmt;

/// One thing that stayed behind: for the audit, without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// FHIRPath in the record it was taken from.
    pub path: String,
    /// The published rule that kept it.
    pub rule: &'static str,
    /// The choice that kept it: `Consent/x`, with its version.
    pub choice: Option<(String, String)>,
}

/// What may be sent, and to whom. Nothing but [`redact`] makes one.
pub struct Releasable {
    tree: Tree,
    fingerprint: [u8; 32],
    recipient: String,
    epoch: u64,
    manifest: Vec<Kept>,
}

impl fmt::Debug for Releasable {
    /// To whom and how much, never what (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Releasable({}, {:?}, {} withheld)", self.recipient, self.tree, self.manifest.len())
    }
}

impl Releasable {
    /// What may be sent.
    #[must_use]
    pub fn bundle(&self) -> &Tree {
        &self.tree
    }

    /// Fingerprint of the decision behind it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Id of the party it may be sent to.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// The person's choices epoch it was decided under.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What stayed behind, by which rule and choice.
    #[must_use]
    pub fn manifest(&self) -> &[Kept] {
        &self.manifest
    }
}

/// Why nothing is released after all.
#[derive(Clone, Debug, PartialEq)]
pub struct Withheld {
    /// What is wrong, without values.
    pub report: Report,
}

/// How often the rest is looked at again after a resource that no longer conforms was taken out.
const ROUNDS: usize = 16;

/// Takes out what the permit does not cover.
///
/// # Errors
/// The permit is for another record, or what is left is not valid.
pub fn redact(record: &Validated, permit: Permit, definitions: &Definitions) -> Result<Releasable, Withheld> {
    if permit.record() != record.digest() {
        return Err(withheld("permit-of-another-record", "the permit was made for another record"));
    }
    let decision = permit.decision();
    let mut more = HashSet::new();
    if decision.cuts().is_empty() && record.bundle().root().get("link").is_none() {
        // nothing is taken out of what was found valid, so there is nothing to look at again
        return Ok(release(Tree::copy_of(record.bundle().root()), permit, record, &more));
    }
    for _ in 0..ROUNDS {
        let (remainder, names) = cut::cut(record.bundle(), decision, &more);
        if remainder.entries.is_empty() {
            return Err(withheld("nothing-left", "nothing is left to release"));
        }
        let report = check(&remainder.tree, &[], definitions);
        if report.is_valid() {
            if names.occur_in(&remainder.tree.root().to_json()) {
                return Err(withheld("withheld-name-remains", "what is left still names what was withheld"));
            }
            return Ok(release(remainder.tree, permit, record, &more));
        }
        let before = more.len();
        more.extend(no_longer_whole(&remainder, &report));
        if more.len() == before {
            return Err(Withheld { report });
        }
    }
    Err(withheld("nothing-conforms", "too little of the record is left to conform"))
}

fn withheld(id: &'static str, text: &str) -> Withheld {
    Withheld { report: Issue::error("security", id, text.to_owned()).into() }
}

fn release(tree: Tree, permit: Permit, record: &Validated, more: &HashSet<Id>) -> Releasable {
    let decision = permit.decision();
    let mut manifest: Vec<Kept> = decision.cuts().iter().map(kept).collect();
    for id in more {
        let path = record.bundle().item(*id).path();
        manifest.push(Kept { path, rule: RuleId::R6.id(), choice: None });
    }
    manifest.sort_by(|a, b| a.path.cmp(&b.path));
    Releasable {
        tree,
        fingerprint: decision.fingerprint(),
        recipient: permit.recipient().to_owned(),
        epoch: decision.epoch(),
        manifest,
    }
}

fn kept(cut: &Cut) -> Kept {
    let choice = cut.reason.choice.as_ref().map(|c| (c.reference.clone(), c.version.clone()));
    Kept { path: cut.path.clone(), rule: cut.reason.rule.id(), choice }
}

/// The entries that an error points into: what was taken out of them, or of what they rest on, they cannot do without.
/// They are withheld whole, rather than completed with something false.
fn no_longer_whole(remainder: &Remainder, report: &Report) -> Vec<Id> {
    let mut found = Vec::new();
    for issue in report.issues.iter().filter(|i| i.is_error()) {
        let path = issue.expression.as_deref().unwrap_or_default();
        let Some((_, rest)) = path.split_once("entry[") else { continue };
        let index = rest.split_once(']').and_then(|(n, _)| n.parse::<usize>().ok());
        found.extend(index.and_then(|i| remainder.entries.get(i)).map(|(id, _)| *id));
    }
    found
}

/// The answer to a search: a Bundle of type `searchset` with the resources of these types, total and link counted anew.
/// With nothing found it is the same Bundle as for a person of whom nothing is held.
#[must_use]
pub fn shape_search(found: Vec<Releasable>, types: &[&str], id: &str, link: &str, now: Timestamp) -> Tree {
    let mut tree = Tree::object();
    let top = tree.root().id();
    tree.push_str(top, "resourceType", "Bundle");
    tree.push_str(top, "id", id);
    let meta = tree.push_object(top, "meta");
    // To the millisecond, always: a length that varied with the time would differ between two equal answers.
    tree.push_str(meta, "lastUpdated", &format!("{now:.3}"));
    tree.push_str(top, "type", "searchset");
    let mut seen = HashSet::new();
    let mut matches: Vec<(Option<String>, Item<'_>)> = Vec::new();
    for releasable in &found {
        for (url, resource) in resources(releasable.bundle().root()) {
            let type_ = resource.resource_type().unwrap_or_default();
            let name = format!("{type_}/{}", resource.str_at(&["id"]).unwrap_or_default());
            if types.contains(&type_) && seen.insert(name) {
                matches.push((url.map(str::to_owned), resource));
            }
        }
    }
    tree.push_number(top, "total", &matches.len().to_string());
    let links = tree.push_array(top, "link");
    let own = tree.push_object(links, "");
    tree.push_str(own, "relation", "self");
    tree.push_str(own, "url", link);
    if !matches.is_empty() {
        let entries = tree.push_array(top, "entry");
        for (url, resource) in matches {
            let entry = tree.push_object(entries, "");
            if let Some(url) = url {
                tree.push_str(entry, "fullUrl", &url);
            }
            tree.push_copy(entry, "resource", resource);
            let search = tree.push_object(entry, "search");
            tree.push_str(search, "mode", "match");
        }
    }
    tree
}

fn resources<'t>(root: Item<'t>) -> Vec<(Option<&'t str>, Item<'t>)> {
    if root.resource_type() != Some("Bundle") {
        return vec![(None, root)];
    }
    let entries = root.all("entry").filter_map(|e| Some((e.str_at(&["fullUrl"]), e.get("resource")?)));
    // what came along with the matches of a source is not itself a match
    entries.collect()
}
