#!/bin/sh
# Tries `vagrant up` on the real box, with a libvirtd, a home and a state of its own, and says
# what held: `ok …` or `not ok …` a line. Needs root, Vagrant with vagrant-libvirt, libvirtd.
#
#     vagrant-up.sh [SECONDS]       how long `vagrant up` may take (1500)
set -u
limit=${1:-1500}
cd "$(dirname "$0")/.."
if [ "${CTR_VAGRANT_DIR-}" = '' ]; then
  CTR_VAGRANT_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/ctr-vagrant-XXXXXX")
  export CTR_VAGRANT_DIR CTR_LIBVIRT_STATE="$CTR_VAGRANT_DIR"
  # What was killed a moment ago may still write.
  trap 'rm -rf "$CTR_VAGRANT_DIR" 2>/dev/null || { sleep 2; rm -rf "$CTR_VAGRANT_DIR"; }' EXIT
  # The box is made outside: in there is no network.
  # A shell sees to a signal once what it waits for is over, so what runs is in the background; and
  # it ends with us, should we be killed without a word.
  inside=
  trap 'end 130' INT
  trap 'end 143' TERM HUP
  end() { # STATUS
    [ -z "$inside" ] || { kill "-$with" "$inside"; wait "$inside"; }
    exit "$1"
  }
  with=TERM
  setpriv --pdeathsig=TERM -- node_modules/.bin/node test-vm/box.ts --json >"$CTR_VAGRANT_DIR/box.json" &
  inside=$!
  wait $inside || { echo 'not ok a box'; exit 1; }
  # unshare(1) lets no other signal end it; with it goes its PID namespace, and all that is in it.
  with=KILL
  setpriv --pdeathsig=KILL -- test-vm/libvirt.sh test-vm/vagrant-up.sh "$limit" &
  inside=$!
  wait $inside
  exit $?
fi
export VAGRANT_HOME="$CTR_VAGRANT_DIR/home" VAGRANT_DOTFILE_PATH="$CTR_VAGRANT_DIR/dot"
export VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_BOX_UPDATE_CHECK_DISABLE=1 VAGRANT_NO_COLOR=1
export HOME="${HOME:-$CTR_VAGRANT_DIR}"
failed=0
holds() { # WORDS COMMAND...
  words=$1
  shift
  if "$@" >"$CTR_VAGRANT_DIR/out" 2>&1; then
    echo "ok $words"
  else
    failed=1
    echo "not ok $words:"
    tr '\r' '\n' <"$CTR_VAGRANT_DIR/out" | tail -n 25 | sed 's/^/  /'
  fi
}
inside() { timeout 300 vagrant ssh -c "$1"; }
began=$(date +%s)
holds 'vagrant up' timeout "$limit" vagrant up --provider=libvirt --no-tty
echo "# $(($(date +%s) - began)) s"
if [ $failed = 1 ]; then
  # What the machine itself said, as far as libvirt kept it.
  tail -n 20 /var/log/libvirt/qemu/*.log 2>/dev/null | sed 's/^/  /'
else
  holds 'it is Debian 13 with cgroup v2 under systemd' \
    inside 'grep -q trixie /etc/os-release && test -e /sys/fs/cgroup/cgroup.controllers && test -d /run/systemd/system'
  holds 'the project is in it, and its tools are at hand' inside 'bash -lc "cd ~/ctr-tools && test -e package.json && ctr-run --version"'
  holds 'they work there' inside 'sudo -n ~/ctr-tools/dist/bin/ns-enter --new uts,pid -- sh -c "test \$\$ = 1"'
  holds 'the tests run in the machine that is up' env CTR_VM_RESULTS="$CTR_VAGRANT_DIR/results" \
    timeout 400 node_modules/.bin/node test-vm/run.ts --via vagrant --user root -- test/names.host.test.ts
  holds 'and as root the tools still work there' inside 'sudo -n ~/ctr-tools/dist/bin/ctr-run --version'
  holds 'vagrant status says that it runs' sh -c 'vagrant status --machine-readable | grep -q ",state,running$"'
fi
holds 'vagrant destroy' timeout 120 vagrant destroy -f
holds 'nothing of it is left' sh -c '! virsh -c qemu:///system list --all --name | grep .'
exit $failed
