#!/bin/sh
# Runs a command with a libvirtd of its own, in namespaces of its own: its sockets, its state,
# its bridge and its DHCP server are nobody else's, and whatever was started is gone when the
# command ends, because its PID namespace is. So nothing of this machine's libvirt, if there is
# any, is touched. Needs root.
#
#     libvirt.sh COMMAND [ARGUMENT]...
set -eu
if [ "${CTR_LIBVIRT_INSIDE-}" != 1 ]; then
  exec env CTR_LIBVIRT_INSIDE=1 unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
    -- "$0" "$@"
fi
unset CTR_LIBVIRT_INSIDE
fail() { echo "libvirt.sh: $*" >&2; exit 125; }

# /run is new, so that every socket in it is ours; /var/lib/libvirt and its caches too.
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/libvirt /run/lock /run/dbus
state=${CTR_LIBVIRT_STATE:-/var/tmp}
dir=$(mktemp -d "$state/ctr-libvirt-XXXXXX")
mkdir "$dir/lib" "$dir/cache" "$dir/log" "$dir/etc"
chmod 755 "$dir"
mkdir -p "$dir/lib/images" "$dir/lib/qemu" "$dir/lib/network" "$dir/lib/dnsmasq" "$dir/lib/boot"
cp -a /etc/libvirt/. "$dir/etc/"
for pair in lib:/var/lib/libvirt cache:/var/cache/libvirt log:/var/log/libvirt etc:/etc/libvirt; do
  mkdir -p "${pair#*:}"
  mount --bind "$dir/${pair%%:*}" "${pair#*:}"
done
rm -f /etc/libvirt/qemu/networks/autostart/*.xml
cat >>/etc/libvirt/libvirtd.conf <<END
listen_tls = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
END
# Nothing is confined or owned in a way that this machine would have to be set up for.
cat >>/etc/libvirt/qemu.conf <<END
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
remember_owner = 0
END
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
libvirtd --timeout 0 >"$dir/log/libvirtd.out" 2>&1 &
tries=0
until virsh -c qemu:///system version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 60 ]; then
    cat "$dir/log/libvirtd.out" >&2
    fail 'libvirtd does not answer after 60 s'
  fi
  sleep 1
done
status=0
"$@" || status=$?
umount /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt 2>/dev/null || true
rm -rf "$dir"
exit $status
