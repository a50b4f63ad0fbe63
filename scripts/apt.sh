# Sourced by setup.sh: installing Debian packages without a question, and without giving up
# for one that cannot be had. Tests that need a missing one skip and say so.

# The packages of lists, one a line, comments taken off.
listed() { sed 's/#.*//' "$@"; }

# Install those of the packages that are missing.
install_debian() {
  missing=
  for package in "$@"; do has_package "$package" || missing="$missing $package"; done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || { say "no apt-get, so these stay missing:$missing"; return 0; }
  # What this release does not have is looked for again when its package lists change.
  lists=$(lists_state)
  if [ "$(cat .cache/absent 2>/dev/null)" = "$lists$missing" ]; then return 0; fi
  [ "$(id -u)" = 0 ] || { say "not root, so these stay missing:$missing"; return 0; }
  # shellcheck disable=SC2086
  if [ -n "$(unknown $missing)" ]; then
    apt update -qq || say "apt-get update failed: $(tail -n 1 .cache/apt.log)"
  fi
  # shellcheck disable=SC2086
  absent=$(unknown $missing)
  known=
  for package in $missing; do
    case " $absent " in *" $package "*) ;; *) known="$known $package" ;; esac
  done
  [ -z "$absent" ] || say "this release does not have $absent"
  if [ -n "$known" ]; then
    say "apt-get install$known"
    # shellcheck disable=SC2086
    install_known $known
  fi
  missing=
  for package in "$@"; do has_package "$package" || missing="$missing $package"; done
  [ -z "$missing" ] || printf '%s' "$(lists_state)$missing" >.cache/absent
}

install_known() {
  apt install "$@" && return 0
  # The lists may name versions that the archive has no more.
  apt update -qq || say "apt-get update failed: $(tail -n 1 .cache/apt.log)"
  apt install "$@" && return 0
  # One that cannot be installed must not keep the others away.
  for package in "$@"; do
    apt install "$package" || say "$package could not be installed: $(tail -n 1 .cache/apt.log)"
  done
}

# No question is asked, no service is started where no systemd runs (invoke-rc.d(8) takes
# the run level from RUNLEVEL), and another apt-get is waited for.
apt() {
  DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true RUNLEVEL=1 \
    apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >.cache/apt.log 2>&1
}

has_package() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Those of the packages that no package list names as installable.
unknown() {
  names=
  for package in "$@"; do
    apt-cache policy "$package" 2>/dev/null | grep -q '^  Candidate: [^(]' || names="$names${names:+ }$package"
  done
  printf '%s' "$names"
}

lists_state() { cat /etc/debian_version 2>/dev/null; stat -c %Y /var/lib/apt/lists 2>/dev/null; }
