/* Having layers in the store: the operation that starts jobs, shows how far they are, and links them. */
#include "layer.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core.h"
#include "ops.h"

enum { WORKERS = 4 };

struct layers {
  struct run *run;
  struct job *jobs;
  struct job_state *states;
  pid_t *pids;
  unsigned n;
  struct progress progress;
};

/* What a job makes when it is done; where a chain is kept, that is what is looked for. */
static const char *product(const struct job *job) { return job->kind < LAYERS_COPY ? job->chain : job->target; }

static int begin(struct layers *l, unsigned i) {
  l->states[i].result = -1;
  pid_t parent = getpid(), pid = fork();
  if (pid < 0) return -errno;
  if (pid == 0) {
    guard_forget();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    job_do(l->jobs + i, l->states + i);
    _exit(1);
  }
  l->pids[i] = pid;
  return 0;
}

static void kill_all(struct layers *l) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->pids[i] > 0) kill(l->pids[i], SIGKILL);
  for (unsigned i = 0; i < l->n; i++)
    if (l->pids[i] > 0) {
      while (waitpid(l->pids[i], NULL, 0) < 0 && errno == EINTR) continue;
      l->pids[i] = 0;
    }
}

/* One of ours that has ended: its number; -1: none yet; -EINTR for a signal that is to end us. */
static int reap(struct layers *l) {
  for (;;) {
    if (guard_caught()) return -EINTR;
    for (unsigned i = 0; i < l->n; i++) {
      int status;
      if (l->pids[i] <= 0 || waitpid(l->pids[i], &status, WNOHANG) != l->pids[i]) continue;
      l->pids[i] = 0;
      if (l->states[i].result < 0) {
        l->states[i].result = JOB_FAILED;
        if (WIFSIGNALED(status))
          snprintf(l->states[i].error, sizeof l->states[i].error, "%s: the process that applied it was killed by %s",
                   l->jobs[i].archive, signal_name(WTERMSIG(status)));
      }
      return (int)i;
    }
    progress_draw(&l->progress, l->jobs, l->states, l->pids, l->n);
    poll(NULL, 0, 1 + (l->n > 0 && l->states[0].progress > 4000000) * 9);
  }
}

static int link_chain(struct layers *l, unsigned i) {
  const struct job *job = l->jobs + i;
  if (job->kind >= LAYERS_COPY || layer_is_whole(job->chain)) return 0;
  const char *name = strrchr(job->target, '/');
  char target[PATH_MAX];
  snprintf(target, sizeof target, "../layers%s", name ? name : "");
  if (symlink(target, job->chain) == 0 || errno == EEXIST) return 0;
  return -errno;
}

/* A job has ended: again upon what lies below it, where it needs that; or its words. */
static int ended(struct layers *l, unsigned i, bool *again) {
  const struct job_state *state = l->states + i;
  *again = state->result == JOB_NEEDS_LOWER && !layer_is_whole(product(l->jobs + i));
  if (state->result == JOB_FAILED) {
    detail(l->run, "%s", state->error[0] ? state->error : "a layer could not be applied");
    return -E_DETAIL;
  }
  if (*again) return 0;
  int rc = link_chain(l, i);
  /* Where a chain of its own stood half written, it is made anew. */
  *again = rc == 0 && l->jobs[i].kind < LAYERS_COPY && !layer_is_whole(product(l->jobs + i));
  return rc;
}

/* Those that need nothing of one another, a few at once. */
static int together(struct layers *l, bool *again) {
  unsigned running = 0, next = 0;
  int rc = 0;
  while (rc >= 0) {
    while (next < l->n && running < WORKERS) {
      unsigned i = next++;
      if (layer_is_whole(product(l->jobs + i))) {
        l->states[i].result = JOB_DONE;
        continue;
      }
      rc = begin(l, i);
      if (rc < 0) return rc;
      running++;
    }
    if (running == 0) return 0;
    int i = reap(l);
    if (i < 0) return i;
    running--;
    rc = ended(l, (unsigned)i, again + i);
  }
  return rc;
}

static int one_by_one(struct layers *l, const bool *wanted) {
  for (unsigned i = 0; i < l->n; i++) {
    if (wanted && !wanted[i]) continue;
    if (layer_is_whole(product(l->jobs + i))) {
      l->states[i].result = JOB_DONE;
      continue;
    }
    bool again = false;
    l->jobs[i].upon_lower = wanted != NULL;
    int rc = begin(l, i);
    if (rc == 0) rc = reap(l);
    if (rc >= 0) rc = ended(l, i, &again);
    if (rc < 0) return rc;
  }
  return 0;
}

/* The topmost layer that says what the root directory itself is. */
static const char *root_of(struct layers *l) {
  for (unsigned i = l->n; i-- > 0;) {
    char path[PATH_MAX], text[128] = "";
    snprintf(path, sizeof path, "%s/info", product(l->jobs + i));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 1 && text[n - 2] == '1') return product(l->jobs + i);
  }
  return l->n > 0 ? product(l->jobs) : "";
}

/* Layers that are left to the file system become durable when they are used again. */
static void keep(struct layers *l) {
  const char **places = arena(l->n * sizeof *places);
  for (unsigned i = 0; i < l->n; i++) places[i] = product(l->jobs + i);
  layers_make_durable(places, l->n);
}

/* The length of an archive of which nobody says it. */
static uint64_t length_of(const char *archive) {
  struct stat st;
  return stat(archive, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int op_layers(struct run *run, const struct step *step) {
  unsigned n, counts[5], nwhere;
  char **targets = arg_list(run, step, 1, &n), **chains = arg_list(run, step, 2, counts);
  char **archives = arg_list(run, step, 3, counts + 1);
  int64_t *where = arg_ints(run, step, 4, &nwhere);
  char **digests = arg_list(run, step, 5, counts + 2), **diffs = arg_list(run, step, 6, counts + 3);
  enum layers_kind kind = (enum layers_kind)arg_int(run, step, 0);
  bool own_chains = kind < LAYERS_COPY;
  if (n == 0 || kind > LAYERS_THIN || (own_chains && counts[0] != n) || counts[1] != n || counts[2] != n ||
      counts[3] != n || nwhere != 3 * n)
    return -EINVAL;
  struct layers l = {.run = run, .n = n, .progress.columns = (int)arg_int(run, step, 8)};
  l.jobs = arena(n * sizeof *l.jobs);
  l.pids = arena(n * sizeof *l.pids);
  bool *again = arena(n * sizeof *again);
  char **below = arena((n + 1) * sizeof *below); /* topmost first: the end of it belongs to a layer */
  l.states = mmap(NULL, n * sizeof *l.states, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (l.states == MAP_FAILED) return -errno;
  for (unsigned i = 0; i < n; i++) {
    l.pids[i] = 0;
    l.states[i].result = -1;
    again[i] = false;
    below[n - 1 - i] = own_chains ? chains[i] : targets[i];
    l.jobs[i] = (struct job){.kind = kind,
                             .squash = arg_int(run, step, 7) != 0,
                             .bottom = i == 0,
                             .target = targets[i],
                             .chain = own_chains ? chains[i] : "",
                             .archive = archives[i],
                             .offset = (uint64_t)where[3 * i],
                             .size = (uint64_t)where[3 * i + 1],
                             .compression = (enum compression)where[3 * i + 2],
                             .digest = digests[i],
                             .diff = diffs[i],
                             .lower = below + n - i,
                             .lowers = i};
    if (l.jobs[i].size == UINT64_MAX) l.jobs[i].size = length_of(archives[i]);
  }
  int rc = own_chains ? together(&l, again) : one_by_one(&l, NULL);
  if (rc == 0 && own_chains) rc = one_by_one(&l, again);
  kill_all(&l);
  progress_end(&l.progress);
  if (rc == 0) keep(&l);
  const char *top = rc == 0 ? root_of(&l) : "";
  munmap(l.states, n * sizeof *l.states);
  return rc < 0 ? rc : out_text(run, step, 9, top, strlen(top));
}

int op_copy_attr(struct run *run, const struct step *step) {
  int from = (int)AGAIN(open(arg_text(run, step, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(arg_text(run, step, 1), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int rc = from < 0 ? from : to < 0 ? to : copy_attributes(from, to);
  close_fd(from);
  close_fd(to);
  return rc;
}

int op_copy_tree(struct run *run, const struct step *step) {
  char culprit[PATH_MAX] = "";
  int from = (int)AGAIN(open(arg_text(run, step, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(arg_text(run, step, 1), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int rc = from < 0 ? from : to < 0 ? to : copy_tree(from, to, culprit, sizeof culprit);
  close_fd(from);
  close_fd(to);
  if (rc < 0 && *culprit) detail(run, "%s", culprit);
  return rc;
}

int op_lock_shared(struct run *run, const struct step *step) {
  return (int)AGAIN(flock(arg_fd(run, step, 0), LOCK_SH));
}

int op_try_lock(struct run *run, const struct step *step) {
  return (int)AGAIN(flock(arg_fd(run, step, 0), LOCK_EX | LOCK_NB));
}

int op_subvolume(struct run *run, const struct step *step) {
  return btrfs_subvolume(arg_text(run, step, 0), arg_text(run, step, 1));
}

int op_remove_subvolume(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  int rc = btrfs_delete(path);
  if (rc == 0 || rc == -ENOENT) return 0;
  return remove_tree(run, path);
}
