/* Emptying and removing cgroups (cgroup-v2.rst; cgroup-v1/freezer-subsystem.rst). */
#include "arena.h"
#include "args.h"
#include "cgroup_counts.h"
#include "cgroup_members.h"
#include "io.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A task that the kernel does not let die (state D) would keep us for ever. */
#define PATIENCE_NS 10000000000ULL

static void rest(unsigned ms) {
  const struct timespec pause = {.tv_nsec = (long)ms * 1000000};
  nanosleep(&pause, NULL);
}

static long put(int group, const char *file, const char *text) {
  long fd = AGAIN(openat(group, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd < 0) return fd;
  long n = AGAIN(write((int)fd, text, strlen(text)));
  close_fd((int)fd);
  return n < 0 ? n : 0;
}

static long get(int group, const char *file, char *text, size_t room) {
  long fd = AGAIN(openat(group, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd < 0) return fd;
  long n = AGAIN(read((int)fd, text, room - 1));
  close_fd((int)fd);
  text[n < 0 ? 0 : n] = '\0';
  return n < 0 ? n : 0;
}

/* Each group below, then the group itself. The sum of what `visit` gives, or the first failure. */
static int each_group(int group, int (*visit)(int group)) {
  long fd = AGAIN(openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd == -ENOENT ? 0 : (int)fd;
  DIR *entries = fdopendir((int)fd);
  if (!entries) {
    close_fd((int)fd);
    return -ENOMEM;
  }
  int sum = 0;
  struct dirent *entry;
  while (sum >= 0 && (entry = readdir(entries))) {
    if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    long below = AGAIN(openat(group, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below < 0) continue; /* removed meanwhile */
    int n = each_group((int)below, visit);
    close_fd((int)below);
    sum = n < 0 ? n : sum + n;
  }
  closedir(entries);
  int n = sum < 0 ? sum : visit(group);
  return n < 0 ? n : sum + n;
}

/* Somebody whom we may not kill was met. */
static bool refused;

/* SIGKILL to all of one group; how many there were. */
static int kill_here(int group) {
  long fd = AGAIN(openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  /* ENODEV: the group has been removed. EOPNOTSUPP: a threaded group, whose processes the domain above lists. */
  if (fd == -ENOENT || fd == -ENODEV || fd == -EOPNOTSUPP) return 0;
  if (fd < 0) return (int)fd;
  FILE *list = fdopen((int)fd, "r");
  if (!list) {
    close_fd((int)fd);
    return -ENOMEM;
  }
  int pid, count = 0;
  /* 0 is a process that our PID namespace does not show; kill(0) would end our own group. */
  while (fscanf(list, "%d", &pid) == 1) {
    if (pid <= 0 || pid == getpid()) continue;
    if (kill(pid, SIGKILL) == 0) count++;
    else if (errno == EPERM) refused = true;
  }
  fclose(list);
  return count;
}

/* How often this process is in the group's list: once or not at all. */
static int lists_us(int group) {
  long fd = AGAIN(openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  FILE *list = fd < 0 ? NULL : fdopen((int)fd, "r");
  if (!list) {
    if (fd >= 0) close_fd((int)fd);
    return 0;
  }
  int pid, found = 0;
  while (!found && fscanf(list, "%d", &pid) == 1) found = pid == getpid();
  fclose(list);
  return found;
}

static int freeze_here(int group) {
  (void)put(group, "freezer.state", "FROZEN");
  return 0;
}

static int thaw_here(int group) {
  (void)put(group, "freezer.state", "THAWED");
  return 0;
}

/* cgroup v2 freezes all below by itself, and lets a frozen process die of SIGKILL. */
static void freeze(int group) {
  if (put(group, "cgroup.freeze", "1") == -ENOENT) each_group(group, freeze_here);
}

static void thaw(int group) {
  if (put(group, "cgroup.freeze", "0") == -ENOENT) each_group(group, thaw_here);
}

/* v2: whether a process lives here or below; -1 where the group does not say. */
static int populated(int group) {
  char events[256];
  if (get(group, "cgroup.events", events, sizeof events) < 0) return -1;
  const char *at = strstr(events, "populated ");
  return at ? at[10] == '1' : -1;
}

/*
 * Without cgroup.kill (Linux 5.14). Who forks faster than we read the list must be stopped first:
 * frozen, or where this hierarchy has no freezer kept from forking by pids.max. `with_us`: this
 * process is among them. Nobody could thaw it again, so nothing is frozen.
 */
static int kill_by_list(int group, bool with_us, uint64_t until) {
  char pids_max[64] = "";
  bool limited = get(group, "pids.max", pids_max, sizeof pids_max) == 0 && put(group, "pids.max", "0") == 0;
  int left = 1;
  for (unsigned round = 0; left > 0 && now_ns() < until; round++) {
    if (!with_us) freeze(group);
    refused = false;
    left = each_group(group, kill_here);
    if (!with_us) thaw(group);
    if (left > 0) rest(round < 10 ? 1 : 10);
  }
  if (limited) (void)put(group, "pids.max", pids_max);
  return refused ? -EPERM : left > 0 ? -EBUSY : left;
}

int op_cgroup_kill(struct run *run, const struct step *step) {
  long group = AGAIN(open(arg_text(run, step, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (group < 0) return group == -ENOENT ? 0 : (int)group;
  uint64_t until = now_ns() + PATIENCE_NS;
  /* Ourselves we neither freeze nor kill: whoever calls us from inside has the others killed. */
  bool with_us = each_group((int)group, lists_us) > 0;
  long rc = with_us ? -EDEADLK : put((int)group, "cgroup.kill", "1");
  if (rc == 0) {
    int alive;
    for (unsigned round = 0; (alive = populated((int)group)) > 0 && now_ns() < until; round++) rest(round < 10 ? 1 : 10);
    rc = alive > 0 ? -EBUSY : 0;
  } else if (rc == -ENODEV) {
    rc = 0; /* removed meanwhile */
  } else {
    rc = kill_by_list((int)group, with_us, until);
  }
  close_fd((int)group);
  if (rc == -EBUSY) detail(run, "processes in it do not die of SIGKILL");
  return (int)rc;
}

/* Who was sent the signal already, and the signal. */
static struct {
  int signal;
  int *pids;
  size_t count, room;
} told;

static bool tell_once(int pid) {
  for (size_t i = 0; i < told.count; i++)
    if (told.pids[i] == pid) return false;
  if (told.count == told.room) {
    size_t room = told.room ? 2 * told.room : 64;
    int *pids = arena(room * sizeof *pids);
    if (told.count) memcpy(pids, told.pids, told.count * sizeof *pids);
    told.pids = pids;
    told.room = room;
  }
  told.pids[told.count++] = pid;
  return true;
}

/* The signal to all of one group that did not get it yet; how many these were. */
static int signal_here(int group) {
  long fd = AGAIN(openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  if (fd == -ENOENT || fd == -ENODEV || fd == -EOPNOTSUPP) return 0; /* as in kill_here */
  if (fd < 0) return (int)fd;
  FILE *list = fdopen((int)fd, "r");
  if (!list) {
    close_fd((int)fd);
    return -ENOMEM;
  }
  int pid, count = 0;
  while (fscanf(list, "%d", &pid) == 1) {
    if (pid <= 0 || pid == getpid() || !tell_once(pid)) continue;
    count++;
    if (kill(pid, told.signal) != 0 && errno == EPERM) refused = true;
  }
  fclose(list);
  return count;
}

int groups_signal(char *const *groups, int signal, int but) {
  told.signal = signal;
  told.count = 0;
  refused = false;
  (void)tell_once(but);
  /* Children of one that had no signal yet come anew; those of one that forks for ever have to be killed. */
  for (unsigned round = 0, more = 1; more > 0 && round < 100; round++) {
    more = 0;
    for (char *const *path = groups; *path; path++) {
      long group = AGAIN(open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (group < 0 && group != -ENOENT) return (int)group;
      int n = group < 0 ? 0 : each_group((int)group, signal_here);
      close_fd((int)group);
      if (n < 0) return n;
      more += (unsigned)n;
    }
  }
  return refused ? -EPERM : 0;
}

int op_cgroup_signal(struct run *run, const struct step *step) {
  return groups_signal(arg_list(run, step, 0, NULL), (int)arg_int(run, step, 1), (int)arg_int(run, step, 2));
}

/* How many of one group are not this process. */
static int others_here(int group) {
  long fd = AGAIN(openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  FILE *list = fd < 0 ? NULL : fdopen((int)fd, "r");
  if (!list) {
    if (fd >= 0) close_fd((int)fd);
    return 0;
  }
  int pid, count = 0;
  while (fscanf(list, "%d", &pid) == 1) count += pid != getpid();
  fclose(list);
  return count;
}

bool group_has_others(const char *path) {
  long group = AGAIN(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (group < 0) return false;
  int others = each_group((int)group, others_here);
  close_fd((int)group);
  return others > 0;
}

/* rmdir(2) of all groups below `group`; 0, or the last failure. */
static int remove_below(int group) {
  long fd = AGAIN(openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd == -ENOENT ? 0 : (int)fd;
  DIR *entries = fdopendir((int)fd);
  if (!entries) {
    close_fd((int)fd);
    return -ENOMEM;
  }
  int result = 0;
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    long rc = AGAIN(unlinkat(group, entry->d_name, AT_REMOVEDIR));
    if (rc == -EBUSY || rc == -ENOTEMPTY) {
      long below = AGAIN(openat(group, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below >= 0) (void)remove_below((int)below);
      close_fd((int)below);
      rc = AGAIN(unlinkat(group, entry->d_name, AT_REMOVEDIR));
    }
    if (rc < 0 && rc != -ENOENT) result = (int)rc;
  }
  closedir(entries);
  return result;
}

int op_cgroup_remove(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  uint64_t until = now_ns() + (uint64_t)arg_int(run, step, 1) * 1000000;
  /* A process that has just died still counts for a moment, so one EBUSY means little. */
  for (unsigned round = 0;; round++) {
    long rc = group_remove(path);
    if (rc == 0 || rc == -ENOENT) return 0;
    if (rc != -EBUSY && rc != -ENOTEMPTY) return (int)rc;
    long group = AGAIN(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (group >= 0) {
      (void)remove_below((int)group);
      close_fd((int)group);
      rc = group_remove(path);
      if (rc == 0 || rc == -ENOENT) return 0;
    }
    if (now_ns() >= until) {
      detail(run, "processes are still in it, or in a group below");
      return (int)rc;
    }
    rest(round < 5 ? 1 : 10);
  }
}
