/* chown -R by the maps of a user namespace, with all that chown(2) takes away put back. */
#include "owners.h"

#include "io.h"
#include "kernel.h"
#include "words.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define MARK "trusted.ctr.owners" /* on the root: the maps by which this was done */

struct changing {
  char *words;
  const char *uids, *gids;
  struct seen { /* files of several names that have their new owner */
    ino_t ino;
    uid_t uid;
    gid_t gid;
  } *seen;
  size_t nseen;
};

uint32_t mapped_id(const char *lines, uint32_t id) {
  unsigned long inside, outside, count;
  int used;
  for (; sscanf(lines, "%lu %lu %lu%n", &inside, &outside, &count, &used) == 3; lines += used)
    if (id >= inside && id - inside < count) return (uint32_t)(outside + (id - inside));
  return id;
}

/*
 * chown(2) drops security.capability. Revision 2 counts for the first user namespace only; the namespace
 * whose root is the new owner of ID 0 needs revision 3, which names it (linux/capability.h).
 */
static void keep_capability(const char *path, unsigned char *value, ssize_t length, uint32_t root) {
  if (length == 20 && value[3] == 2) {
    value[3] = 3;
    for (int i = 0; i < 4; i++) value[20 + i] = (unsigned char)(root >> (8 * i));
    length = 24;
  }
  if (length > 0) (void)lsetxattr(path, "security.capability", value, (size_t)length, 0);
}

static int change_one(struct changing *c, int dir, const char *name, const struct stat *st) {
  uid_t uid = mapped_id(c->uids, st->st_uid);
  gid_t gid = mapped_id(c->gids, st->st_gid);
  char path[64 + NAME_MAX];
  unsigned char capability[32];
  bool several = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
  for (size_t i = 0; several && i < c->nseen; i++)
    if (c->seen[i].ino == st->st_ino && c->seen[i].uid == st->st_uid && c->seen[i].gid == st->st_gid) return 0;
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
  ssize_t length = S_ISREG(st->st_mode) ? lgetxattr(path, "security.capability", capability, 24) : 0;
  long rc = AGAIN(fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW));
  if (rc == 0 && !S_ISLNK(st->st_mode) && (st->st_mode & 07000))
    rc = AGAIN(fchmodat(dir, name, st->st_mode & 07777, 0));
  if (rc == 0 && length > 0) keep_capability(path, capability, length, mapped_id(c->uids, 0));
  struct stat now;
  if (rc == 0 && several && fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0) {
    struct seen *more = realloc(c->seen, (c->nseen + 1) * sizeof *more);
    if (!more) return -ENOMEM;
    c->seen = more;
    c->seen[c->nseen++] = (struct seen){now.st_ino, now.st_uid, now.st_gid};
  }
  return (int)rc;
}

static int change_in(struct changing *c, int dir) {
  DIR *all = fdopendir(dir); /* takes the descriptor */
  struct dirent *entry;
  int rc = 0;
  if (!all) {
    close_fd(dir);
    return -ENOMEM;
  }
  while (rc == 0 && (entry = readdir(all))) {
    struct stat st;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) rc = -errno;
    if (rc == 0 && S_ISDIR(st.st_mode)) {
      int fd = (int)AGAIN(openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      rc = fd < 0 ? fd : change_in(c, fd);
    }
    if (rc == 0) rc = change_one(c, dir, entry->d_name, &st);
    if (rc == 0 && guard_caught()) rc = -EINTR;
    if (rc < 0 && !c->words[0]) words_say(c->words, "%s", entry->d_name);
  }
  closedir(all);
  return rc;
}

int change_owners(char *words, int mount, const char *uids, const char *gids) {
  struct changing c = {.words = words, .uids = uids, .gids = gids};
  char mark[2048], there[2048];
  struct stat st;
  int length = snprintf(mark, sizeof mark, "%s;%s", uids, gids);
  int dir = (int)AGAIN(openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir < 0) return dir;
  ssize_t n = fgetxattr(dir, MARK, there, sizeof there);
  if (n > 0) {
    close_fd(dir);
    if (n == length && memcmp(mark, there, (size_t)n) == 0) return 0;
    words_say(words, "the owners in it were changed for a container with other ID maps");
    return -EINVAL;
  }
  int again = (int)AGAIN(fcntl(dir, F_DUPFD_CLOEXEC, 3));
  int rc = again < 0 ? again : fstat(dir, &st) != 0 ? -errno : change_in(&c, again);
  if (rc == 0) rc = change_one(&c, dir, ".", &st);
  /* Where there are no attributes, nothing is kept either (ramfs). */
  if (rc == 0 && fsetxattr(dir, MARK, mark, (size_t)length, 0) != 0 && errno != EOPNOTSUPP) rc = -errno;
  close_fd(dir);
  free(c.seen);
  return rc;
}
