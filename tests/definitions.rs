//! The R4 base that travels inside the binary: complete, compiling, expanded, and the bytes we think they are.

use sharewell::embedded;
use sharewell::pure::profile::element::Strength;
use sharewell::pure::profile::{Definitions, package};
use std::collections::BTreeSet;

#[test]
fn the_r4_base_is_complete_and_compiles() {
    let definitions = Definitions::r4().expect("it loads");
    let (structures, value_sets, code_systems) = definitions.counts();
    assert_eq!((structures, value_sets, code_systems), (650, 1316, 1056));
    assert_eq!(definitions.resource_types().len(), 146, "148 types less the abstract Resource and DomainResource");
    for (url, profile) in definitions.structures() {
        assert!(profile.is_some(), "{url} does not compile");
    }
}

#[test]
fn the_r4_base_holds_facts_and_no_prose() {
    let files = embedded::files("profiles/hl7.fhir.r4.core");
    let bytes = &files.iter().find(|f| f.path.ends_with("package.tgz")).expect("it is embedded").bytes;
    assert!(bytes.len() < 700_000, "{} bytes", bytes.len());
    let hash: String = openssl::sha::sha256(bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hash, "d149ea70febb15b65cae79dfe43541551ab9fd361b79bfd47b68421b329134af", "rebuilt? then say so");
    for file in package::unpack("package.tgz", bytes).expect("it unpacks") {
        for prose in ["\"definition\":\"", "\"comment\":", "\"requirements\":", "\"div\":", "\"short\":", "\"human\":"]
        {
            assert!(!file.text().contains(prose), "{} holds {prose}", file.name);
        }
    }
}

#[test]
fn required_codes_are_known_but_for_systems_that_are_rules_or_elsewhere() {
    let definitions = Definitions::r4().expect("it loads");
    let mut open = BTreeSet::new();
    for (_, profile) in definitions.structures() {
        for binding in profile.iter().flat_map(|p| &p.nodes).filter_map(|n| n.binding.as_ref()) {
            let Some(url) = binding.value_set.as_deref().filter(|_| binding.strength == Strength::Required) else {
                continue;
            };
            if definitions.value_set(url).is_none_or(|set| set.expand().is_none()) {
                open.insert(url.split('|').next().unwrap_or(url).rsplit('/').next().unwrap_or(url).to_owned());
            }
        }
    }
    let open: Vec<&str> = open.iter().map(String::as_str).collect();
    assert_eq!(open, OPEN);
}

/// Currencies, media types, time zones and units are judged by rule. LL379-9 is an answer list of LOINC.
const OPEN: [&str; 5] = ["LL379-9", "currencies", "mimetypes", "timezones", "ucum-units"];
