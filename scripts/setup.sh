#!/bin/sh
# Sets the project up on a machine that has never seen it: the pinned pnpm and Node from the
# npm registry into .cache/boot, the dependencies, the build. Whatever Node the machine has
# only runs npm here. With --test the Debian packages that tests compare with, and no build.
#
#     scripts/setup.sh [--test]
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

PNPM=12.21.0
NODE=24.21.0
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) fail "no pinned Node for $(uname -m); x86_64 and aarch64 are supported" ;;
esac

# Missing Debian packages of a list are installed; without root or apt-get tests skip and say so.
install_debian() {
  missing=
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || { say "not root, so these stay missing:$missing"; return 0; }
  command -v apt-get >/dev/null || { say "no apt-get, so these stay missing:$missing"; return 0; }
  say "apt-get install$missing"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  set -- $missing
  apt_install "$@" && return 0
  apt-get update -qq </dev/null >&2 || say 'apt-get update failed'
  apt_install "$@" && return 0
  # One that this release does not have must not keep the others away.
  for package in "$@"; do apt_install "$package" || say "$package could not be installed"; done
}
apt_install() { apt-get install -y -qq --no-install-recommends "$@" </dev/null >.cache/apt.log 2>&1; }

mkdir -p .cache
install_debian gcc make libc6-dev
for tool in gcc make npm; do
  command -v "$tool" >/dev/null || fail "$tool is needed and could not be found"
done
if [ "${1-}" = --test ]; then
  # shellcheck disable=SC2046
  install_debian $(sed 's/#.*//' scripts/debian-packages)
fi

boot=.cache/boot
pinned="$PWD/$boot/node_modules/node-linux-$arch/bin"
if [ ! -x "$pinned/node" ] || [ "$(cat $boot/.versions 2>/dev/null)" != "$PNPM $NODE" ]; then
  say "pnpm $PNPM and Node $NODE from the npm registry"
  rm -rf $boot
  mkdir -p $boot
  npm install --prefix $boot --no-audit --no-fund --loglevel=error --no-save \
    "pnpm@$PNPM" "node-linux-$arch@$NODE" </dev/null >&2
  printf '%s' "$PNPM $NODE" >$boot/.versions
fi
PATH="$pinned:$PWD/$boot/node_modules/.bin:$PATH"
export PATH

state=$(cat pnpm-lock.yaml pnpm-workspace.yaml package.json packages/*/package.json | sha256sum)
if [ ! -d node_modules ] || [ "$(cat .cache/installed 2>/dev/null)" != "$state" ]; then
  say 'dependencies'
  CI=true pnpm install --frozen-lockfile </dev/null >.cache/install.log 2>&1 || {
    cat .cache/install.log >&2
    fail 'pnpm install failed'
  }
  printf '%s' "$state" >.cache/installed
fi

# `./check` builds by itself, and counts it.
[ "${1-}" = --test ] && exit 0
say 'build'
node scripts/build.ts </dev/null >.cache/build.log 2>&1 || {
  cat .cache/build.log >&2
  fail 'the build failed'
}
