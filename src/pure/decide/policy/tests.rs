//! What a rule file may say, and how it is told what it may not.

use super::Policy;
use crate::pure::fhir::File;

fn compiled(text: &str) -> Result<Policy, Vec<String>> {
    let files = [File { path: "site.toml".to_owned(), bytes: text.as_bytes().to_vec().into() }];
    Policy::compile(&files).map_err(|r| r.issues.iter().map(ToString::to_string).collect())
}

#[test]
fn the_rules_that_come_with_the_program_compile_and_have_a_version() {
    let policy =
        Policy::compile(&crate::embedded::files("deploy/sharing/")).unwrap_or_else(|r| panic!("{:?}", r.issues));
    assert_ne!(policy.version(), [0; 32]);
    assert_eq!(policy.sections().count(), 13);
}

#[test]
fn every_mistake_is_told_at_once_with_its_line_and_a_remedy() {
    let wrong = "[default]\ndirect-care = \"perhaps\"\nunknown = 1\n\n[[purpose]]\nkind = \"secondary\"\n\n\
                 [[recipient]]\nid = \"x\"\nsections = [\"nowhere\"]\n";
    let issues = compiled(wrong).expect_err("four mistakes");
    assert_eq!(issues.len(), 4, "{issues:#?}");
    for start in ["site.toml:2:", "site.toml:3:1", "site.toml:5:", "site.toml:10:"] {
        assert!(issues.iter().any(|i| i.starts_with(start)), "{start} {issues:#?}");
    }
    assert!(issues.iter().all(|i| i.contains("; ")), "each has a remedy: {issues:#?}");
}

#[test]
fn text_that_is_not_toml_is_told_where() {
    let issues = compiled("[policy\nname = 1").expect_err("no TOML");
    assert!(issues.iter().any(|i| i.starts_with("site.toml:1:")), "{issues:#?}");
}

#[test]
fn no_rules_at_all_are_refused() {
    assert!(Policy::compile(&[]).is_err());
}

#[test]
fn what_is_taken_of_the_register_and_the_record_is_said_in_words_the_rules_know() {
    let rules = "[register]\nrepresentatives = \"as-recorded\"\ncare-team = true\n[identity]\nunverified = \"hold\"\n";
    let policy = compiled(rules).expect("they compile");
    assert_eq!(policy.representatives(), crate::pure::decide::Authority::AsRecorded);
    assert!(policy.care_team());
    assert_eq!((policy.verified(Some(false)), policy.verified(None)), (Some(false), None));
    let silent = compiled("").expect("nothing is said");
    assert_eq!(silent.representatives(), crate::pure::decide::Authority::Checked);
    assert!(!silent.care_team() && silent.verified(Some(false)).is_none());
    let strict = compiled("[identity]\nunstated = \"hold\"\n").expect("they compile");
    assert_eq!((strict.verified(None), strict.verified(Some(true))), (Some(false), Some(true)));
    for wrong in
        ["[register]\nrepresentatives = \"all\"", "[identity]\nunverified = 1", "[secondary]\nopt-out-days = -1"]
    {
        assert!(compiled(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_bar_names_its_law() {
    let issues = compiled("[[sensitive]]\nid = \"x\"\nbar = \"L2\"\n").expect_err("no law");
    assert!(issues[0].contains("law"), "{issues:#?}");
}

#[test]
fn what_a_site_decides_otherwise_has_an_owner_and_a_date() {
    let other = "[default]\nimplicit = \"Policy-all-normal\"\n[break-glass]\nobjection = \"may-be-overridden\"\ndecided = \"soon\"\ndecided-by = \"x\"\n";
    let issues = compiled(other).expect_err("three mistakes");
    for start in ["site.toml:2:", "site.toml:5:11"] {
        assert!(issues.iter().any(|i| i.starts_with(start)), "{start} {issues:#?}");
    }
    assert_eq!(issues.len(), 3, "{issues:#?}");
    assert!(compiled("[default]\nimplicit = \"Policy-of-mine\"\n").is_err());
    assert!(compiled("[default]\nimplicit = \"England-direct-care\"\n[break-glass]\nobjection = \"stands\"\n").is_ok());
}

#[test]
fn what_is_said_twice_or_lies_below_itself_is_a_mistake() {
    for (twice, at) in [
        (
            "[default]\ndirect-care = \"deny\"\n[freshness]\nmax-age-seconds = 1\n[[recipient]]\nid = \"x\"\nsections = []\n[[recipient]]\nid = \"x\"\nsections = []\n",
            "site.toml:8:",
        ),
        (
            "[[purpose]]\ncode = \"A\"\nkind = \"secondary\"\nparent = \"B\"\n[[purpose]]\ncode = \"B\"\nkind = \"secondary\"\nparent = \"A\"\n",
            "site.toml:1:",
        ),
        ("[[recipient]]\nid = \"x\"\n", "site.toml:1:"),
    ] {
        let issues = compiled(twice).expect_err("a mistake");
        assert!(issues[0].starts_with(at), "{issues:#?}");
    }
    let one = |path: &str, text: &str| File { path: path.to_owned(), bytes: text.as_bytes().to_vec().into() };
    let two = [one("a.toml", "[default]\nself-claimed = true\n"), one("b.toml", "[default]\nself-claimed = false\n")];
    assert!(Policy::compile(&two).is_err(), "the second file would silently undo the first");
}
