#!/bin/sh
# What this machine has for containers, a `key: value` a line.
say() { printf '%s: %s\n' "$1" "$2"; }
have() { if modprobe -qn "$1" 2>/dev/null || [ -d "/sys/module/$1" ]; then echo yes; else echo no; fi; }
PATH=$PATH:/usr/sbin:/sbin
say kernel "$(uname -r)"
say init "$(cat /proc/1/comm) $(systemctl --version 2>/dev/null | sed -n '1s/systemd \([0-9]*\).*/\1/p')"
say lsm "$(cat /sys/kernel/security/lsm 2>/dev/null)"
say v1 "$(sed -n 's/.* - cgroup [^ ]* //p' /proc/self/mountinfo | tr ',' '\n' | grep -vE '^(rw|xattr|clone_children|release_agent.*|noprefix)$' | sort -u | tr '\n' ' ')"
v2=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup2 .*/\1/p' /proc/self/mountinfo | head -n 1)
say v2 "${v2:-none} $(cat "${v2:-/nonexistent}/cgroup.controllers" 2>/dev/null)"
for module in overlay btrfs erofs squashfs xfs fuse loop dm_mod dm_thin_pool dm_verity bfq; do
  say "$module" "$(have "$module")"
done
