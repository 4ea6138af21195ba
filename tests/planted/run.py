#!/usr/bin/env python3
"""Plants each fault of faults.toml in a copy of the engine, and shows which test catches it.

usage: tests/planted/run.py [--cases N] [NAME...]   N generated cases of each property (default 100), 60 N of the twin; NAME = part of a fault's name

The copy is made and built once below target/planted: each fault is an arm of a `match` on the environment's SHAREWELL_FAULT,
and the source of the project stays as it is. A fault whose text no longer stands in the source is an error, as is one that no
test notices, and a test that fails with no fault planted. Exits 0 if all are caught, 1 if not, 2 if it could not run.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "target/planted/copy"
TESTS = ["consent_scenarios", "consent_proofs", "nothing_leaves"]
SWITCH = '''
/// Which planted fault is on: 0 is none.
pub mod planted {
    /// Its number in the list.
    #[must_use]
    pub fn at() -> u32 {
        static ON: std::sync::LazyLock<u32> =
            std::sync::LazyLock::new(|| std::env::var("SHAREWELL_FAULT").ok().and_then(|n| n.parse().ok()).unwrap_or(0));
        *ON
    }
}
'''


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def faults():
    found = tomllib.loads((ROOT / "tests/planted/faults.toml").read_text())["fault"]
    wrong = []
    for number, fault in enumerate(found, 1):
        fault["number"] = number
        before, fault["old"], after = re.split("[«»]", fault["in"])
        fault["at"] = len(before)
        times = (ROOT / fault["file"]).read_text().count(before + fault["old"] + after)
        fault["plain"] = before + fault["old"] + after
        if times != 1:
            wrong.append(f"`{fault['name']}`: its text stands {times} times in {fault['file']}")
    if wrong:
        fail("\n".join(["faults that no longer apply:", *wrong]))
    return found


def plant(found):
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/fuzz/"):
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)
    for file in {f["file"] for f in found}:
        text = (COPY / file).read_text()
        places = {}
        for fault in (f for f in found if f["file"] == file):
            start = text.index(fault["plain"]) + fault["at"]
            places.setdefault((start, start + len(fault["old"])), []).append(fault)
        end = len(text) + 1
        for (start, stop), here in sorted(places.items(), reverse=True):
            if stop > end:
                fail(f"two faults overlap in {file}: {here[0]['name']}")
            arms = "".join(f"{f['number']} => {f['with']}, " for f in here)
            text = text[:start] + f"(match crate::planted::at() {{ {arms}_ => {text[start:stop]} }})" + text[stop:]
            end = start
        (COPY / file).write_text(text)
    # another name, so that what is built of the copy stands beside what is built of the project, and shares its dependencies
    manifest = (COPY / "Cargo.toml").read_text()
    manifest = manifest.replace('name = "sharewell"', 'name = "sharewell-planted"', 1).replace('default-run = "sharewell"\n', "")
    (COPY / "Cargo.toml").write_text(manifest + '\n[lib]\nname = "sharewell"\npath = "src/lib.rs"\n')
    with open(COPY / "src/lib.rs", "a") as lib:
        lib.write(SWITCH)


def build():
    command = [os.environ.get("CARGO", "cargo"), "test", "--no-run", "--manifest-path", str(COPY / "Cargo.toml"), "--target-dir", str(ROOT / "target")]
    for test in TESTS:
        command += ["--test", test]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
        fail("the copy does not build")
    made = [ROOT / path for path in re.findall(r"^ *Executable .* \((.*)\)$", done.stderr, re.M)]
    return {t: next(str(m) for m in made if m.name.startswith(f"{t}-")) for t in TESTS}


def noticed(binary, number, cases, *only):
    """The tests that fail, in their order; none if all hold."""
    kept = os.environ | {"SHAREWELL_FAULT": str(number), "SHAREWELL_CASES": str(cases), "SHAREWELL_TRIES": "1", "RUST_BACKTRACE": "0"}
    done = subprocess.run([binary, "--test-threads=1", *only], cwd=COPY, env=kept, capture_output=True, text=True, timeout=900)
    if done.returncode == 0:
        return []
    return re.findall(r"^    (\S+)$", done.stdout.rpartition("failures:")[2], re.M) or ["(the test ended early)"]


def caught(binaries, number, cases):
    for test, few in zip(TESTS, [cases, cases, max(cases // 4, 20)]):
        names = noticed(binaries[test], number, few)
        if names:
            return test, names
    # rare things need more cases: of the twin, which is the cheapest to tell them from, and of what is released
    for few, only in [(cases * 60, "the_engine_and_its_plain_twin"), (cases * 10, "what_is_withheld_stands_nowhere")]:
        names = noticed(binaries["consent_proofs"], number, few, only)
        if names:
            return "consent_proofs", names
    return None, []


def main():
    given = sys.argv[1:]
    cases = 100
    if given[:1] == ["--cases"]:
        cases, given = int(given[1]), given[2:]
    found = faults()
    if given == ["--check"]:
        return
    plant(found)
    binaries = build()
    test, names = caught(binaries, 0, cases)
    if names:
        fail(f"with no fault planted {test} fails: {', '.join(names)}")
    wanted = [f for f in found if all(part in f["name"] for part in given)]
    loose = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda f: caught(binaries, f["number"], cases), wanted)
        for fault, (test, names) in zip(wanted, answers):
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            print(f"{'caught' if names else 'LOOSE ':6} {fault['name']}  [{fault['of']}]")
            print(f"       by {test}: {names[0]}{more}" if names else "       by no test", flush=True)
            loose += not names
    print(f"{len(wanted) - loose} of {len(wanted)} planted faults are caught")
    sys.exit(1 if loose else 0)


if __name__ == "__main__":
    main()
