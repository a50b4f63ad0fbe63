#!/bin/sh
# Makes a machine of a root file system in which the packages are installed: a second kernel,
# the user, the network, and nothing running that no test asked for.
#
#     setup.sh ROOT VAGRANT_KEY OLD_SUITE MIRROR
set -eu
root=$1 key=$2 old=$3 mirror=$4

in_root() { chroot "$root" /usr/bin/env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

# The older kernel, for cgroup v1: from 6.12 on Debian leaves the v1 controllers memory and
# cpuset out (CONFIG_MEMCG_V1 and CONFIG_CPUSETS_V1 are not set). Everything else stays the
# newer release's. The meta package moves to the older version, its kernel stays beside ours.
echo "deb $mirror $old main" >"$root/etc/apt/sources.list.d/older.list"
in_root apt-get update -qq
in_root apt-get install -qq --yes --allow-downgrades --no-install-recommends "linux-image-cloud-amd64/$old"
rm "$root/etc/apt/sources.list.d/older.list"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin

in_root useradd --create-home --shell /bin/bash --uid 1000 --user-group vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
install -d -m 700 -o 1000 -g 1000 "$root/home/vagrant/.ssh"
install -m 600 -o 1000 -g 1000 "$key" "$root/home/vagrant/.ssh/authorized_keys"
# The box ships no host keys: each machine makes its own, of the one kind that is quick.
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/etc/ssh/sshd_config.d" "$root/etc/systemd/system/ssh.service.d"
printf '%s\n' 'HostKey /etc/ssh/ssh_host_ed25519_key' 'UseDNS no' 'PasswordAuthentication no' \
  'MaxStartups 100' >"$root/etc/ssh/sshd_config.d/ctr-tools.conf"
printf '%s\n' '[Service]' 'ExecStartPre=' \
  'ExecStartPre=/bin/sh -c "test -s /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N \"\" -f /etc/ssh/ssh_host_ed25519_key"' \
  >"$root/etc/systemd/system/ssh.service.d/keys.conf"

echo ctr-tools >"$root/etc/hostname"
printf '%s\n' '127.0.0.1 localhost ctr-tools' '::1 localhost ctr-tools' >"$root/etc/hosts"
: >"$root/etc/machine-id"
printf '%s\n' '/dev/vda / ext4 rw,relatime 0 0' >"$root/etc/fstab"
printf '%s\n' '[Match]' 'Name=eth*' '' '[Network]' 'DHCP=yes' 'LinkLocalAddressing=no' '' '[DHCPv4]' \
  'ClientIdentifier=mac' >"$root/etc/systemd/network/20-eth.network"
printf '%s\n' 'CTR_TEST_VM=1' >>"$root/etc/environment"

in_root systemctl -q enable ssh.service systemd-networkd.service
# Tests make things in /tmp that a tmpfs of an older kernel lacks (mapped IDs came to it with 6.3).
in_root systemctl -q mask tmp.mount
# Engines are started by the tests that want them. Debian's AppArmor profiles would take longer
# to load than the machine to boot, and only ours are tested.
in_root systemctl -q mask apparmor.service systemd-networkd-wait-online.service \
  apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  dpkg-db-backup.timer man-db.timer logrotate.timer systemd-firstboot.service getty@tty1.service
in_root systemctl -q disable docker.service docker.socket containerd.service podman.socket \
  podman.service podman-auto-update.timer podman-restart.service podman-clean-transient.service \
  nftables.service btrfs-scrub.timer console-setup.service keyboard-setup.service 2>/dev/null || true
for unit in docker.service docker.socket containerd.service; do
  in_root systemctl is-enabled "$unit" 2>/dev/null | grep -qx enabled && exit 1
done

rm -f "$root"/etc/*- "$root"/var/lib/systemd/random-seed
find "$root/var/log" "$root/var/cache/debconf" -type f -delete
