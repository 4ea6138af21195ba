//! Takes packages apart and files each definition under its canonical url.
//!
//! The R4 base comes with an index, so its files are not opened. Without an index every file is. A url that is loaded
//! already is replaced, except where it is R4's own: nobody redefines `Patient`.

use super::package::{Packed, unpack};
use super::quick::Names;
use super::{Definitions, Entry, StructureEntry, concept_map, in_file};
use crate::pure::fhir::{File, Issue, Item, Limits, Place, Report, json};
use std::sync::{Arc, OnceLock};

/// What an index, or the resource itself, says of a definition.
pub(super) struct Card<'a> {
    pub(super) resource_type: &'a str,
    pub(super) url: &'a str,
    pub(super) version: Option<&'a str>,
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

/// Where definitions come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Out of the binary.
    Program,
    /// From whoever runs it.
    Outside,
}

/// The definitions that this room reads.
const READ: &[&str] =
    &["StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap", "Questionnaire", "ImplementationGuide"];

/// Whether an item is a definition that this room reads.
fn is_definition(item: Item<'_>) -> bool {
    item.resource_type().is_some_and(|name| READ.contains(&name))
}

impl Definitions {
    /// Files the definitions of a package without compiling them.
    pub(super) fn add(&mut self, files: &[File], origin: Origin) -> Result<(), Report> {
        let mut problems = Report::default();
        for file in files {
            let added = if file.path.ends_with(".tgz") {
                unpack(&file.path, &file.bytes).and_then(|packed| self.add_package(&file.path, &packed, origin))
            } else if is_content(file.path.rsplit('/').next().unwrap_or_default()) {
                match std::str::from_utf8(&file.bytes) {
                    Ok(text) => self.add_file(&Packed::alone(&file.path, text), origin),
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

    /// Why nothing that was asked for is a definition.
    pub(super) fn holds_none(&self, name: &str, files: &[File]) -> Report {
        let (mut text, mut place) = (format!("`{name}` holds no definition"), None);
        if let [file] = files
            && file.path == name
            && let Ok(content) = std::str::from_utf8(&file.bytes)
            && let Ok(parsed) = self.parsed(&Packed::alone(name, content))
        {
            let root = parsed.root();
            place = root.place().map(|place| Place { file: Some(name.to_owned()), ..place });
            text = match root.resource_type().filter(|of| self.by_type.contains_key(*of)) {
                Some("Bundle") => format!("the Bundle `{name}` holds no definition"),
                Some(of) => format!("`{name}` holds a {of}, and not a definition"),
                None => format!("`{name}` holds no resource, and not a definition"),
            };
        }
        let read = READ.join(", ");
        let remedy = format!("name a {read}, a Bundle of these, a folder, or a package (.tgz)");
        Issue::error("not-supported", "not-a-definition", text).at(place).remedy(remedy).into()
    }

    fn add_package(&mut self, path: &str, files: &[Packed], origin: Origin) -> Result<(), Report> {
        let own = files.iter().find(|f| f.name == ".index.json" && f.text().contains("derivation"));
        let named = |file: &Packed| file.named(format!("{path}/{}", file.name));
        let mut problems = Report::default();
        let Some(index) = own else {
            for file in files.iter().filter(|f| is_content(&f.name)) {
                problems.extend(self.add_file(&named(file), origin).err().unwrap_or_default());
            }
            return if problems.issues.is_empty() { Ok(()) } else { Err(problems) };
        };
        let limits = Limits { bytes: 64 << 20, ..Limits::default() };
        let tree = json::read(index.text().as_bytes(), &limits).map_err(|r| in_file(r, &named(index).name))?;
        let by_name: std::collections::HashMap<&str, &Packed> = files.iter().map(|f| (f.name.as_str(), f)).collect();
        for entry in tree.root().all("files") {
            let file = entry.str_at(&["filename"]).and_then(|name| by_name.get(name));
            if let (Some(file), Some(card)) = (file, card(entry)) {
                problems.extend(self.file(&card, &named(file), origin).err().unwrap_or_default());
            }
        }
        if problems.issues.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn add_file(&mut self, file: &Packed, origin: Origin) -> Result<(), Report> {
        let parsed = self.parsed(file)?;
        let root = parsed.root();
        if root.resource_type() != Some("Bundle") {
            return self.add_resource(file, root, origin);
        }
        let mut problems = Report::default();
        for resource in root.all("entry").filter_map(|e| e.get("resource")) {
            let alone = Packed::within(&file.name, parsed.part(resource));
            problems.extend(self.add_resource(&alone, resource, origin).err().unwrap_or_default());
        }
        if problems.issues.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn add_resource(&mut self, file: &Packed, root: Item<'_>, origin: Origin) -> Result<(), Report> {
        if root.resource_type() == Some("StructureDefinition") && root.str_at(&["url"]).is_none() {
            let place = root.place().map(|place| Place { file: Some(file.name.clone()), ..place });
            let text = "a definition has no `url`, so nothing can name it".to_owned();
            return Err(Issue::error("required", "definition-broken", text).at(place).remedy("give it one").into());
        }
        match card(root).filter(|_| is_definition(root)) {
            Some(card) => self.file(&card, file, origin),
            None => Ok(()),
        }
    }

    /// Value sets that a definition contains are known by its url and their id, as its bindings name them (`#id`).
    fn file_contained(&mut self, url: &str, packed: &Packed) -> Result<(), Report> {
        let parsed = self.parsed(packed)?;
        for resource in parsed.root().all("contained").filter(|r| r.resource_type() == Some("ValueSet")) {
            if let Some(id) = resource.str_at(&["id"]) {
                let alone = Packed::within(&packed.name, parsed.part(resource));
                self.value_sets.insert(Arc::from(format!("{url}#{id}")), Entry::new(alone));
            }
        }
        Ok(())
    }

    fn file(&mut self, card: &Card<'_>, packed: &Packed, origin: Origin) -> Result<(), Report> {
        // guides of one url add up, and logical models are not read
        let counts = READ.contains(&card.resource_type) && card.resource_type != "ImplementationGuide";
        if origin == Origin::Outside && counts && card.kind != Some("logical") {
            self.only_once(card, packed)?;
        }
        match card.resource_type {
            "StructureDefinition" => {
                self.file_structure(card, packed);
                if packed.read().is_some() || packed.text().contains("contained") {
                    self.file_contained(card.url, packed)?;
                }
            }
            "ValueSet" => file_under(&mut self.value_sets, card, packed),
            "CodeSystem" if card.content == Some("supplement") => {
                if let Some(url) = card.supplements.and_then(|s| s.split('|').next()) {
                    self.supplements.entry(Arc::from(url)).or_default().push(packed.clone());
                }
            }
            "CodeSystem" => file_under(&mut self.code_systems, card, packed),
            "Questionnaire" => file_under(&mut self.questionnaires, card, packed),
            "ConceptMap" => {
                concept_map::check(self.parsed(packed)?.root(), &packed.name)?;
                file_under(&mut self.concept_maps, card, packed);
            }
            "ImplementationGuide" => self.file_guide(packed),
            _ => {}
        }
        Ok(())
    }

    fn file_guide(&mut self, packed: &Packed) {
        let guide = self.parsed(packed);
        for global in guide.iter().flat_map(|guide| guide.root().all("global")) {
            if let (Some(name), Some(url)) = (global.str_at(&["type"]), global.str_at(&["profile"])) {
                let urls = self.global_profiles.entry(Arc::from(name)).or_default();
                if !urls.iter().any(|u| **u == *url) {
                    urls.push(Arc::from(url));
                }
            }
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

fn file_under<T>(table: &mut Names<Entry<T>>, card: &Card<'_>, packed: &Packed) {
    for key in keys(card) {
        table.insert(key, Entry::new(packed.clone()));
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
