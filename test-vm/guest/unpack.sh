#!/bin/sh
# Lays out the tree that comes on stdin as a tar archive, as root's, so that what is run as
# root belongs to root. What was there goes, but for node_modules where they come separately.
#
#     unpack.sh DIRECTORY [MARK]      MARK: remembered, and asked for by the next run
set -eu
dir=$1
mkdir -p "$dir"
tar -xf - -C "$dir" --no-same-owner
[ -z "${2-}" ] || printf '%s\n' "$2" >"$dir.mark"
