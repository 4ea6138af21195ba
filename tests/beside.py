#!/usr/bin/env python3
"""Our verdicts beside the reference validator's, on data outside the official cases. Prints the figures.

usage: tests/beside.py differential PACKAGE [--count 2000] [--seeds 1,2,3,4,5]
       tests/beside.py examples PACKAGE [--ask]
       tests/beside.py real FOLDER [--uk-core FOLDER] [--ask]

  PACKAGE      the unpacked npm package hl7.fhir.r4.examples@4.0.1 (its folder `package`)
  FOLDER       ../shared/cases/fhir: files of NHS England, HL7 and PCO
  --ask        asks the reference validator anew (Java), instead of the verdicts that the lists record
  --sharewell  our binary; default target/release/sharewell
  --oracle     the reference validator; default ../shared/tools/hapi/oracle

differential: one-defect variants of the official examples (../shared/tools/differential.py); needs Java. What the reference
says of a seed is kept in target/beside/. Each difference belongs to a class of tests/conformance/differential.md.
examples, real: the lists tests/conformance/{r4-examples,real-files}.txt name each file with an error, and who finds one.
Exit 0 when at least 97 in 100 agree and every difference is explained, 1 when not, 2 when it could not run.
"""
import argparse, collections, json, os, re, shutil, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.join(HERE, "..", "..", "shared")
OURS, THEIRS = ("both", "ours", "unasked", "threw"), ("both", "reference")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", choices=["differential", "examples", "real"])
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--uk-core", default=os.path.join(SHARED, "fhir", "uk-core"))
    parser.add_argument("--sharewell", default=os.path.join(HERE, "..", "target", "release", "sharewell"))
    parser.add_argument("--oracle", default=os.path.join(SHARED, "tools", "hapi", "oracle"))
    options = parser.parse_args()
    if not os.path.isdir(options.folder) or not os.path.exists(options.sharewell):
        cannot(f"{options.folder} or {options.sharewell} is not there")
    if (options.ask or options.what == "differential") and not (shutil.which("java") and os.path.exists(options.oracle)):
        cannot("the reference validator needs Java and ../shared/tools/hapi")
    sys.exit({"differential": differential, "examples": examples, "real": real}[options.what](options))


def cannot(why):
    print(f"skipped: {why}")
    sys.exit(2)


def verdicts(command, files):
    """File name → whether it is valid (None: the validator threw), and the ids of its errors."""
    out = subprocess.run(command + ["-"], input="\n".join(files), text=True, stdout=subprocess.PIPE).stdout
    found = {}
    for line in out.splitlines():
        if line.startswith("{"):
            answer = json.loads(line)
            found[answer["file"]] = (answer["valid"], errors(answer))
    return found


def errors(answer):
    found = []
    for issue in answer.get("outcome", {}).get("issue", []):
        if issue["severity"] in ("error", "fatal"):
            ids = [e.get("valueString") or e.get("valueCode") for e in issue.get("extension", []) if e["url"].endswith("message-id")]
            found.append((place((issue.get("expression") or ["?"])[0]), ids[0] if ids else ""))
    return found


def place(path):
    """An expression without what the two validators write differently: names of contained resources, types of choices."""
    path = re.sub(r"/\*.*?\*/|\[x\]|\[0\]", "", path)
    return re.sub(r"\.ofType\((\w+)\)|(?<=\.value)[A-Z]\w*", "", path)


def ours(options, *more):
    return [options.sharewell, "validate", "--definitions-only", "--output", "json", *more]


# ---- one-defect variants

def differential(options):
    classes = read_classes()
    counts, unexplained, total, same = collections.Counter(), [], 0, 0
    for seed in options.seeds.split(","):
        cases = reference_cases(options, seed)
        mine = verdicts(ours(options), [case["file"] for case in cases])
        agreed = placed = bad = 0
        for case in cases:
            valid, found = mine.get(case["file"], (None, []))
            if valid == case["valid"]:
                agreed += 1
                if not valid and case["errors"]:
                    bad += 1
                    placed += any(at == place(case["errors"][0][0]) for at, _ in found)
                continue
            finder, ids = ("reference", [e[1] for e in case["errors"]]) if valid else ("ours", [e[1] for e in found])
            name = next((n for n, who, id in classes if who == finder and any(id in i for i in ids)), None)
            counts[name or "not explained"] += 1
            if name is None:
                unexplained.append(f"seed {seed} {case['id']} {case['source']} {case['op']} {case['at']}: {finder} {ids[:2]}")
        print(f"seed {seed}: same verdict {agreed}/{len(cases)} = {100 * agreed / len(cases):.2f} %; "
              f"first error at the same place {placed}/{bad} = {100 * placed / max(bad, 1):.1f} %")
        total, same = total + len(cases), same + agreed
    for name, count in counts.most_common():
        print(f"{count:5} {name}")
    print(*unexplained, sep="\n")
    print(f"one-defect variants: same verdict {same}/{total} = {100 * same / max(total, 1):.2f} %")
    return 0 if total and same >= 0.97 * total and not unexplained else 1


def reference_cases(options, seed):
    """The variants of a seed with the reference's verdicts, each written to a file of its own."""
    folder = os.path.join(HERE, "..", "target", "beside", f"{options.count}-{seed}")
    kept = folder + ".jsonl"
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(kept):
        tool = os.path.join(SHARED, "tools", "differential.py")
        lines = subprocess.run([sys.executable, tool, options.folder, str(options.count), seed], text=True, stdout=subprocess.PIPE).stdout
        with open(kept, "w") as file:
            file.write(lines)
    cases = [json.loads(line) for line in open(kept)]
    for case in cases:
        case["file"] = os.path.join(folder, case["id"] + ".json")
        with open(case["file"], "w") as file:
            json.dump(case["resource"], file)
    return cases


def read_classes():
    """Rows `| name | finder | message id | … |` of differential.md."""
    rows = []
    for line in open(os.path.join(HERE, "conformance", "differential.md")):
        cells = [cell.strip().strip("`") for cell in line.strip("| \n").split("|")]
        if len(cells) > 3 and cells[1] in ("ours", "reference"):
            rows.append((cells[0], cells[1], cells[2]))
    return rows


# ---- whole files, beside a list

def listed(name):
    """Lines `FILE: FINDER: defect`: who finds an error in a file. Nobody does in the others."""
    found = {}
    for line in open(os.path.join(HERE, "conformance", name)):
        if line.strip() and not line.startswith("//"):
            file, finder, _ = line.split(": ", 2)
            found[file] = finder
    return found


def beside(title, expected, mine, theirs, asked):
    """Prints what differs between verdicts and list, and how often both validators agree on what the reference was asked."""
    wrong, same = [], 0
    asked = {file for file in asked if expected.get(file) not in ("unasked", "threw")}
    for file, (valid, found) in sorted(mine.items()):
        finder = expected.get(file)
        if valid == (finder in OURS):
            wrong.append(f"{file}: ours says {'no error' if valid else found[:2]}, the list says {finder or 'nobody finds an error'}")
        answer = theirs.get(file, (None, []))
        if answer[0] is not None and answer[0] == (finder in THEIRS):
            wrong.append(f"{file}: the reference says {answer}, the list says {finder or 'nobody finds an error'}")
        same += file in asked and finder in (None, "both")
    wrong += [f"{file} is listed and not there" for file in expected if file not in mine]
    print(*wrong, sep="\n")
    refused = sum(finder in OURS for finder in expected.values())
    print(f"{title}: {len(mine)} files, {refused} with a defect, each listed by name; same verdict as the reference, where it "
          f"gives one, {same}/{len(asked)} = {100 * same / max(len(asked), 1):.2f} % ({'asked now' if theirs else 'as recorded'})")
    return 0 if mine and same >= 0.97 * len(asked) and not wrong else 1


def named(found):
    return {os.path.basename(file): answer for file, answer in found.items()}


def examples(options):
    files = sorted(os.path.join(options.folder, f) for f in os.listdir(options.folder) if f.endswith(".json") and f != "package.json")
    mine = named(verdicts(ours(options), files))
    # of StructureDefinitions it wants packages from a server, and files of megabytes take it minutes each
    small = [f for f in files if os.path.getsize(f) < 120_000 and not os.path.basename(f).startswith("StructureDefinition-")]
    theirs = named(verdicts([options.oracle, "validate"], small)) if options.ask else {}
    return beside("official R4 examples", listed("r4-examples.txt"), mine, theirs, {os.path.basename(f) for f in small})


def real(options):
    files = sorted(os.path.join(at, f) for at, _, names in os.walk(options.folder) for f in names if f.endswith((".json", ".xml")))
    uk = [f for f in files if "ukcore" in f]
    rest = [f for f in files if "ukcore" not in f]
    package = ["--package", options.uk_core]
    mine = verdicts(ours(options), rest) | verdicts(ours(options, *package), uk)
    theirs = {}
    if options.ask:
        command = [options.oracle, "validate"]
        theirs = verdicts(command, rest) | verdicts(command + package, uk)
    return beside("real files", listed("real-files.txt"), named(mine), named(theirs), {os.path.basename(f) for f in files})


main()
