/* Made by scripts/gen-ops.ts from packages/ufs-mount/src/layers-request.ts. Do not edit. */
#ifndef CTR_GEN_REQUESTS_H
#define CTR_GEN_REQUESTS_H

#define REQUESTS(X) \
  X(apply, "tkind isquash icolumns ltargets lchains larchives noffsets nsizes ldigests ldiffs") \
  X(receive, "tkind isquash ibottom ttarget tchain tname isize tdigest tdiff") \
  X(copy, "tfrom tto") \
  X(branch, "tfrom tto") \
  X(subvolume, "tpath tof") \
  X(remove_subvolume, "tpath") \
  X(remove_root, "tpath") \
  X(diff, "llower troot imarked ilines") \
  X(which, "troot tpath ltrees lnames") \
  X(thin_pool, "tdirectory idata imetadata ibase lmkfs") \
  X(thin_volume, "tplace tof") \
  X(thin_mount, "tplace ireadonly ttarget") \
  X(collect, "tdirectory") \
  X(mapped_overlay, "tscratch llower tchanges ttop iflags loptions tuids tgids") \
  X(map_owners, "tuids tgids")

enum { APPLY_KIND, APPLY_SQUASH, APPLY_COLUMNS, APPLY_TARGETS, APPLY_CHAINS, APPLY_ARCHIVES, APPLY_OFFSETS, APPLY_SIZES, APPLY_DIGESTS, APPLY_DIFFS };
enum { RECEIVE_KIND, RECEIVE_SQUASH, RECEIVE_BOTTOM, RECEIVE_TARGET, RECEIVE_CHAIN, RECEIVE_NAME, RECEIVE_SIZE, RECEIVE_DIGEST, RECEIVE_DIFF };
enum { COPY_FROM, COPY_TO };
enum { BRANCH_FROM, BRANCH_TO };
enum { SUBVOLUME_PATH, SUBVOLUME_OF };
enum { REMOVE_SUBVOLUME_PATH };
enum { REMOVE_ROOT_PATH };
enum { DIFF_LOWER, DIFF_ROOT, DIFF_MARKED, DIFF_LINES };
enum { WHICH_ROOT, WHICH_PATH, WHICH_TREES, WHICH_NAMES };
enum { THIN_POOL_DIRECTORY, THIN_POOL_DATA, THIN_POOL_METADATA, THIN_POOL_BASE, THIN_POOL_MKFS };
enum { THIN_VOLUME_PLACE, THIN_VOLUME_OF };
enum { THIN_MOUNT_PLACE, THIN_MOUNT_READONLY, THIN_MOUNT_TARGET };
enum { COLLECT_DIRECTORY };
enum { MAPPED_OVERLAY_SCRATCH, MAPPED_OVERLAY_LOWER, MAPPED_OVERLAY_CHANGES, MAPPED_OVERLAY_TOP, MAPPED_OVERLAY_FLAGS, MAPPED_OVERLAY_OPTIONS, MAPPED_OVERLAY_UIDS, MAPPED_OVERLAY_GIDS };
enum { MAP_OWNERS_UIDS, MAP_OWNERS_GIDS };

enum layers_kind { LAYERS_OVERLAY, LAYERS_OVERLAY_USER, LAYERS_COPY, LAYERS_BTRFS, LAYERS_THIN };
#define LAYERS_KINDS "overlay", "overlay-user", "copy", "btrfs", "thin"

#endif
