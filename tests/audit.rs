//! The trail against the published vectors and the published examples, where they are at hand.

use serde_json::Value;
use sharewell::pure::audit::merkle::{Hash, verify_consistency, verify_inclusion};
use std::fs;
use std::path::{Path, PathBuf};

/// `../shared/cases/audit`, or nothing where it is not at hand.
fn published(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases/audit").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

fn cases(path: &str) -> Vec<Value> {
    let Some(path) = published(path) else { return Vec::new() };
    let text = fs::read_to_string(path).expect("the vectors can be read");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    all["cases"].as_array().expect("the vectors are a list").clone()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    openssl::base64::decode_block(value.as_str().unwrap_or_default()).ok()
}

/// A hash in base64; none where it is not 32 bytes, which is a reason to refuse.
fn hash(value: &Value) -> Option<Hash> {
    bytes(value)?.try_into().ok()
}

/// The same, but a few consistency cases have any text in the place of a root, equal or not: its hash stands for it.
fn root(value: &Value) -> Option<Hash> {
    let bytes = bytes(value)?;
    Some(bytes.as_slice().try_into().unwrap_or_else(|_| openssl::sha::sha256(&bytes)))
}

fn proof(value: &Value) -> Option<Vec<Hash>> {
    value.as_array().map_or(Some(Vec::new()), |list| list.iter().map(hash).collect())
}

#[test]
fn published_inclusion_proofs_are_judged_as_published() {
    for case in cases("rfc6962-merkle/inclusion.json") {
        let numbers = (case["leafIdx"].as_u64().unwrap(), case["treeSize"].as_u64().unwrap());
        let holds = match (hash(&case["leafHash"]), proof(&case["proof"]), hash(&case["root"])) {
            (Some(leaf), Some(proof), Some(root)) => verify_inclusion(numbers.0, numbers.1, &leaf, &proof, &root),
            _ => false,
        };
        assert_eq!(!holds, case["wantErr"].as_bool().unwrap(), "{} {}", case["id"], case["desc"]);
    }
}

#[test]
fn published_consistency_proofs_are_judged_as_published() {
    for case in cases("rfc6962-merkle/consistency.json") {
        let sizes = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        let holds = match (root(&case["root1"]), root(&case["root2"]), proof(&case["proof"])) {
            (Some(first), Some(second), Some(proof)) => verify_consistency(sizes.0, sizes.1, &proof, &first, &second),
            _ => false,
        };
        assert_eq!(!holds, case["wantErr"].as_bool().unwrap(), "{} {}", case["id"], case["desc"]);
    }
}
