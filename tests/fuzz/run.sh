#!/usr/bin/env bash
# Fuzzes each target for so many seconds: tests/fuzz/run.sh SECONDS [TARGET…]. Says how many inputs were tried and what
# was covered; stops with 1 where something was found, which is then in target/fuzz/found. Builds with the flags of
# `cargo fuzz`, which may be used instead: cargo fuzz run --fuzz-dir tests/fuzz TARGET. Needs a C++ compiler besides what
# the project needs.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?how many seconds for each target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(json xml fhirpath_parse fhirpath_evaluate xml_write profile validate)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../../target/fuzz}
args=-Cllvm-args=
coverage="-Cpasses=sancov-module ${args}-sanitizer-coverage-level=4 ${args}-sanitizer-coverage-inline-8bit-counters"
coverage+=" ${args}-sanitizer-coverage-pc-table ${args}-sanitizer-coverage-trace-compares --cfg fuzzing"
coverage+=" ${args}-simplifycfg-branch-fold-threshold=0 ${args}-sanitizer-coverage-stack-depth -Cdebug-assertions -Ccodegen-units=1"
# The code has no `unsafe` (a lint forbids it), so no sanitizer is needed: every input costs half of what it would.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS=$coverage cargo build --release --quiet --target "$host" $(printf -- '--bin %s ' "${targets[@]}")
built=$CARGO_TARGET_DIR/$host/release
mkdir -p "$CARGO_TARGET_DIR/found"
status=0
for target in "${targets[@]}"; do
  work=$CARGO_TARGET_DIR/corpus/$target
  mkdir -p "$work"
  # one input a line, in base64: what earlier runs found worth keeping, minimised
  WORK=$work perl -MMIME::Base64 -ne \
    'open F, ">", "$ENV{WORK}/kept-$." or die "$!\n"; binmode F; print F decode_base64($_); close F' <"corpus/$target.base64"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
  case $target in
    # what they read are orders, four bytes each, and no text
    xml_write | profile | validate) options+=(-max_len=260 -len_control=20) ;;
    *) options+=(-max_len=4096 -dict="words/${target%%_*}.dict") ;;
  esac
  log=$CARGO_TARGET_DIR/$target.log
  if "$built/$target" "${options[@]}" -artifact_prefix="$CARGO_TARGET_DIR/found/$target-" "$work" >"$log" 2>&1; then
    found="nothing found"
  else
    found="FOUND, see $log" status=1
  fi
  tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  covered=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1 || true)
  printf '%-18s %10s inputs, %s, %s\n' "$target" "${tried:-?}" "${covered:-nothing covered}" "$found"
done
exit $status
