//! What the definitions say: StructureDefinitions, ValueSets and CodeSystems, compiled once into tables to walk along.
//!
//! Comes in: FHIR packages, as files. Goes out: [`Definitions`], immutable, to be shared by all rooms.
//! Refuses: a definition that contradicts itself, naming file, element and line (R4 §5.1 profiling).
//!
//! A package is indexed at once and its definitions are compiled when first asked for: the R4 base has 650 of them and a
//! care plan needs 30. Definitions that are added to the base are compiled when they are added, so that a mistake in a
//! profile shows before the first record does.

pub mod code_system;
pub mod compile;
mod concept_map;
pub mod control;
pub mod element;
pub mod facts;
mod load;
mod model;
pub mod node;
pub mod package;
pub mod primitive;
mod quick;
mod sound;
pub mod structure;
mod twice;
pub mod value_set;

use crate::pure::fhir::{File, Issue, Item, Limits, Report, json, xml};
use code_system::CodeSystem;
use load::Origin;
use node::{Profile, StructureIndex};
use package::{Packed, Parsed};
use quick::Names;
use std::sync::{Arc, OnceLock};
use structure::{Shelf, Structure};
use value_set::ValueSet;

/// Everything known about types, profiles and codes. Immutable; share it as an `Arc`.
#[derive(Default)]
pub struct Definitions {
    structures: Vec<StructureEntry>,
    by_url: Names<StructureIndex>,
    by_type: Names<StructureIndex>,
    code_systems: Names<Entry<CodeSystem>>,
    supplements: Names<Vec<Packed>>,
    value_sets: Names<Entry<ValueSet>>,
    questionnaires: Names<Entry<Parsed>>,
    concept_maps: Names<Entry<Parsed>>,
    global_profiles: Names<Vec<Arc<str>>>,
    /// Definitions from outside the program, by type, url and version, and how often one of them came again.
    outside: Names<Packed>,
    repeated: usize,
}

struct StructureEntry {
    url: Arc<str>,
    packed: Packed,
    structure: OnceLock<Result<Arc<Structure>, Report>>,
    profile: OnceLock<Result<Arc<Profile>, Report>>,
}

struct Entry<T> {
    packed: Packed,
    made: OnceLock<Option<Arc<T>>>,
}

impl<T> Entry<T> {
    fn new(packed: Packed) -> Entry<T> {
        Entry { packed, made: OnceLock::new() }
    }
}

impl Definitions {
    /// The R4 base and Sharewell's own profiles, both out of the binary.
    ///
    /// # Errors
    /// A report that names file, element and line of each definition that cannot be compiled.
    pub fn base() -> Result<Definitions, Report> {
        Definitions::r4()?.with(&crate::embedded::files("profiles/sharewell"), Origin::Program)
    }

    /// The R4 base alone.
    ///
    /// # Errors
    /// As [`Definitions::base`].
    pub fn r4() -> Result<Definitions, Report> {
        let mut definitions = Definitions::default();
        definitions.add(&crate::embedded::files("profiles/hl7.fhir.r4.core"), Origin::Program)?;
        if definitions.by_type.is_empty() {
            let text = "there are no definitions in this program".to_owned();
            return Err(Issue::error("exception", "definitions-missing", text).into());
        }
        Ok(definitions)
    }

    /// The same with a further package: its files, one by one, or as a `.tgz`.
    ///
    /// # Errors
    /// As [`Definitions::base`].
    pub fn with_files(self, files: &[File]) -> Result<Definitions, Report> {
        self.with(files, Origin::Outside)
    }

    /// The same with what was asked for by name: a package, a folder, or one file.
    ///
    /// # Errors
    /// As [`Definitions::base`], and where there is no definition in it.
    pub fn with_named(self, name: &str, files: &[File]) -> Result<Definitions, Report> {
        let before = self.outside.len() + self.repeated;
        let made = self.with(files, Origin::Outside)?;
        if made.outside.len() + made.repeated > before { Ok(made) } else { Err(made.holds_none(name, files)) }
    }

    fn with(mut self, files: &[File], origin: Origin) -> Result<Definitions, Report> {
        let before = self.structures.len();
        self.add(files, origin)?;
        let mut problems = Report::default();
        for index in before..self.structures.len() {
            if let Err(report) = self.compiled(u32::try_from(index).unwrap_or(u32::MAX)) {
                problems.extend(report.clone());
            }
        }
        if problems.issues.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The structure of a canonical url, with or without `|version`.
    #[must_use]
    pub fn index_of(&self, url: &str) -> Option<StructureIndex> {
        let found = self.by_url.get(url).or_else(|| self.by_url.get(url.split(['|', '#']).next()?));
        found.copied()
    }

    /// The structure that defines a type.
    #[must_use]
    pub fn type_index(&self, name: &str) -> Option<StructureIndex> {
        self.by_type.get(name).copied()
    }

    /// The compiled profile of a canonical url; none where it is not loaded or does not compile.
    #[must_use]
    pub fn profile(&self, url: &str) -> Option<&Profile> {
        self.profile_at(self.index_of(url)?)
    }

    /// The profile of a canonical url, and the node of it that is meant: the root, or where an element id stands behind a
    /// `#`, that element.
    #[must_use]
    pub fn profile_element(&self, url: &str) -> Option<(&Profile, node::NodeIndex)> {
        let profile = self.profile(url)?;
        let Some((_, id)) = url.split_once('#') else { return Some((profile, 0)) };
        let index = profile.nodes.iter().position(|node| *node.id == *id)?;
        Some((profile, u32::try_from(index).ok()?))
    }

    /// Why a structure that is loaded does not compile.
    #[must_use]
    pub fn problem(&self, url: &str) -> Option<&Report> {
        self.compiled(self.index_of(url)?).err()
    }

    /// The compiled profile of a type.
    #[must_use]
    pub fn type_profile(&self, name: &str) -> Option<&Profile> {
        self.profile_at(self.type_index(name)?)
    }

    /// The compiled profile of a structure.
    #[must_use]
    pub fn profile_at(&self, index: StructureIndex) -> Option<&Profile> {
        self.compiled(index).ok().map(|p| &**p)
    }

    fn compiled(&self, index: StructureIndex) -> Result<&Arc<Profile>, &Report> {
        let entry = &self.structures[index as usize];
        if entry.profile.get().is_none() {
            let made = self.structure_at(index, 0).and_then(|s| {
                let file = &entry.packed.name;
                compile::compile(&s, index, file, self).map(Arc::new)
            });
            let _ = entry.profile.set(made);
        }
        // another thread may have been first; both made the same
        match entry.profile.get() {
            Some(Ok(profile)) => Ok(profile),
            Some(Err(report)) => Err(report),
            None => unreachable!("it was set above"),
        }
    }

    fn structure_at(&self, index: StructureIndex, depth: usize) -> Result<Arc<Structure>, Report> {
        let entry = &self.structures[index as usize];
        if let Some(made) = entry.structure.get() {
            return made.clone();
        }
        let made = self
            .parsed(&entry.packed)
            .and_then(|tree| structure::build(tree.root(), &entry.packed.name, self, depth).map(Arc::new));
        let _ = entry.structure.set(made.clone());
        made
    }

    /// Whether a snapshot can be made of a definition that is a record here, and not loaded.
    ///
    /// # Errors
    /// What is wrong with it, at element and line.
    pub(crate) fn try_structure(&self, definition: Item<'_>) -> Result<(), Report> {
        structure::build(definition, "", self, 0).map(|_| ())
    }

    /// All structures: url and whether it compiles.
    pub fn structures(&self) -> impl Iterator<Item = (&str, Option<&Profile>)> {
        self.structures.iter().enumerate().map(|(index, entry)| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            (&*entry.url, self.profile_at(index))
        })
    }

    /// The value set of a canonical url, with or without `|version`.
    #[must_use]
    pub fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        self.value_set_at(url, 0)
    }

    fn value_set_at(&self, url: &str, depth: usize) -> Option<Arc<ValueSet>> {
        let entry = self.value_sets.get(url).or_else(|| self.value_sets.get(url.split('|').next()?))?;
        if let Some(made) = entry.made.get() {
            return made.clone();
        }
        let made = self.parsed(&entry.packed).ok().and_then(|tree| {
            let set = ValueSet::build(tree.root(), self, depth)?;
            Some(Arc::new(set))
        });
        let _ = entry.made.set(made.clone());
        made
    }

    /// The code system of a canonical url, with or without `|version`.
    #[must_use]
    pub fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        let entry = self.code_systems.get(url).or_else(|| self.code_systems.get(url.split('|').next()?))?;
        let make = || {
            let mut system = CodeSystem::build(self.parsed(&entry.packed).ok()?.root())?;
            for supplement in self.supplements.get(&system.url).into_iter().flatten() {
                if let Ok(tree) = self.parsed(supplement) {
                    system.supplement(tree.root());
                }
            }
            Some(Arc::new(system))
        };
        entry.made.get_or_init(make).clone()
    }

    /// The Questionnaire of a canonical url, with or without `|version`.
    #[must_use]
    pub fn questionnaire(&self, url: &str) -> Option<Item<'_>> {
        self.resource(&self.questionnaires, url)
    }

    /// The ConceptMap of a canonical url, with or without `|version`.
    #[must_use]
    pub fn concept_map(&self, url: &str) -> Option<Item<'_>> {
        self.resource(&self.concept_maps, url)
    }

    fn resource<'d>(&self, among: &'d Names<Entry<Parsed>>, url: &str) -> Option<Item<'d>> {
        let entry = among.get(url).or_else(|| among.get(url.split('|').next()?))?;
        let made = entry.made.get_or_init(|| self.parsed(&entry.packed).ok().map(Arc::new));
        made.as_ref().map(|parsed| parsed.root())
    }

    /// The profiles that the ImplementationGuides among the definitions ask of every resource of a type (R4
    /// ImplementationGuide.global).
    #[must_use]
    pub fn global_profiles(&self, type_name: &str) -> &[Arc<str>] {
        if self.global_profiles.is_empty() {
            return &[];
        }
        self.global_profiles.get(type_name).map_or(&[], Vec::as_slice)
    }

    /// How many structures, value sets and code systems there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let distinct = |urls: usize, versioned: usize| urls - versioned;
        let versioned_sets = self.value_sets.keys().filter(|k| k.contains('|')).count();
        let versioned_systems = self.code_systems.keys().filter(|k| k.contains('|')).count();
        (
            self.structures.len(),
            distinct(self.value_sets.len(), versioned_sets),
            distinct(self.code_systems.len(), versioned_systems),
        )
    }

    /// The resource in a file of a package.
    fn parsed(&self, packed: &Packed) -> Result<Parsed, Report> {
        if let Some(read) = packed.read() {
            return Ok(read.clone());
        }
        let limits = Limits { bytes: 256 << 20, nodes: 20_000_000, ..Limits::default() };
        // some published definitions begin with a byte order mark; of records none is accepted
        let text = packed.text().trim_start_matches('\u{feff}');
        // by what it is, not by its name
        let read = if text.trim_ascii_start().starts_with('<') {
            // one with a slip of the pen between its elements still says what it says
            xml::read_whole(text.as_bytes(), &limits, self).map(|(tree, _)| tree)
        } else {
            json::read(text.as_bytes(), &limits)
        };
        read.map(Parsed::whole).map_err(|report| in_file(report, &packed.name))
    }

    /// The names of all types that resources can be of.
    #[must_use]
    pub fn resource_types(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .by_type
            .iter()
            .filter(|(_, index)| self.profile_at(**index).is_some_and(|p| p.is_resource && !p.is_abstract))
            .map(|(name, _)| &**name)
            .collect();
        names.sort_unstable();
        names
    }
}

fn in_file(mut report: Report, file: &str) -> Report {
    for issue in &mut report.issues {
        if let Some(place) = &mut issue.place {
            place.file = Some(file.to_owned());
        }
    }
    report
}

impl Shelf for Definitions {
    fn structure(&self, url: &str, depth: usize) -> Result<Option<Arc<Structure>>, Report> {
        self.index_of(url).map(|index| self.structure_at(index, depth)).transpose()
    }

    fn type_structure(&self, name: &str, depth: usize) -> Result<Option<Arc<Structure>>, Report> {
        self.type_index(name).map(|index| self.structure_at(index, depth)).transpose()
    }

    fn type_url(&self, name: &str) -> Option<Arc<str>> {
        self.type_index(name).map(|index| self.structures[index as usize].url.clone())
    }
}

impl compile::Types for Definitions {
    fn type_index(&self, name: &str) -> Option<StructureIndex> {
        Definitions::type_index(self, name)
    }

    fn type_branch(&self, name: &str) -> Option<Arc<Structure>> {
        self.structure_at(Definitions::type_index(self, name)?, 0).ok()
    }

    fn url_index(&self, url: &str) -> Option<StructureIndex> {
        self.index_of(url)
    }
}

impl std::fmt::Debug for Definitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (structures, value_sets, code_systems) = self.counts();
        write!(f, "Definitions({structures} structures, {value_sets} value sets, {code_systems} code systems)")
    }
}
