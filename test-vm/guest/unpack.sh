#!/bin/sh
# Lays out the tree that comes on stdin as a tar archive, as the owner of DIRECTORY's: root's where it
# is new. As root the launcher takes only a planner that is root's or its own owner's, so in a
# directory that lies in somebody's home all has to be his, as are the directories above.
#
#     unpack.sh DIRECTORY [MARK]      MARK: remembered, and asked for by the next run
set -eu
dir=$1
mkdir -p "$dir"
cd "$dir"
owner=$(stat -c %u .)
if [ "$owner" = "$(id -u)" ]; then
  tar -xf - --no-same-owner
else
  setpriv --reuid="$owner" --regid="$(stat -c %g .)" --clear-groups -- tar -xf - --same-permissions
fi
[ -z "${2-}" ] || printf '%s\n' "$2" >"$dir.mark"
