#!/bin/sh
# Sets the project up on a machine that has never seen it: the pinned pnpm and Node from the
# npm registry into .cache/boot, the dependencies, the build. Whatever Node the machine has
# only runs npm here. With --test the Debian packages that tests compare with, and no build.
#
#     scripts/setup.sh [--test]
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

say() { printf '%s\n' "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

PNPM=12.21.0
NODE=24.21.0
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) fail "no pinned Node for $(uname -m); x86_64 and aarch64 are supported" ;;
esac

mkdir -p .cache
# The engine's source is a tarball of xz (scripts/engine.sh).
install_debian gcc make libc6-dev libzstd-dev xz-utils
command -v npm >/dev/null || install_debian npm
for tool in gcc make npm xz; do
  command -v "$tool" >/dev/null || fail "$tool is needed and could not be found"
done
if [ "${1-}" = --test ]; then
  engines='scripts/debian-engines test-vm/vagrant-packages'
  if [ -d /run/systemd/system ]; then
    say "systemd would start the daemons of $engines here, so install them yourself if their tests are to run"
    engines=
  fi
  # shellcheck disable=SC2046,SC2086
  install_debian $(listed scripts/debian-packages scripts/debian-native test-vm/host-packages $engines)
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
scripts/link-node.sh

# `./check` builds by itself, and counts it.
[ "${1-}" = --test ] && exit 0
# Nothing that a build reads is newer than the last one.
is_built() {
  [ -x dist/bin/ctr-run ] && [ -f .cache/built ] && [ -z "$(find packages native scripts package.json pnpm-lock.yaml \
    \( -name node_modules -o -name dist -o -name test -o -path native/build -o -path 'packages/linux-*' \) -prune \
    -o -type f -newer .cache/built -print -quit)" ]
}
if ! is_built; then
  say 'build'
  : >.cache/building
  node scripts/build.ts </dev/null >.cache/build.log 2>&1 || {
    cat .cache/build.log >&2
    fail 'the build failed'
  }
  mv .cache/building .cache/built
fi
