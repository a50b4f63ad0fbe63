#!/bin/sh
# The source of QuickJS, the engine that runs the planner, into .cache/engine/quickjs-VERSION:
# from the source package of Debian 13, which apt fetches from the machine's own mirror and by its
# own proxies, and whose signature it checks, with a source list and state that are no one else's
# (so Debian 12 has it too). Where the machine has no way to a mirror, the tarball may be handed
# over as .cache/quickjs_VERSION.orig.tar.xz, or named by CTR_QUICKJS.
#
#     scripts/engine.sh          prints the directory
set -eu
cd "$(dirname "$0")/.."

VERSION=2025.04.26
SHA256=ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe
SUITE=trixie
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

tarball=quickjs_$VERSION.orig.tar.xz
given=${CTR_QUICKJS:-$PWD/.cache/$tarball}
there=$PWD/.cache/engine/quickjs-$VERSION
kept=$PWD/.cache/engine/$tarball
private=$PWD/.cache/engine/apt.$$

say() { printf '%s\n' "engine: $*" >&2; }
fail() { say "$*"; exit 1; }
is_it() { printf '%s  %s\n' "$SHA256" "$1" | sha256sum --check --status 2>/dev/null; }

# As this very script and its changes leave it.
state=$(cat scripts/engine.sh native/engine/quickjs.sed | sha256sum)
if [ "$(cat "$there/.complete" 2>/dev/null)" = "$state" ]; then
  printf '%s\n' "$there"
  exit 0
fi

# The mirrors of Debian that the machine uses, and Debian's own.
mirrors() {
  apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 2>/dev/null | sort -u
  printf '%s\n' http://deb.debian.org/debian/
}

# apt's settings for one mirror; what the machine's own say of proxies and the like stays.
settings() {
  rm -rf "$private"
  mkdir -p "$private/lists/partial" "$private/archives/partial"
  printf '%s\n' "deb-src [signed-by=$KEYRING] $1 $SUITE main" >"$private/sources.list"
  cat >"$private/apt.conf" <<END
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::SourceList "$private/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$private";
Dir::State::status "/dev/null";
Dir::Cache "$private";
APT::Sandbox::User "$(id -un)";
APT::Get::List-Cleanup "false";
Acquire::Retries "3";
Acquire::Languages "none";
END
}

fetch() {
  [ -f "$KEYRING" ] || return 1
  for mirror in $(mirrors); do
    settings "$mirror"
    (
      cd "$private"
      apt-get -q -c "$private/apt.conf" update
      # The suite may have moved on to another revision of the package; this is its upstream part.
      apt-get -q -c "$private/apt.conf" source --tar-only --download-only quickjs
    ) </dev/null >.cache/engine/apt.log 2>&1 || continue
    [ -f "$private/$tarball" ] && return 0
  done
  return 1
}

# What is changed says so in the text.
mend() {
  sed -i -f native/engine/quickjs.sed "$1/quickjs.c" "$1/quickjs.h"
  [ "$(cat "$1/quickjs.c" "$1/quickjs.h" | grep -c '/\* changed \*/')" = 32 ]
}

mkdir -p .cache/engine
trap 'rm -rf "$private" "$there.$$"' EXIT
if [ -n "${CTR_QUICKJS-}" ] && [ ! -f "$given" ]; then
  fail "CTR_QUICKJS names $given, which is not a file"
elif [ -f "$given" ]; then
  is_it "$given" || fail "$given is not QuickJS $VERSION: its SHA-256 is not $SHA256"
elif is_it "$kept"; then
  given=$kept
else
  say "QuickJS $VERSION from the source package of Debian $SUITE"
  fetch || fail "quickjs $VERSION could not be fetched with apt; put $tarball (SHA-256 $SHA256) into .cache/, or name it by CTR_QUICKJS"
  given=$private/$tarball
  is_it "$given" || fail "$tarball of the mirror is not the one that is pinned here: its SHA-256 is not $SHA256"
  cp "$given" "$kept.$$"
  mv "$kept.$$" "$kept"
fi
rm -rf "$there.$$"
mkdir "$there.$$"
tar -xJf "$given" -C "$there.$$" --strip-components=1 || fail "$given could not be unpacked (is xz there?)"
mend "$there.$$" || fail "$given has not the code that is mended here"
printf '%s\n' "$state" >"$there.$$/.complete"
rm -rf "$there"
mv "$there.$$" "$there" 2>/dev/null || [ "$(cat "$there/.complete" 2>/dev/null)" = "$state" ] || fail "$there could not be put in place"
printf '%s\n' "$there"
