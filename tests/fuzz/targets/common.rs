//! What the targets share: definitions loaded once, seeds, memory that is counted, and records made from a few bytes.
//!
//! A target that wants a record reads its input as orders: which seed, and then four bytes for each change to it. So a
//! handful of bytes is a record with a defect or ten, and every input is one.

use serde_json::{Map, Value};
use sharewell::pure::profile::Definitions;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts what is held, and the most that was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does something that may need this many bytes at most.
pub fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let done = work();
    let needed = MOST.load(Relaxed).saturating_sub(before);
    assert!(needed <= bytes, "{needed} bytes were needed, {bytes} were allowed");
    done
}

/// R4 and our own profiles, loaded once.
pub fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let definitions = Definitions::base().expect("they are embedded");
        // what is compiled when first asked for is not this input's to pay
        definitions.structures().filter(|(_, profile)| profile.is_none()).for_each(|(url, _)| panic!("{url}"));
        definitions
    })
}

macro_rules! texts {
    ($($path:literal),* $(,)?) => { &[$(include_str!(concat!("../../../", $path))),*] };
}

/// Records.
pub const RECORDS: &[&str] = texts![
    "fixtures/profiles/careplan/valid/whole.json",
    "fixtures/profiles/goal/valid/open.json",
    "fixtures/profiles/patient/valid/whole.json",
    "fixtures/profiles/careteam/valid/whole.json",
    "fixtures/profiles/task/valid/whole.json",
    "fixtures/profiles/auditevent/valid/whole.json",
    "fixtures/profiles/bundle/valid/only-the-person.json",
    "fixtures/profiles/need/valid/whole.json",
    "fixtures/profiles/contingency-plan/valid/whole.json",
    "tests/fuzz/seeds/questionnaire-response.json",
    "tests/fuzz/seeds/odd.json",
];

/// Profiles and extensions.
pub const PROFILES: &[&str] = texts![
    "profiles/sharewell/StructureDefinition-sharewell-careplan.json",
    "profiles/sharewell/StructureDefinition-budget.json",
    "profiles/sharewell/StructureDefinition-sharewell-bundle.json",
    "profiles/sharewell/StructureDefinition-sharewell-patient.json",
    "tests/fuzz/seeds/profile-sliced.json",
];

const NAMES: &[&str] = &[
    "id",
    "extension",
    "modifierExtension",
    "url",
    "value",
    "valueString",
    "valueQuantity",
    "valueCode",
    "valueReference",
    "reference",
    "contained",
    "resourceType",
    "meta",
    "profile",
    "text",
    "div",
    "status",
    "_status",
    "code",
    "coding",
    "system",
    "display",
    "entry",
    "resource",
    "fullUrl",
    "item",
    "linkId",
    "answer",
    "subject",
    "period",
    "start",
    "end",
    "identifier",
    "name",
    "given",
    "_given",
    "family",
    "birthDate",
    "_birthDate",
    "language",
    "url ",
    "",
    "é",
    "unknown",
];

const PROFILE_NAMES: &[&str] = &[
    "id",
    "path",
    "sliceName",
    "min",
    "max",
    "base",
    "contentReference",
    "type",
    "code",
    "profile",
    "targetProfile",
    "aggregation",
    "slicing",
    "discriminator",
    "rules",
    "ordered",
    "binding",
    "strength",
    "valueSet",
    "constraint",
    "key",
    "severity",
    "expression",
    "fixedCode",
    "fixedCodeableConcept",
    "patternCodeableConcept",
    "patternString",
    "minValueInteger",
    "maxValueDate",
    "maxLength",
    "mustSupport",
    "isModifier",
    "differential",
    "snapshot",
    "element",
    "baseDefinition",
    "derivation",
    "kind",
    "abstract",
    "context",
    "contextInvariant",
    "url",
    "version",
    "extension",
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "x",
    "true",
    "0",
    "-1",
    "2026-02-30",
    "2026-11-22T12:00:00Z",
    "24:00:00",
    "#x",
    "#",
    "Patient/1",
    "urn:uuid:",
    "urn:uuid:5c1b8f2e-0f2b-4a6e-9d5e-3a1f4f3b6a10",
    "http://example.org/x|1",
    "http://snomed.info/sct",
    "a\nb\tc",
    "\u{0}",
    "\u{1F9D3}",
    "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt;</p></div>",
    "<div>&nbsp;</div>",
    "<script>",
    "*",
    "1",
    "4294967296",
    "CarePlan",
    "Patient.name",
    "CarePlan.activity",
    "$this",
    "value",
    "open",
    "closed",
    "draft",
    "==",
    "kg",
    "exists()",
    "name.all($this.exists())",
    "(((((1",
    "descendants().descendants().count() > 0",
    "Extension",
    "Reference",
    "http://hl7.org/fhir/StructureDefinition/Patient",
    "#Questionnaire.item",
    "ZZ",
    "9990000018",
    "0.10",
    "1e400",
];

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.00",
    "1e3",
    "4294967296",
    "\"\"",
    "{}",
    "[]",
    "[null]",
    "[[1]]",
    "{\"id\":\"a\"}",
    "{\"extension\":[{\"url\":\"http://example.org/a\",\"valueString\":\"b\"}]}",
    "[{\"extension\":[]}]",
    "{\"reference\":\"#a\"}",
    "{\"resourceType\":\"Patient\",\"id\":\"a\"}",
    "[{\"resourceType\":\"Goal\"}]",
    "{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"1-8\"}]}",
    "{\"start\":\"2027\",\"end\":\"2026\"}",
];

/// One seed, changed as the bytes say.
pub fn made(seeds: &[&str], orders: &[u8]) -> Value {
    let names = if std::ptr::eq(seeds, PROFILES) { PROFILE_NAMES } else { NAMES };
    let (which, orders) = orders.split_first().unwrap_or((&0, &[]));
    let mut value = serde_json::from_str(seeds[usize::from(*which) % seeds.len()]).expect("a seed is JSON");
    for order in orders.chunks_exact(4).take(64) {
        change(&mut value, order, names);
        if pointers(&value).len() > 4_000 {
            break;
        }
    }
    value
}

/// Where every value below (and the root) stands, as JSON Pointers.
fn pointers(value: &Value) -> Vec<String> {
    fn add(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| add(item, &format!("{at}/{i}"), found))
            }
            Value::Object(members) => {
                for (name, item) in members {
                    add(item, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    add(value, "", &mut found);
    found
}

fn change(root: &mut Value, order: &[u8], names: &[&str]) {
    let [what, high, low, with] = order else { return };
    let all = pointers(root);
    let pick = |high: u8, low: u8| &all[(usize::from(high) << 8 | usize::from(low)) % all.len()];
    let at = pick(*high, *low).clone();
    let with = usize::from(*with);
    let name = names[with % names.len()].to_owned();
    let Some(here) = root.pointer_mut(&at) else { return };
    match what % 10 {
        0 => *here = serde_json::from_str(VALUES[with % VALUES.len()]).unwrap_or_default(),
        1 => *here = Value::String(TEXTS[with % TEXTS.len()].to_owned()),
        2 => *here = Value::Array(vec![here.take()]),
        3 => *here = Value::Object(Map::from_iter([(name, here.take())])),
        4 => {
            if let Value::Object(members) = here {
                let value = serde_json::from_str(VALUES[usize::from(*low) % VALUES.len()]).unwrap_or_default();
                members.insert(name, value);
            }
        }
        5 => {
            let copy = root.pointer(pick(with as u8, *low)).cloned().unwrap_or_default();
            // a copy of what is around would double with every order
            if copy.to_string().len() < 4_000
                && let Some(here) = root.pointer_mut(&at)
            {
                *here = copy;
            }
        }
        _ => beside(root, &at, what % 10, name),
    }
}

/// Changes to a value's place in its parent: gone, twice, under another name, in another order.
fn beside(root: &mut Value, at: &str, what: u8, name: String) {
    let Some((parent, key)) = at.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            let Some(value) = members.shift_remove(&key) else { return };
            match what {
                6 => {}
                7 => {
                    members.insert(name, value.clone());
                    members.insert(key, value);
                }
                8 => {
                    members.insert(name, value);
                }
                _ => {
                    members.insert(key, value);
                }
            }
        }
        Some(Value::Array(items)) => {
            let Ok(index) = key.parse::<usize>() else { return };
            match what {
                6 => {
                    items.remove(index);
                }
                7 => items.push(items[index].clone()),
                8 => items.insert(0, Value::Null),
                _ => items.reverse(),
            }
        }
        _ => {}
    }
}
