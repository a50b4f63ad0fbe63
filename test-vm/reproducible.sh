#!/bin/sh
# Makes the box twice from nothing, in caches of their own, and compares all that is in it.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/var/tmp}/ctr-box-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for turn in 1 2; do
  dir=$(CTR_VM_CACHE="$work/$turn" node_modules/.bin/node test-vm/box.ts)
  (cd "$dir" && sha256sum -- *) >"$work/sums$turn"
done
cat "$work/sums1"
diff "$work/sums1" "$work/sums2" && echo 'the same twice'
