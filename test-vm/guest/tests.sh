#!/bin/sh
# Runs the tests of a built tree on this machine, as whoever calls it, and leaves in RESULTS
# vitest's report (vitest.json), why tests were skipped (skips.jsonl), the exit status (status),
# and what the machine is (facts).
#
#     tests.sh TREE RESULTS [argument for vitest]...
set -eu
tree=$1 results=$2
shift 2
rm -rf "$results"
mkdir -p "$results"
cd "$tree"
sh test-vm/guest/facts.sh >"$results/facts" 2>&1 || true
export CTR_TEST_SKIPS="$results/skips.jsonl" CTR_TEST_VM=1 CI=true NO_COLOR=1
# The peers' own folders are not in everybody's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
status=0
node_modules/.bin/node node_modules/vitest/vitest.mjs run --project vm --configLoader=native --passWithNoTests \
  --reporter=default --reporter=json --outputFile.json="$results/vitest.json" "$@" || status=$?
echo "$status" >"$results/status"
exit "$status"
