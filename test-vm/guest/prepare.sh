#!/bin/sh
# Before any package is installed: how the initial RAM disk is made. It needs only what the
# root file system of a QEMU machine lies on, and each module more is time at each boot.
#
#     prepare.sh ROOT
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
printf '%s\n' MODULES=list BUSYBOX=n COMPRESS=zstd COMPRESSLEVEL=3 RESUME=none FSTYPE=ext4 \
  >"$1/etc/initramfs-tools/conf.d/ctr-tools"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/ctr-tools"
