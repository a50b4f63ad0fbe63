/*
 * Whose limit was it? cgroup v1 counts where the victim is: memory.oom_control's oom_kill in the
 * group of the process that was killed (mem_cgroup_oom_group and memcg_memory_event in mm/), and
 * pids.events in the group of the process that could not fork (pids_event in kernel/cgroup/pids.c;
 * so does v2 before Linux 6.11). Either limit may be one further up. Two things tell: only who is at its
 * limit has a peak as high as that; and a group that is removed hands the counts that were for
 * others up to the groups above it.
 */
#include "cgroup_counts.h"
#include "gen/accounts.h"
#include "kernel.h"
#include "proc.h"
#include "watch_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>


static const struct counting {
  const char *file, *key, *peak[2], *limit[2];
  bool bytes;
} countings[] = ACCOUNTS;
enum { COUNTINGS = sizeof countings / sizeof *countings };

/* An allocation of more than 2^3 pages (PAGE_ALLOC_COSTLY_ORDER) kills nobody: mem_cgroup_oom, mm/memcontrol.c. */
enum { LARGEST_KILLING_PAGES = 8 };
enum { PATH_ROOM = 4096 };

bool file_text(const char *path, char *text, size_t size) {
  ssize_t n = read_beginning(path, text, size - 1);
  if (n < 0) {
    const char *last = watched_text(path);
    return last && *last && snprintf(text, size, "%s", last) > 0;
  }
  text[n] = 0;
  return n > 0;
}

bool number_of(const char *text, const char *key, uint64_t *number) {
  size_t length = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, key, length) != 0) continue;
    if (length > 0 && line[length] != ' ') continue;
    char *end;
    const char *digits = line + length + (length > 0);
    *number = strtoull(digits, &end, 10);
    return end != digits;
  }
  return false;
}

bool number_in(const char *path, const char *key, uint64_t *number) {
  char text[8192];
  return file_text(path, text, sizeof text) && number_of(text, key, number);
}

bool limit_reached(const char *peak, const char *limit, bool bytes) {
  uint64_t most, allowed;
  if (!number_in(peak, "", &most)) return true;
  char text[64];
  if (!file_text(limit, text, sizeof text)) return true;
  if (!number_in(limit, "", &allowed)) return false; /* max */
  uint64_t step = bytes ? (uint64_t)sysconf(_SC_PAGESIZE) * LARGEST_KILLING_PAGES : 1;
  return most + step > allowed;
}

/* False for a path that does not fit. */
static bool in(char *path, const char *group, const char *file) {
  return (size_t)snprintf(path, PATH_ROOM, "%s/%s", group, file) < PATH_ROOM;
}

/* Events in this group alone that were not for its own limit. */
static uint64_t for_others(const char *group, const struct counting *c) {
  char path[PATH_ROOM], limit[PATH_ROOM];
  uint64_t count;
  if (!in(path, group, c->file) || !number_in(path, c->key, &count) || count == 0) return 0;
  for (unsigned i = 0; i < 2 && c->peak[i]; i++)
    if (in(path, group, c->peak[i]) && in(limit, group, c->limit[i]) && access(path, F_OK) == 0 &&
        limit_reached(path, limit, c->bytes))
      return 0;
  return count;
}

/* user.* on cgroups since Linux 5.7, trusted.* since 3.7, for who has CAP_SYS_ADMIN (xattr(7)). */
static const char *const spaces[] = {"user.ctr-tools.", "trusted.ctr-tools."};

static int set_mark(int group, const char *name, const char *value) {
  int result = 0;
  for (unsigned i = 0; i < 2; i++) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", spaces[i], name);
    long rc = AGAIN(fsetxattr(group, full, value, strlen(value), 0));
    if (rc == 0) return 0;
    if (i == 0) result = (int)rc;
  }
  return result;
}

static bool get_mark(int group, const char *name, char *value, size_t room) {
  for (unsigned i = 0; i < 2; i++) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", spaces[i], name);
    long n = AGAIN(fgetxattr(group, full, value, room - 1));
    if (n < 0) continue;
    value[n] = 0;
    return true;
  }
  return false;
}

static int open_group(const char *group) {
  return (int)AGAIN(open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

int group_mark(const char *group, const char *name, const char *value) {
  int fd = open_group(group);
  if (fd < 0) return fd;
  int rc = set_mark(fd, name, value);
  close_fd(fd);
  return rc;
}

bool group_marked(const char *group, const char *name) {
  char value[64];
  int fd = open_group(group);
  if (fd < 0) return false;
  bool marked = get_mark(fd, name, value, sizeof value);
  close_fd(fd);
  return marked;
}

/* Two groups may go at once: flock(2) on the directory keeps one's sum from the other's. */
static void add(int group, const char *account, uint64_t more) {
  char value[64];
  if (more == 0 || !get_mark(group, account, value, sizeof value)) return;
  if (AGAIN(flock(group, LOCK_EX)) < 0) return;
  if (!get_mark(group, account, value, sizeof value)) return;
  snprintf(value, sizeof value, "%llu", strtoull(value, NULL, 10) + (unsigned long long)more);
  (void)set_mark(group, account, value);
}

static void hand_up(const char *group, const uint64_t *counts) {
  char path[PATH_ROOM];
  if ((size_t)snprintf(path, sizeof path, "%s", group) >= sizeof path) return;
  for (char *slash; (slash = strrchr(path, '/')) && slash != path;) {
    *slash = 0;
    int fd = open_group(path);
    if (fd < 0) return;
    for (unsigned i = 0; i < COUNTINGS; i++) add(fd, countings[i].file, counts[i]);
    close_fd(fd);
  }
}

int group_remove(const char *group) {
  uint64_t counts[COUNTINGS], any = 0;
  for (unsigned i = 0; i < COUNTINGS; i++) any |= counts[i] = for_others(group, &countings[i]);
  long rc = AGAIN(rmdir(group));
  if (rc == 0 && any) hand_up(group, counts);
  return rc == -ENOENT ? 0 : (int)rc;
}

/* In the groups below that there are. */
static uint64_t in_groups_below(const char *group, const struct counting *c) {
  DIR *entries = opendir(group);
  if (!entries) return 0;
  uint64_t sum = 0;
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    char path[PATH_ROOM];
    if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (in(path, group, entry->d_name)) sum += for_others(path, c) + in_groups_below(path, c);
  }
  closedir(entries);
  return sum;
}

uint64_t counts_below(const char *group, const char *file) {
  char value[64];
  uint64_t sum = 0;
  for (unsigned i = 0; i < COUNTINGS; i++)
    if (strcmp(file, countings[i].file) == 0) sum = in_groups_below(group, &countings[i]);
  int fd = open_group(group);
  if (fd < 0) return sum;
  if (get_mark(fd, file, value, sizeof value)) sum += strtoull(value, NULL, 10);
  close_fd(fd);
  return sum;
}
