//! Snapshots that we grow from differentials beside the snapshots that were published with them, element by element. What
//! differs is listed with its reason in `tests/snapshots/differences.txt`; the list only shrinks. The packages are not part
//! of the project: set SHAREWELL_PACKAGES to a folder of FHIR packages, unpacked or `.tgz` (default `../shared/packages`); where
//! it is missing there is nothing to compare. SHAREWELL_DIFFERENCES=1 prints every difference.

use sharewell::pure::fhir::{Item, Limits, Report, Tree, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::profile::element::{Element, MANY, Tell, read};
use sharewell::pure::profile::package::unpack;
use sharewell::pure::profile::structure::{Branch, Shelf, Structure, build};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn packages() -> Vec<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/packages");
    let folder = std::env::var_os("SHAREWELL_PACKAGES").map_or(default, PathBuf::from);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("no packages at {}: nothing to compare", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

/// The StructureDefinitions of a package.
fn structures(path: &Path) -> Vec<Tree> {
    let limits = Limits { bytes: 64 << 20, ..Limits::default() };
    let is_one = |name: &str| name.starts_with("StructureDefinition-") && name.ends_with(".json");
    let mut trees = Vec::new();
    if path.is_dir() {
        let mut names: Vec<PathBuf> = fs::read_dir(path).expect("it can be read").flatten().map(|e| e.path()).collect();
        names.sort();
        for file in names.iter().filter(|p| is_one(&p.file_name().unwrap_or_default().to_string_lossy())) {
            trees.push(json::read(&fs::read(file).expect("it can be read"), &limits).expect("it is JSON"));
        }
    } else {
        let bytes = fs::read(path).expect("it can be read");
        let files = unpack(&path.to_string_lossy(), &bytes).expect("it is a package");
        for file in files.iter().filter(|f| is_one(&f.name)) {
            trees.push(json::read(file.text().as_bytes(), &limits).expect("it is JSON"));
        }
    }
    trees
}

/// The R4 base, and the definitions of a package without their snapshots.
struct Grown<'d> {
    base: &'d Definitions,
    trees: HashMap<String, Tree>,
    made: RefCell<HashMap<String, Arc<Structure>>>,
}

impl<'d> Grown<'d> {
    fn new(base: &'d Definitions, published: &[Tree]) -> Grown<'d> {
        let without = |tree: &Tree| {
            let is_kept =
                |item: Item<'_>| item.key() != "snapshot" || item.parent().is_none_or(|p| p.parent().is_some());
            Tree::copy_where(tree.root(), is_kept)
        };
        let named = |tree: &Tree| tree.root().str_at(&["url"]).unwrap_or_default().to_owned();
        let trees = published.iter().map(|tree| (named(tree), without(tree))).collect();
        Grown { base, trees, made: RefCell::default() }
    }
}

impl Shelf for Grown<'_> {
    fn structure(&self, url: &str, depth: usize) -> Result<Option<Arc<Structure>>, Report> {
        let plain = url.split('|').next().unwrap_or(url);
        let Some(tree) = self.trees.get(plain) else { return Shelf::structure(self.base, url, depth) };
        if let Some(made) = self.made.borrow().get(plain) {
            return Ok(Some(made.clone()));
        }
        let made = Arc::new(build(tree.root(), plain, self, depth)?);
        self.made.borrow_mut().insert(plain.to_owned(), made.clone());
        Ok(Some(made))
    }

    fn type_structure(&self, name: &str, depth: usize) -> Result<Option<Arc<Structure>>, Report> {
        Shelf::type_structure(self.base, name, depth)
    }

    fn type_url(&self, name: &str) -> Option<Arc<str>> {
        Shelf::type_url(self.base, name)
    }
}

/// The elements of a tree of ours by id.
fn flat(branch: &Branch, id: &str, found: &mut BTreeMap<String, Element>) {
    let mut element = branch.element.clone();
    if element.name.ends_with("[x]") {
        // one of its types that must be there is the choice that must be there
        let most = branch.slices.iter().filter_map(|(_, slice)| slice.element.min).max().unwrap_or(0);
        element.min = element.min.max(Some(most));
    }
    found.insert(id.to_owned(), element);
    for child in &branch.children {
        flat(child, &format!("{id}.{}", child.element.name), found);
    }
    for (name, slice) in &branch.slices {
        let whole = id.rsplit_once(':').filter(|(_, last)| !last.contains('.')).map_or(id, |(whole, _)| whole);
        flat(slice, &format!("{whole}:{name}"), found);
    }
}

/// Older tools write `value[x].code` where a choice was narrowed to one type and we write `value[x]:valueQuantity.code`.
fn as_they_write(ours: BTreeMap<String, Element>, theirs: &BTreeMap<String, Element>) -> BTreeMap<String, Element> {
    let mut found = BTreeMap::new();
    for (id, element) in ours {
        let steps =
            id.split('.').map(|step| step.split_once("[x]:").map_or(step.to_owned(), |(name, _)| format!("{name}[x]")));
        let bare = steps.collect::<Vec<_>>().join(".");
        // a slice comes after the choice itself, and says more
        let name = if theirs.contains_key(&id) || !theirs.contains_key(&bare) { id } else { bare };
        found.insert(name, element);
    }
    found
}

/// The elements of a published snapshot by id.
fn published(tree: &Tree) -> BTreeMap<String, Element> {
    let elements = tree.root().get("snapshot").into_iter().flat_map(|s| s.all("element"));
    let one = |item: Item<'_>| {
        let (id, path) = (item.str_at(&["id"])?, item.str_at(&["path"])?);
        Some((id.to_owned(), read(item, id, path).ok()?))
    };
    let mut found: BTreeMap<String, Element> = elements.filter_map(one).collect();
    let slices: Vec<(String, Option<u32>)> = found
        .iter()
        .filter_map(|(id, e)| {
            Some((format!("{}[x]", id.rsplit_once("[x]:").filter(|(_, n)| !n.contains('.'))?.0), e.min))
        })
        .collect();
    for (id, least) in slices {
        if let Some(choice) = found.get_mut(&id) {
            choice.min = choice.min.max(least);
        }
    }
    found
}

/// What is said of two elements that should be one: the names of what differs.
/// Published snapshots repeat the invariants of an element's type, or not, as their tool liked; `of_type` are those. They
/// slice extensions by url, and choices by type, whether or not there is a slice.
fn differences(ours: &Element, theirs: &Element, of_type: &BTreeSet<String>) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut say = |name, ours: String, theirs: String| {
        if ours != theirs {
            found.push((name, format!("{ours} for {theirs}")));
        }
    };
    let keys = |e: &Element| {
        let all = e.constraints.iter().filter(|c| !matches!(&*c.key, "ele-1" | "ext-1") && !of_type.contains(&*c.key));
        format!("{:?}", all.map(|c| (c.key.to_string(), c.is_error)).collect::<BTreeSet<_>>())
    };
    let bound = |e: &Element| {
        let plain = |url: &Arc<str>| url.split('|').next().unwrap_or_default().to_owned();
        format!("{:?}", e.binding.as_ref().map(|b| (b.strength, b.value_set.as_ref().map(plain))))
    };
    say("min", ours.min.unwrap_or(0).to_string(), theirs.min.unwrap_or(0).to_string());
    say("max", ours.max.unwrap_or(MANY).to_string(), theirs.max.unwrap_or(MANY).to_string());
    say("type", format!("{:?}", ours.types), format!("{:?}", theirs.types));
    say("contentReference", format!("{:?}", ours.content_reference), format!("{:?}", theirs.content_reference));
    if !is_implied(ours) || !is_implied(theirs) {
        say("slicing", format!("{:?}", ours.slicing), format!("{:?}", theirs.slicing));
    }
    say("fixed", format!("{:?}", ours.fixed), format!("{:?}", theirs.fixed));
    say("pattern", format!("{:?}", ours.pattern), format!("{:?}", theirs.pattern));
    say("minValue", format!("{:?}", ours.min_value), format!("{:?}", theirs.min_value));
    say("maxValue", format!("{:?}", ours.max_value), format!("{:?}", theirs.max_value));
    say("maxLength", format!("{:?}", ours.max_length), format!("{:?}", theirs.max_length));
    say("constraint", keys(ours), keys(theirs));
    say("binding", bound(ours), bound(theirs));
    say("mustSupport", ours.must_support.to_string(), theirs.must_support.to_string());
    say("isModifier", ours.is_modifier.to_string(), theirs.is_modifier.to_string());
    found
}

/// Whether an element is sliced as its name alone would have it, or not at all.
fn is_implied(element: &Element) -> bool {
    let Some(slicing) = &element.slicing else { return true };
    let by = |tell, path: &str| slicing.discriminators.iter().all(|(t, p)| *t == tell && **p == *path);
    match &*element.name {
        "extension" | "modifierExtension" => by(Tell::Value, "url") && &*slicing.rules == "open",
        name => name.ends_with("[x]") && by(Tell::Type, "$this"),
    }
}

/// Keys of the invariants of an element's types, and of the profiles of these.
fn keys_of_types(element: &Element, shelf: &Grown<'_>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for of in element.types.iter().flatten() {
        let named = shelf.type_structure(&of.code, 0).ok().flatten();
        let profiles = of.profiles.iter().filter_map(|url| shelf.structure(url, 0).ok().flatten());
        for structure in profiles.chain(named) {
            keys.extend(structure.root.element.constraints.iter().map(|c| c.key.to_string()));
        }
    }
    keys
}

/// A row of the list: package, url, element and what differs, `*` standing for anything.
struct Apology {
    row: String,
    parts: Vec<String>,
}

impl Apology {
    fn all() -> Vec<Apology> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/differences.txt");
        let text = fs::read_to_string(path).expect("the list can be read");
        let rows = text.lines().filter(|l| !l.starts_with("//") && !l.trim().is_empty());
        rows.map(|row| {
            let parts = row.split_once(": ").expect("a row has a reason").0.split(' ').map(str::to_owned).collect();
            Apology { row: row.to_owned(), parts }
        })
        .collect()
    }

    fn covers(&self, found: [&str; 4]) -> bool {
        self.parts.len() == 4 && self.parts.iter().zip(found).all(|(pattern, text)| is_like(pattern, text))
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(left) = text.strip_prefix(start) else { return false };
            (0..=left.len()).filter(|at| left.is_char_boundary(*at)).any(|at| is_like(rest, &left[at..]))
        }
    }
}

#[test]
fn snapshots_grown_from_differentials_are_those_that_were_published() {
    let base = Definitions::r4().expect("the R4 base loads");
    let print = std::env::var_os("SHAREWELL_DIFFERENCES").is_some();
    let apologies = Apology::all();
    let (mut used, mut news) = (BTreeSet::new(), Vec::new());
    let packages = packages();
    for path in &packages {
        let package = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let trees = structures(path);
        let grown = Grown::new(&base, &trees);
        let (mut same, mut all, mut whole, mut count, mut alone) = (0, 0, 0, 0, 0);
        for tree in &trees {
            let theirs = published(tree);
            let root = tree.root();
            if theirs.is_empty() || root.get("differential").is_none() || root.str_at(&["kind"]) == Some("logical") {
                continue;
            }
            let url = root.str_at(&["url"]).unwrap_or_default();
            let mut ours = BTreeMap::new();
            match grown.structure(url, 0) {
                Ok(Some(made)) => flat(&made.root, &made.root.element.name, &mut ours),
                Ok(None) => {}
                Err(report) if report.issues.iter().all(|i| i.text.ends_with("is not loaded")) => {
                    alone += 1;
                    continue;
                }
                Err(report) => {
                    let mut known = apologies.iter().enumerate();
                    match known.find(|(_, apology)| apology.covers([&package, url, "*", "definition"])) {
                        Some((at, _)) => drop(used.insert(at)),
                        None => news.push(format!("{package} {url} * definition: {}", report.issues[0])),
                    }
                    count += 1;
                    continue;
                }
            }
            count += 1;
            let ours = as_they_write(ours, &theirs);
            let ids: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let before = all - same;
            for id in ids {
                all += 1;
                let told = match (ours.get(id), theirs.get(id)) {
                    (Some(mine), Some(their)) => differences(mine, their, &keys_of_types(their, &grown)),
                    (Some(_), None) => vec![("element", "only ours".to_owned())],
                    _ => vec![("element", "only theirs".to_owned())],
                };
                same += usize::from(told.is_empty());
                for (what, how) in &told {
                    let mut known = apologies.iter().enumerate();
                    match known.find(|(_, apology)| apology.covers([&package, url, id, what])) {
                        Some((at, _)) => drop(used.insert(at)),
                        None => news.push(format!("{package} {url} {id} {what}: {how}")),
                    }
                    if print {
                        println!("{url} {id} {what}: {how}");
                    }
                }
            }
            whole += usize::from(all - same == before);
        }
        println!(
            "{}: {same} of {all} elements the same, {whole} of {count} snapshots whole ({alone} build on other packages)",
            path.display()
        );
    }
    assert!(news.is_empty(), "not listed in tests/snapshots/differences.txt:\n{}", news.join("\n"));
    let here: Vec<String> = packages.iter().filter_map(|p| p.file_name()?.to_str().map(str::to_owned)).collect();
    let is_here = |a: &Apology| here.iter().any(|package| is_like(&a.parts[0], package));
    let is_idle = |at: usize, a: &Apology| !used.contains(&at) && is_here(a);
    let idle = apologies.iter().enumerate().filter(|(at, a)| is_idle(*at, a)).map(|(_, a)| a.row.as_str());
    let idle: Vec<&str> = idle.collect();
    assert!(idle.is_empty(), "the same now, take them off tests/snapshots/differences.txt:\n{}", idle.join("\n"));
}
