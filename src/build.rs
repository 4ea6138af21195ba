//! Lists the files that travel inside the binary, so that it works with an empty disk: profiles, mappings, the example
//! configuration and the records of the demo; and names the engine, for decisions to be replayed by. Cargo runs this;
//! nothing else does.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut list = String::from("&[\n");
    for folder in ["profiles", "mappings", "deploy", "fixtures/demo"] {
        println!("cargo::rerun-if-changed={folder}");
        walk(&root, &root.join(folder), &mut list);
    }
    list.push(']');
    println!("cargo::rustc-env=SHAREWELL_ENGINE={}", engine(&root));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("embedded.rs"), list).expect("the build folder can be written");
}

fn walk(root: &Path, folder: &Path, list: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(root, &path, list);
        } else {
            let name = path.strip_prefix(root).expect("it is below the root").to_string_lossy().replace('\\', "/");
            list.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", path.display().to_string()));
        }
    }
}

/// Names what decides: a digest (FNV-1a, 64 bits) of the pure rooms and the definitions that travel inside. It tells one
/// engine from another; it proves nothing.
fn engine(root: &Path) -> String {
    let mut files = Vec::new();
    for folder in ["src/pure", "profiles"] {
        println!("cargo::rerun-if-changed={folder}");
        gather(&root.join(folder), &mut files);
    }
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for path in files {
        for byte in fs::read(path).unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { gather(&path, found) } else { found.push(path) }
    }
}
