#!/usr/bin/env bash
# Runs groups of compiled tests, each to its end, and fails if one of them did. A skipped or unfinished test is a failure:
# nobody reads about it otherwise.
#
#   usage: scripts/test.sh GROUP...
#     fast     test/**/*.test.ts outside test/netns and test/sim: no namespaces, no privileges
#     sim      test/sim: whole routers in virtual time
#     netns    test/netns: real hosts in namespaces, one file at a time so that their timing is honest, and one beside it
#              that has nothing to do but wait
#     package  the tarball, installed as npm installs it for a user
#     fuzz     the fast tests that generate their input: MESH_FUZZ inputs (a million) for each property, or as many as
#              MESH_FUZZ_SECONDS (60) allow; then a real TAP and real sockets in a sandbox for as long
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin # where ip, nft and tcpdump are; not on every user's PATH

main() {
  local failed=() group
  for group in "$@"; do
    "$group" || failed+=("$group")
  done
  ((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}" >&2; exit 1; }
}

# A process for each file would spend half of its time on starting: a few processes import many files each.
fast() {
  local dir status=0
  dir=$(mktemp -d)
  find "$PWD/dist/test" -name '*.test.js' -not -path '*/test/netns/*' -not -path '*/test/sim/*' | sort |
    awk -v dir="$dir" '{ print "import " q $0 q ";" > (dir "/fast-" NR % 6 ".mjs") }' q="'"
  # The runner leaves one processor free unless told not to: on two of them that would be one process after another.
  run fast '' --test-concurrency="$(nproc)" < <(find "$dir" -name '*.mjs' | sort) || status=$?
  rm -rf "$dir"
  return "$status"
}

sim() {
  run sim '' --test-concurrency="$(nproc)" < <(find dist/test/sim -name '*.test.js' | sort)
}

netns() {
  local log status=0
  log=$(mktemp)
  set -m # a process group of its own: an interrupt does not reach what bash runs in the background
  netns_files "$PATIENT" | run 'patient netns' 'scripts/sandbox.sh' --test-concurrency=1 > "$log" 2>&1 &
  patient=$!
  set +m
  trap 'kill -- "-$patient"; exit 130' INT TERM
  netns_files -v "$PATIENT" | run netns 'scripts/sandbox.sh' --test-concurrency=1 || status=1
  wait "$patient" || status=1
  trap - INT TERM
  cat "$log"
  rm -f "$log"
  return "$status"
}

# Those that wait nearly all of their time, and not for something that must come soon: they run beside the others.
PATIENT='/(continuity|idle|membership)\.test\.js$'

# netns_files [-v] PATTERN: those that match, or do not
netns_files() {
  find dist/test/netns -name '*.test.js' | grep -E "$@" | sort
}

package() {
  scripts/package-test.sh
}

fuzz() {
  local status=0
  run fuzz '' --import ./dist/test/support/fuzz/register.js < <(grep -rlZ --include='*.test.js' "from 'fast-check'" dist/test |
    tr '\0' '\n' | grep -v '^dist/test/netns/' | sort) || status=1
  MESH_FUZZ_SECONDS=${MESH_FUZZ_SECONDS:-60} run 'netns fuzz' 'scripts/sandbox.sh' < <(find dist/test/netns -name '*-fuzz.test.js') || status=1
  return "$status"
}

# run NAME PREFIX [NODE-OPTION...] < FILES
run() {
  local name=$1 prefix=$2 files log status=0
  shift 2
  mapfile -t files
  ((${#files[@]})) || { echo "$name: there are no tests" >&2; return 1; }
  echo "== $name tests"
  log=$(mktemp)
  $prefix node --enable-source-maps --test "$@" "${files[@]}" | tee "$log" || status=1
  # The runner's own summary, in its spec and in its TAP dress.
  grep -qE '^(ℹ|#) pass [1-9]' "$log" || { echo "$name: no test passed" >&2; status=1; }
  ! grep -E '^(ℹ|#) (cancelled|skipped|todo) [1-9]' "$log" >&2 || { echo "$name: a test was not run" >&2; status=1; }
  rm -f "$log"
  return "$status"
}

main "$@"
