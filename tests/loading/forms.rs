//! The forms in which definitions come, and packages that mean harm.

use super::{file, raw};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sharewell::pure::fhir::{Limits, json as reader};
use sharewell::pure::profile::Definitions;
use sharewell::pure::profile::package::{MOST_FILES, pack, unpack};
use sharewell::pure::validate::check;
use std::io::Write;

const URL: &str = "https://northmere.example/StructureDefinition/named";

/// A Basic whose subject must be there.
fn profile() -> Value {
    json!({"resourceType": "StructureDefinition", "url": URL, "name": "Named", "status": "active", "kind": "resource",
        "abstract": false, "type": "Basic", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
        "derivation": "constraint", "differential": {"element": [{"id": "Basic.subject", "path": "Basic.subject", "min": 1}]}})
}

const XML: &str = r#"<StructureDefinition xmlns="http://hl7.org/fhir">
  <url value="https://northmere.example/StructureDefinition/named"/><name value="Named"/><status value="active"/>
  <kind value="resource"/><abstract value="false"/><type value="Basic"/>
  <baseDefinition value="http://hl7.org/fhir/StructureDefinition/Basic"/><derivation value="constraint"/>
  <differential><element id="Basic.subject"><path value="Basic.subject"/><min value="1"/></element></differential>
</StructureDefinition>"#;

fn snapshot() -> Value {
    let element = |id: &str, max: &str| json!({"id": id, "path": id, "min": 0, "max": max});
    json!({"element": [element("Basic", "*"), element("Basic.id", "1"), element("Basic.code", "1"),
        {"id": "Basic.subject", "path": "Basic.subject", "min": 1, "max": "1", "type": [{"code": "Reference"}]}]})
}

#[test]
fn a_definition_says_the_same_in_whatever_form_it_comes() {
    let mut both = profile();
    both["snapshot"] = snapshot();
    let mut only_snapshot = both.clone();
    only_snapshot.as_object_mut().expect("it is an object").remove("differential");
    let packed = pack(vec![("StructureDefinition-named.json".to_owned(), profile().to_string())]).expect("it packs");
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": profile()}]});
    let forms = [
        file("differential.json", &profile()),
        file("both.json", &both),
        file("snapshot.json", &only_snapshot),
        file("a/folder/below.json", &profile()),
        file("bundle.json", &bundle),
        raw("named.xml", XML),
        raw("package.tgz", packed),
    ];
    let good = br#"{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient/1"}}"#;
    let bad = br#"{"resourceType":"Basic","code":{"text":"x"}}"#;
    for form in forms {
        let name = form.path.clone();
        let definitions = Definitions::r4().expect("R4 loads").with_files(&[form]).expect("it loads");
        let verdict = |text: &[u8]| {
            let tree = reader::read(text, &Limits::default()).expect("it is JSON");
            check(&tree, &[URL], &definitions).is_valid()
        };
        assert!(verdict(good) && !verdict(bad), "{name}");
    }
}

/// A tar of plain files, gzipped.
fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // written as it is: the library would not let `..` into a name
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).expect("it can be written");
    }
    tar.into_inner().expect("it ends").finish().expect("it ends")
}

fn refused(bytes: &[u8], why: &str) {
    let report = unpack("hostile.tgz", bytes).err().unwrap_or_else(|| panic!("accepted: {why}"));
    let text = &report.issues[0].text;
    assert!(text.contains("hostile.tgz") && text.contains(why), "{text}");
}

#[test]
fn a_package_that_is_none_is_refused_with_a_sentence() {
    refused(b"PK\x03\x04", "not gzip");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(b"this is no tar file, however long one waits for it to become one").expect("it can be written");
    refused(&gzip.finish().expect("it ends"), "cut short");
    refused(&tgz(&[("readme.txt", b"hello")]), "no JSON or XML in the folder `package`");
    refused(&tgz(&[("package/a.json", b"{\"a\":\"\xFF\"}")]), "`a.json` is not UTF-8");
}

#[test]
fn a_package_cut_short_is_refused_wherever_it_is_cut() {
    let text = profile().to_string();
    let whole = tgz(&[("package/a.json", text.as_bytes()), ("package/b.json", text.as_bytes())]);
    assert_eq!(unpack("p.tgz", &whole).expect("it is whole").len(), 2);
    for end in (10..whole.len()).step_by(7) {
        assert!(unpack("p.tgz", &whole[..end]).is_err(), "cut at {end} of {}", whole.len());
    }
}

#[test]
fn names_that_lead_out_and_links_lead_nowhere() {
    let text = profile().to_string();
    let bytes = tgz(&[
        ("package/../../etc/a.json", text.as_bytes()),
        ("/etc/b.json", text.as_bytes()),
        ("package/other/c.json", text.as_bytes()),
        ("package/logo.png", b"\x89PNG\xFF"),
        ("package/d.json", text.as_bytes()),
    ]);
    let names: Vec<String> = unpack("p.tgz", &bytes).expect("it is a package").into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["d.json"]);
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "package/link.json", "/etc/passwd").expect("it can be written");
    let bytes = tar.into_inner().expect("it ends").finish().expect("it ends");
    refused(&bytes, "no JSON or XML in the folder `package`");
}

#[test]
fn a_package_of_too_many_files_or_too_many_bytes_is_refused_soon() {
    let many: Vec<(&str, &[u8])> = vec![("package/a.json", b"{}"); MOST_FILES + 1];
    refused(&tgz(&many), "more than 50000 files");
    // what compresses to nothing: a file that says it is 600 MB of blanks
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_path("package/a.json").expect("it is a name");
    header.set_size(600 << 20);
    header.set_cksum();
    gzip.write_all(header.as_bytes()).expect("it can be written");
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..600 {
        gzip.write_all(&blanks).expect("it can be written");
    }
    refused(&gzip.finish().expect("it ends"), "too large");
}
