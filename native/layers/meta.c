/* What an entry says beside its content: owner, mode, attributes, access control lists, times. */
#include "attributes.h"
#include "layer.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static void path_of(char *at, size_t room, int dir, const char *last) {
  snprintf(at, room, "/proc/self/fd/%d/%s", dir, last);
}

static int set_xattrs(struct layer *layer, int dir, const char *last, const char *path, const struct xattr *xattrs) {
  char at[64 + NAME_MAX];
  path_of(at, sizeof at, dir, last);
  for (; xattrs; xattrs = xattrs->next) {
    /* A driver's own marks would make it show what the archive does not hold. */
    if (own_mark(xattrs->name)) continue;
    /* A label belongs to the policy of the machine, which gives one to what is made. */
    if (strcmp(xattrs->name, "security.selinux") == 0) continue;
    long rc = AGAIN(lsetxattr(at, xattrs->name, xattrs->value, xattrs->length, 0));
    if (rc == 0) continue;
    if (layer->squash && (rc == -EPERM || rc == -EOPNOTSUPP || rc == -EINVAL)) continue;
    /* Another system's (com.apple.*, system.nfs4_acl), or one that this file system has no room for at all. */
    if (rc == -EOPNOTSUPP) {
      if (layer->left_out++ == 0) snprintf(layer->left_name, sizeof layer->left_name, "%s", xattrs->name);
      continue;
    }
    return layer_fail(layer, "set the attribute %s of /%s: %s", xattrs->name, path, strerror((int)-rc));
  }
  return 0;
}

/* A list that came from the directory is not the archive's; its mode went with it. */
static int drop_inherited(struct layer *layer, const struct entry *entry, int dir, const char *last, const char *path) {
  char at[64 + NAME_MAX];
  path_of(at, sizeof at, dir, last);
  long rc = AGAIN(lremovexattr(at, "system.posix_acl_access"));
  if (entry->type == '5' && (rc == 0 || rc == -ENODATA)) rc = AGAIN(lremovexattr(at, "system.posix_acl_default"));
  return rc == 0 || rc == -ENODATA || rc == -EOPNOTSUPP ? 0 : layer_failed(layer, "take the access control list from", path, rc);
}

static int owner(struct layer *layer, const struct entry *entry, int dir, const char *last, const char *path, int fd) {
  if (entry->uid < 0 || entry->uid >= UINT32_MAX || entry->gid < 0 || entry->gid >= UINT32_MAX)
    return layer_fail(layer, "/%s has an owner that there cannot be: %lld:%lld", path, (long long)entry->uid,
                      (long long)entry->gid);
  uid_t uid = (uid_t)entry->uid;
  gid_t gid = (gid_t)entry->gid;
  /* A directory may have been there before, as somebody else's. */
  if (entry->type != '5' && !layer->inherits && uid == layer->uid && gid == layer->gid) return 0;
  long rc = fd >= 0 ? AGAIN(fchown(fd, uid, gid)) : AGAIN(fchownat(dir, last, uid, gid, AT_SYMLINK_NOFOLLOW));
  return rc < 0 ? layer_failed(layer, "give an owner to", path, rc) : 0;
}

/* Owner before mode, for chown(2) takes set-user-ID away; attributes after the owner, for it takes capabilities. */
int layer_metadata(struct layer *layer, const struct entry *entry, int dir, const char *last, const char *path, int fd,
                   mode_t made) {
  if (!layer->squash && owner(layer, entry, dir, last, path, fd) != 0) return -1;
  if (entry->type != '2') {
    if (layer->inherits && drop_inherited(layer, entry, dir, last, path) != 0) return -1;
    mode_t mode = entry->mode;
    if (layer->squash && entry->type == '5') mode |= 0700; /* set at the end */
    long rc = made == mode ? 0 : fd >= 0 ? AGAIN(fchmod(fd, mode)) : AGAIN(fchmodat(dir, last, mode, 0));
    if (rc < 0) return layer_failed(layer, "set the mode of", path, rc);
  }
  if (entry->xattrs && set_xattrs(layer, dir, last, path, entry->xattrs) != 0) return -1;
  if (entry->type == '5') {
    layer_set_later(layer, path, fd, entry);
    return 0;
  }
  const struct timespec times[2] = {entry->mtime, entry->mtime};
  long rc = fd >= 0 ? AGAIN(futimens(fd, times)) : AGAIN(utimensat(dir, last, times, AT_SYMLINK_NOFOLLOW));
  return rc < 0 ? layer_failed(layer, "set the times of", path, rc) : 0;
}
