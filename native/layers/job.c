/*
 * One layer into the store, in a process of its own. It is made beside its place under a lock
 * and renamed into it when all of it was verified: whoever dies in between, or finds the disk
 * full, leaves a directory `.new` that the next one with the lock removes.
 */
#include "job.h"

#include "attributes.h"
#include "btrfs.h"
#include "copy.h"
#include "io.h"
#include "kept.h"
#include "layer.h"
#include "overlay.h"
#include "thin.h"
#include "tree.h"
#include "words.h"

#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>

struct work {
  const struct job *job;
  struct job_state *state;
  char place[PATH_MAX], made[PATH_MAX + 8], tree[PATH_MAX + 16];
};

/* Take away what stands at a path of the store, whatever its driver made of it. 0 or -errno. */
static int take_away(enum layers_kind kind, const char *path) {
  char words[WORDS] = "", tree[PATH_MAX + 16];
  snprintf(tree, sizeof tree, "%s/tree", path);
  (void)btrfs_delete(tree); /* what is not a subvolume is a directory */
  int rc = kind == LAYERS_THIN ? thin_layer_drop(path) : 0;
  return rc < 0 ? rc : remove_tree(words, path);
}

static _Noreturn void end(struct work *w, int result, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(w->state->error, sizeof w->state->error, format, args);
  va_end(args);
  if (result != JOB_DONE && *w->made) {
    /* Space is given back at once; what cannot be removed now is removed by the next. */
    if (w->job->kind == LAYERS_THIN) (void)thin_layer_done(w->made);
    (void)take_away(w->job->kind, w->made);
  }
  w->state->result = result;
  _exit(0);
}

static _Noreturn void failed(struct work *w, const char *what, const char *path, long error) {
  end(w, JOB_FAILED, "%s %s: %s%s", what, path, strerror((int)-error),
      error == -ENOSPC || error == -EDQUOT ? "; the store's file system is full (CTR_STORE says where it is)" : "");
}

/* Open the lock of a place and hold it as long as the descriptor is open; `wait` 0: -EAGAIN where another has it. */
static int lock_of(const char *place, int wait, char path[PATH_MAX + 8]) {
  snprintf(path, PATH_MAX + 8, "%s.lock", place);
  for (;;) {
    int fd = (int)AGAIN(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (fd < 0) return fd;
    long rc = AGAIN(flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)));
    struct stat held, there;
    /* Whoever collects garbage removes locks too, while holding them. */
    if (rc == 0 && fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino) return fd;
    close_fd(fd);
    if (rc < 0) return (int)rc;
  }
}

/* Hold the lock of a place for as long as this process lives. */
static void lock(struct work *w, const char *place) {
  char path[PATH_MAX + 8];
  int fd = lock_of(place, 1, path);
  if (fd < 0) failed(w, "lock", path, fd);
}

static void clear(struct work *w, const char *path) {
  int rc = take_away(w->job->kind, path);
  if (rc < 0) failed(w, "remove what was left of", path, rc);
}

/* Whether the layer is in its place already. What power failed upon while it was written is taken away. */
static bool is_made(struct work *w) {
  struct stat st;
  if (layer_is_whole(w->place)) return true;
  if (lstat(w->place, &st) == 0) clear(w, w->place);
  return false;
}

static void make(struct work *w) {
  const struct job *job = w->job;
  char words[WORDS] = "";
  snprintf(w->made, sizeof w->made, "%s.new", w->place);
  snprintf(w->tree, sizeof w->tree, "%s/tree", w->made);
  int rc = 0;
  clear(w, w->made);
  if (AGAIN(mkdir(w->made, 0700)) < 0) failed(w, "make", w->made, -errno);
  char below[PATH_MAX + 8] = "";
  if (job->kind >= LAYERS_COPY && job->lowers > 0) snprintf(below, sizeof below, "%s/tree", job->lower[0]);
  if (job->kind == LAYERS_BTRFS) {
    rc = btrfs_subvolume(w->tree, below);
    if (rc == -ENOTTY) end(w, JOB_FAILED, "%s is not on a btrfs file system; choose another --driver", w->made);
    if (rc < 0) failed(w, "make the subvolume", w->tree, rc);
    if (!*below) (void)AGAIN(chmod(w->tree, 0755));
    return;
  }
  if (job->kind == LAYERS_THIN) {
    rc = thin_layer(words, w->made, below);
    if (rc == -E_DETAIL) end(w, JOB_FAILED, "%s", words);
    if (rc < 0) failed(w, *words ? words : "make a volume for", w->made, rc);
    return;
  }
  if (AGAIN(mkdir(w->tree, 0755)) < 0) failed(w, "make", w->tree, -errno);
  if (!*below) return;
  char culprit[PATH_MAX];
  int from = (int)AGAIN(open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(w->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  rc = from < 0 ? from : to < 0 ? to : copy_tree(from, to, culprit, sizeof culprit);
  if (rc < 0) failed(w, "copy the layer below:", culprit, rc);
  close_fd(from);
  close_fd(to);
}

static void write_own(struct work *w, const char *path, const char *data) {
  int fd = (int)AGAIN(open(path, O_WRONLY | O_CLOEXEC));
  int rc = fd < 0 ? fd : (int)write_all(fd, data, strlen(data));
  if (rc < 0) failed(w, "write", path, rc);
  close_fd(fd);
}

/*
 * A mount namespace of this process's own. Who may not make one takes a user namespace for it, whose root is the
 * caller (user_namespaces(7)): nobody else exists there, and to nobody else belongs what is made of a layer without
 * root.
 */
static void leave_mounts(struct work *w) {
  unsigned uid = geteuid(), gid = getegid();
  char map[64];
  if (AGAIN(unshare(CLONE_NEWNS)) == 0) return;
  if (errno != EPERM || !w->job->squash) failed(w, "leave the mount namespace for", w->place, -errno);
  if (AGAIN(unshare(CLONE_NEWUSER | CLONE_NEWNS)) < 0)
    end(w, JOB_FAILED,
        "%s leaves out directories of the layers below it, or goes through their links, and making it without root takes "
        "a user namespace: %s",
        w->job->archive, strerror(errno));
  /* The files of a process that is not dumpable are root's (proc(5)). */
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  write_own(w, "/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "0 %u 1\n", uid);
  write_own(w, "/proc/self/uid_map", map);
  snprintf(map, sizeof map, "0 %u 1\n", gid);
  write_own(w, "/proc/self/gid_map", map);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* The layers below mounted, with the new tree as the upper directory; the descriptor of its root. */
static int mount_upon(struct work *w) {
  const struct job *job = w->job;
  char lower[PATH_MAX + 8], work[PATH_MAX + 16];
  leave_mounts(w);
  if (AGAIN(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0) failed(w, "cut off the mounts for", w->place, -errno);
  snprintf(work, sizeof work, "%s/work", w->made);
  if (AGAIN(mkdir(work, 0700)) < 0) failed(w, "make", work, -errno);
  snprintf(lower, sizeof lower, "%s/tree", job->lower[0]);
  int from = (int)AGAIN(open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(w->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int rc = from < 0 ? from : to < 0 ? to : copy_attributes(from, to);
  if (rc < 0) failed(w, "make a directory like", lower, rc);
  close_fd(from);
  close_fd(to);
  char **lowers = calloc(job->lowers + 1, sizeof *lowers);
  for (unsigned i = 0; i < job->lowers; i++) {
    lowers[i] = malloc(strlen(job->lower[i]) + 8);
    sprintf(lowers[i], "%s/tree", job->lower[i]);
  }
  char *options[] = {(char *)"userxattr", NULL};
  struct overlay o = {.target = "",
                      .lower = lowers,
                      .lowers = job->lowers,
                      .upper = w->tree,
                      .work = work,
                      .options = options,
                      .noptions = job->kind == LAYERS_OVERLAY_USER};
  char words[WORDS] = "";
  int root = overlay_mount(words, &o);
  if (root < 0) failed(w, "mount the layers below:", words, root);
  return root;
}

static const char *place_of(const struct job *job) { return job->upon_lower ? job->chain : job->target; }

void job_discard(const struct job *job) {
  char made[PATH_MAX + 8], path[PATH_MAX + 8];
  int fd = lock_of(place_of(job), 0, path);
  snprintf(made, sizeof made, "%s.new", place_of(job));
  if (fd >= 0) (void)take_away(job->kind, made);
  close_fd(fd);
}

void job_do(const struct job *job, struct job_state *state) {
  struct work w = {.job = job, .state = state};
  bool marked = job->kind < LAYERS_COPY;
  umask(0);
  snprintf(w.place, sizeof w.place, "%s", place_of(job));
  lock(&w, w.place);
  if (is_made(&w)) end(&w, JOB_DONE, "");
  int archive = job->piped ? job->fd : (int)AGAIN(open(job->archive, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (archive < 0) failed(&w, "open", job->archive, archive);
  struct stat st;
  if (fstat(archive, &st) != 0) failed(&w, "look at", job->archive, -errno);
  if (!job->piped && !S_ISREG(st.st_mode)) end(&w, JOB_FAILED, "%s is not a regular file", job->archive);
  make(&w);
  struct layer layer = {.mode = marked && !job->upon_lower ? LAYER_MARKED : LAYER_PLAIN,
                        .user_marks = job->kind == LAYERS_OVERLAY_USER,
                        .squash = job->squash,
                        .has_lower = !job->bottom};
  layer.root = job->upon_lower ? mount_upon(&w) : (int)AGAIN(open(w.tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (layer.root < 0) failed(&w, "open", w.tree, layer.root);
  struct stream_source source = {.fd = archive,
                                 .piped = job->piped,
                                 .offset = job->offset,
                                 .size = job->size == UINT64_MAX ? (uint64_t)st.st_size : job->size,
                                 .digest = job->digest,
                                 .diff = job->diff,
                                 .progress = &state->progress};
  struct tar tar = {.stream = stream_open(&source)};
  if (!tar.stream) end(&w, JOB_FAILED, "no memory or no thread for reading %s", job->archive);
  int rc = layer_apply(&layer, &tar);
  if (rc == -2) end(&w, JOB_NEEDS_LOWER, "");
  if (rc != 0)
    end(&w, JOB_FAILED, "%s: %s", job->archive, stream_blame(tar.stream) ? stream_error(tar.stream) : layer.error);
  state->left_out = layer.left_out;
  snprintf(state->left_name, sizeof state->left_name, "%s", layer.left_name);
  if (stream_finish(tar.stream) != 0) end(&w, JOB_FAILED, "%s: %s", job->archive, stream_error(tar.stream));
  if (job->upon_lower) {
    char work[PATH_MAX + 16], words[WORDS] = "";
    close_fd(layer.root);
    snprintf(work, sizeof work, "%s/work", w.made);
    (void)remove_tree(words, work);
  }
  /* No layer says when the root was changed; the same layers give the same root whenever it is made. */
  static const struct timespec never[2];
  if (job->bottom && !job->upon_lower && !layer.has_root && utimensat(AT_FDCWD, w.tree, never, 0) != 0)
    failed(&w, "set the times of", w.tree, -errno);
  if (job->kind == LAYERS_THIN && (rc = thin_layer_done(w.made)) < 0) failed(&w, "unmount", w.tree, rc);
  char path[PATH_MAX + 16], info[128];
  snprintf(path, sizeof path, "%s/info", w.made);
  snprintf(info, sizeof info, "%llu %llu %d\n", (unsigned long long)layer.bytes, (unsigned long long)layer.entries,
           layer.has_root || job->bottom || job->upon_lower || !marked);
  int fd = (int)AGAIN(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd < 0 || (rc = (int)write_all(fd, info, strlen(info))) < 0) failed(&w, "write", path, fd < 0 ? fd : rc);
  close_fd(fd);
  if ((rc = layer_made_whole(w.made)) < 0) failed(&w, "write in", w.made, rc);
  /* A lowest layer that names not all of its directories would cover those of others below it. */
  if (marked && job->bottom && layer.implied) {
    snprintf(w.place, sizeof w.place, "%s", job->chain);
    lock(&w, w.place);
    if (is_made(&w)) end(&w, JOB_NEEDS_LOWER, ""); /* not needed: taken away again, and the chain is there */
  }
  if (AGAIN(rename(w.made, w.place)) < 0) failed(&w, "rename into place:", w.made, -errno);
  *w.made = 0;
  end(&w, JOB_DONE, "");
}
