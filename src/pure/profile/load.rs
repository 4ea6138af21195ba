//! Takes packages apart and files each definition under its canonical url.
//!
//! The R4 base comes with an index, so its files are not opened. Without an index every file is. A url that is loaded
//! already is replaced, except where it is R4's own: nobody redefines `Patient`.

use super::package::{Packed, unpack};
use super::{Definitions, Entry, StructureEntry, in_file, is_definition};
use crate::pure::fhir::{File, Issue, Item, Limits, Place, Report, json};
use std::sync::{Arc, OnceLock};

/// What an index, or the resource itself, says of a definition.
struct Card<'a> {
    resource_type: &'a str,
    url: &'a str,
    version: Option<&'a str>,
    type_name: Option<&'a str>,
    kind: Option<&'a str>,
    derivation: Option<&'a str>,
    content: Option<&'a str>,
    supplements: Option<&'a str>,
}

fn card(item: Item<'_>) -> Option<Card<'_>> {
    Some(Card {
        resource_type: item.str_at(&["resourceType"])?,
        url: item.str_at(&["url"])?,
        version: item.str_at(&["version"]),
        type_name: item.str_at(&["type"]),
        kind: item.str_at(&["kind"]),
        derivation: item.str_at(&["derivation"]),
        content: item.str_at(&["content"]),
        supplements: item.str_at(&["supplements"]),
    })
}

impl Definitions {
    /// Files the definitions of a package without compiling them.
    pub(super) fn add(&mut self, files: &[File]) -> Result<(), Report> {
        let mut problems = Report::default();
        for file in files {
            let added = if file.path.ends_with(".tgz") {
                unpack(&file.path, &file.bytes).and_then(|packed| self.add_package(&packed))
            } else if is_content(file.path.rsplit('/').next().unwrap_or_default()) {
                match std::str::from_utf8(&file.bytes) {
                    Ok(text) => self.add_file(&Packed::alone(&file.path, text)),
                    Err(_) => {
                        let text = format!("the file `{}` is not UTF-8", file.path);
                        Err(Issue::error("structure", "encoding", text).remedy("save it as UTF-8").into())
                    }
                }
            } else {
                Ok(())
            };
            if let Err(report) = added {
                problems.extend(report);
            }
        }
        if problems.issues.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn add_package(&mut self, files: &[Packed]) -> Result<(), Report> {
        let own = files.iter().find(|f| f.name == ".index.json" && f.text().contains("derivation"));
        let Some(index) = own else {
            return files.iter().filter(|f| is_content(&f.name)).try_for_each(|file| self.add_file(file));
        };
        let limits = Limits { bytes: 64 << 20, ..Limits::default() };
        let tree = json::read(index.text().as_bytes(), &limits).map_err(|r| in_file(r, ".index.json"))?;
        let by_name: std::collections::HashMap<&str, &Packed> = files.iter().map(|f| (f.name.as_str(), f)).collect();
        for entry in tree.root().all("files") {
            let file = entry.str_at(&["filename"]).and_then(|name| by_name.get(name));
            if let (Some(file), Some(card)) = (file, card(entry)) {
                self.file(&card, file);
            }
        }
        Ok(())
    }

    fn add_file(&mut self, file: &Packed) -> Result<(), Report> {
        let tree = self.parsed(file)?;
        let root = tree.root();
        if root.resource_type() == Some("Bundle") {
            for resource in root.all("entry").filter_map(|e| e.get("resource")).filter(|r| is_definition(*r)) {
                let alone = Packed::alone(&file.name, &resource.to_json());
                if let Some(card) = card(resource) {
                    self.file(&card, &alone);
                }
            }
        } else if root.resource_type() == Some("StructureDefinition") && root.str_at(&["url"]).is_none() {
            let place = root.place().map(|place| Place { file: Some(file.name.clone()), ..place });
            let text = "a definition has no `url`, so nothing can name it".to_owned();
            return Err(Issue::error("required", "definition-broken", text).at(place).remedy("give it one").into());
        } else if let Some(card) = card(root).filter(|_| is_definition(root)) {
            self.file(&card, file);
            self.file_contained(root, card.url, &file.name);
            if card.resource_type == "Questionnaire" {
                let keys = keys(&card);
                for key in keys {
                    self.questionnaires.insert(key, tree.clone());
                }
            }
        }
        Ok(())
    }

    /// Value sets that a definition contains are known by its url and their id, as its bindings name them (`#id`).
    fn file_contained(&mut self, root: Item<'_>, url: &str, name: &str) {
        for resource in root.all("contained").filter(|r| r.resource_type() == Some("ValueSet")) {
            if let Some(id) = resource.str_at(&["id"]) {
                let alone = Packed::alone(name, &resource.to_json());
                self.value_sets.insert(Arc::from(format!("{url}#{id}")), Entry::new(alone));
            }
        }
    }

    fn file(&mut self, card: &Card<'_>, packed: &Packed) {
        match card.resource_type {
            "StructureDefinition" => self.file_structure(card, packed),
            "ValueSet" => {
                for key in keys(card) {
                    self.value_sets.insert(key, Entry::new(packed.clone()));
                }
            }
            "CodeSystem" if card.content == Some("supplement") => {
                if let Some(url) = card.supplements.and_then(|s| s.split('|').next()) {
                    self.supplements.entry(Arc::from(url)).or_default().push(packed.clone());
                }
            }
            "ImplementationGuide" => {
                let guide = self.parsed(packed);
                for global in guide.iter().flat_map(|tree| tree.root().all("global")) {
                    if let (Some(name), Some(url)) = (global.str_at(&["type"]), global.str_at(&["profile"])) {
                        let urls = self.global_profiles.entry(Arc::from(name)).or_default();
                        if !urls.iter().any(|u| **u == *url) {
                            urls.push(Arc::from(url));
                        }
                    }
                }
            }
            "CodeSystem" => {
                for key in keys(card) {
                    self.code_systems.insert(key, Entry::new(packed.clone()));
                }
            }
            _ => {}
        }
    }

    fn file_structure(&mut self, card: &Card<'_>, packed: &Packed) {
        if card.kind == Some("logical") {
            return;
        }
        let is_known = card.type_name.is_some_and(|name| self.by_type.contains_key(name));
        let is_own = is_known && self.by_url.contains_key(card.url);
        let defines = card.derivation != Some("constraint") && (!is_known || is_own);
        if defines && self.by_url.contains_key(card.url) {
            return;
        }
        let index = u32::try_from(self.structures.len()).unwrap_or(u32::MAX);
        for key in keys(card) {
            self.by_url.insert(key, index);
        }
        if defines && let Some(name) = card.type_name {
            self.by_type.insert(Arc::from(name), index);
        }
        self.structures.push(StructureEntry {
            url: Arc::from(card.url),
            packed: packed.clone(),
            structure: OnceLock::new(),
            profile: OnceLock::new(),
        });
    }
}

fn keys(card: &Card<'_>) -> Vec<Arc<str>> {
    let mut keys = vec![Arc::from(card.url)];
    if let Some(version) = card.version {
        keys.push(Arc::from(format!("{}|{version}", card.url)));
    }
    keys
}

fn is_content(name: &str) -> bool {
    let is_read = name.ends_with(".json") || name.ends_with(".xml");
    is_read && !name.starts_with('.') && !name.ends_with("package.json") && !name.contains('/')
}
