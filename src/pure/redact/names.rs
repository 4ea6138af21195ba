//! What withheld resources are called: whatever still calls one of them by a name goes too.

use crate::pure::fhir::{Id, Item, Kind, Tree};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The names of what was withheld.
#[derive(Default)]
pub(super) struct Names {
    /// `Type/id`, and the `fullUrl` of the entry.
    references: HashSet<String>,
    identifiers: HashSet<(String, String)>,
    /// Ids alone, where they are long enough to mean somebody.
    ids: HashSet<String>,
}

/// A shorter id or number alone names nobody: `1` is also a count.
const TELLING: usize = 6;

impl Names {
    /// The names of these resources of a Bundle that no resource which stays shares.
    pub fn of(record: &Tree, gone: &HashSet<Id>) -> Names {
        let mut names = Names::default();
        let (mut kept, mut kept_ids) = (HashSet::new(), HashSet::new());
        for entry in record.root().all("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            if !gone.contains(&entry.id()) {
                kept.extend(identifiers(resource));
                kept_ids.extend(resource.str_at(&["id"]));
                names
                    .identifiers
                    .extend(resource.all("contained").filter(|c| gone.contains(&c.id())).flat_map(identifiers));
                continue;
            }
            names.identifiers.extend(identifiers(resource));
            names.identifiers.extend(resource.all("contained").flat_map(identifiers));
            names.call(entry.str_at(&["fullUrl"]), resource);
        }
        names.identifiers.retain(|i| !kept.contains(i));
        names.ids.retain(|id| !kept_ids.contains(id.as_str()));
        names
    }

    fn call(&mut self, url: Option<&str>, resource: Item<'_>) {
        let type_ = resource.resource_type().unwrap_or_default();
        if let Some(url) = url {
            self.references.insert(url.to_owned());
            // what a server will call it, written by a sender that has no ids yet
            if let Some(id) = url.strip_prefix("urn:uuid:") {
                self.references.insert(format!("{type_}/{id}"));
                self.ids.insert(id.to_owned());
            }
        }
        if let Some(id) = resource.str_at(&["id"]) {
            self.references.insert(format!("{type_}/{id}"));
            if id.len() >= TELLING {
                self.ids.insert(id.to_owned());
            }
        }
    }

    /// Whether nothing has a name.
    pub fn is_empty(&self) -> bool {
        self.references.is_empty() && self.identifiers.is_empty()
    }

    /// Whether an object points at something withheld: a Reference, an Identifier of it, an Attachment that lies there.
    pub fn pointed_at_by(&self, item: Item<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        if item.get("reference").and_then(Item::str).is_some_and(|text| self.mean(text)) {
            return true;
        }
        if item.get("url").and_then(Item::str).is_some_and(|text| is_attachment(item) && self.mean(text)) {
            return true;
        }
        match item.get("identifier").filter(|i| i.kind() == Kind::Object && is_reference(item)) {
            Some(identifier) => self.identifiers.contains(&pair(identifier)),
            None => self.is_telling_identifier(item),
        }
    }

    /// Whether an object is an Identifier of something withheld, and one that means it alone.
    fn is_telling_identifier(&self, item: Item<'_>) -> bool {
        let Some(value) = item.get("value").and_then(Item::str) else { return false };
        let telling = value.len() >= TELLING && (item.get("system").is_some() || item.key() == "identifier");
        telling && self.identifiers.contains(&pair(item))
    }

    /// Whether a text is a name: a reference in any of R4's forms, an address that ends in one, an id.
    pub fn mean(&self, text: &str) -> bool {
        let plain = text.split(['#', '|']).next().unwrap_or(text);
        let plain = plain.split_once("/_history/").map_or(plain, |(before, _)| before);
        if let Some((type_, query)) = plain.split_once('?') {
            return self.mean(type_) || self.is_asked_for(query);
        }
        let tail = plain.rmatch_indices('/').nth(1).map_or(plain, |(at, _)| &plain[at + 1..]);
        self.references.contains(plain) || self.references.contains(tail)
    }

    /// Whether a search that stands in place of a reference (R4 §3.1.0.11.2) asks for something withheld.
    fn is_asked_for(&self, query: &str) -> bool {
        query.split('&').filter_map(|part| part.split_once('=')).any(|(_, value)| {
            let value = value.rsplit_once('|').map_or(value, |(_, value)| value);
            self.ids.contains(value) || self.identifiers.iter().any(|(_, v)| v == value)
        })
    }

    /// Whether a text that stands alone is the id of something withheld.
    pub fn hold_id(&self, text: &str) -> bool {
        text.len() >= TELLING && self.ids.contains(text)
    }

    /// Whether the bytes still name something withheld. One pass for each letter that stands before an id, however many
    /// names there are: only what follows such a letter can be the end of a name.
    pub fn occur_in(&self, json: &str) -> bool {
        let mut ends: HashMap<&str, Vec<&str>> = HashMap::new();
        let (mut before, mut lengths) = (BTreeSet::new(), 0u64);
        for name in &self.references {
            let id = &name[word_start(name)..];
            match name[..name.len() - id.len()].chars().next_back() {
                Some(letter) if !id.is_empty() => {
                    before.insert(letter);
                    lengths |= 1 << id.len().min(63);
                    ends.entry(id).or_default().push(name);
                }
                // no id to tell it by: looked for by itself
                _ if json.match_indices(name).any(|(at, _)| word_end(&json[at + name.len()..]) == 0) => return true,
                _ => {}
            }
        }
        before.into_iter().any(|letter| {
            json.match_indices(letter).any(|(at, _)| {
                let start = at + letter.len_utf8();
                let end = start + word_end(&json[start..]);
                lengths & (1 << (end - start).min(63)) != 0
                    && ends.get(&json[start..end]).is_some_and(|names| names.iter().any(|n| json[..end].ends_with(n)))
            })
        })
    }
}

fn identifiers(resource: Item<'_>) -> impl Iterator<Item = (String, String)> {
    resource.all("identifier").filter(|i| i.get("value").is_some()).map(pair)
}

fn pair(identifier: Item<'_>) -> (String, String) {
    let part = |name| identifier.str_at(&[name]).unwrap_or_default().to_owned();
    (part("system"), part("value"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Where the letters, digits and signs of an id begin that a text ends in.
fn word_start(text: &str) -> usize {
    text.bytes().rposition(|b| !is_word(b)).map_or(0, |at| at + 1)
}

/// How many letters, digits and signs of an id a text begins with.
fn word_end(text: &str) -> usize {
    text.bytes().position(|b| !is_word(b)).unwrap_or(text.len())
}

fn is_reference(item: Item<'_>) -> bool {
    item.children().all(|c| matches!(c.key(), "reference" | "type" | "identifier" | "display" | "id" | "extension"))
}

/// Whether an object with a `url` is an Attachment and not an Extension.
fn is_attachment(item: Item<'_>) -> bool {
    !item.parent().is_some_and(|p| matches!(p.key(), "extension" | "modifierExtension"))
}

#[cfg(test)]
mod tests {
    use super::{Names, word_end};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_found_as_by_looking_for_each_alone(
            names in proptest::collection::hash_set("[ab/:-]{1,4}", 0..4),
            text in "[ab/:\"é-]{0,24}",
        ) {
            let alone = |name: &String| {
                text.match_indices(name.as_str()).any(|(at, _)| word_end(&text[at + name.len()..]) == 0)
            };
            let found = names.iter().any(alone);
            prop_assert_eq!(Names { references: names, ..Names::default() }.occur_in(&text), found);
        }
    }
}
