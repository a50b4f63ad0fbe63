/* Having layers in the store: the request that starts jobs, shows how far they are, and links them. */
#include "guard.h"
#include "io.h"
#include "job.h"
#include "kept.h"
#include "kernel.h"
#include "progress.h"
#include "request.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { WORKERS = 4, MOST = 500 /* OVL_MAX_STACK, fs/overlayfs/params.h */ };

struct layers {
  char *words;
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
    guard_ignore();
    close(LAYERS_SOCKET);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    job_do(l->jobs + i, l->states + i);
    _exit(1);
  }
  l->pids[i] = pid;
  return 0;
}

/* End what still runs, and take away what it leaves half made. */
static void kill_all(struct layers *l) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->pids[i] > 0) kill(l->pids[i], SIGKILL);
  for (unsigned i = 0; i < l->n; i++)
    if (l->pids[i] > 0) {
      while (waitpid(l->pids[i], NULL, 0) < 0 && errno == EINTR) continue;
      job_discard(l->jobs + i);
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
        job_discard(l->jobs + i);
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
    words_say(l->words, "%s", state->error[0] ? state->error : "a layer could not be applied");
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
  const char *places[MOST];
  for (unsigned i = 0; i < l->n; i++) places[i] = product(l->jobs + i);
  layers_make_durable(places, l->n);
}

/* Whether each list of the request has an item for each layer. */
static bool consistent(const struct request_arg *args, int64_t n, bool own_chains) {
  static const unsigned lists[] = {APPLY_ARCHIVES, APPLY_OFFSETS, APPLY_SIZES, APPLY_DIGESTS, APPLY_DIFFS};
  for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
    if (args[lists[i]].number != n) return false;
  return n > 0 && n <= MOST && (!own_chains || args[APPLY_CHAINS].number == n);
}

static int kind_of(const char *name) {
  static const char *const kinds[] = {LAYERS_KINDS};
  for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++)
    if (strcmp(kinds[i], name) == 0) return i;
  return -EINVAL;
}

/* A job for each layer, the lowest first. `below` gets what they lie upon, topmost first: the end of it belongs to a layer. */
static void describe(struct layers *l, const struct request_arg *args, enum layers_kind kind, char **below) {
  bool own_chains = kind < LAYERS_COPY;
  char **products = own_chains ? args[APPLY_CHAINS].list : args[APPLY_TARGETS].list;
  for (unsigned i = 0; i < l->n; i++) {
    l->states[i].result = -1;
    below[l->n - 1 - i] = products[i];
    l->jobs[i] = (struct job){.kind = kind,
                              .squash = args[APPLY_SQUASH].number != 0,
                              .bottom = i == 0,
                              .target = args[APPLY_TARGETS].list[i],
                              .chain = own_chains ? products[i] : "",
                              .archive = args[APPLY_ARCHIVES].list[i],
                              .offset = (uint64_t)args[APPLY_OFFSETS].ints[i],
                              .size = (uint64_t)args[APPLY_SIZES].ints[i],
                              .digest = args[APPLY_DIGESTS].list[i],
                              .diff = args[APPLY_DIFFS].list[i],
                              .lower = below + l->n - i,
                              .lowers = i};
  }
}

/* One line for all layers; a file name may hold what moves a terminal's cursor. */
static void tell_left_out(const struct layers *l) {
  uint64_t count = 0;
  const char *name = NULL;
  for (unsigned i = 0; i < l->n; i++) {
    if (l->states[i].left_out > 0 && !name) name = l->states[i].left_name;
    count += l->states[i].left_out;
  }
  char line[256], shown[64];
  if (count == 0) return;
  snprintf(shown, sizeof shown, "%s", name);
  for (char *c = shown; *c; c++)
    if (*c < ' ' || *c == 127) *c = '?';
  int n = snprintf(line, sizeof line, "ufs-mount: %llu attribute%s left out, which the store's file system cannot have: %s%s\n",
                   (unsigned long long)count, count == 1 ? " was" : "s were", shown, count == 1 ? "" : " and others");
  (void)write_all(2, line, (size_t)n);
}

int request_apply(struct request *r) {
  int kind = kind_of(r->args[APPLY_KIND].text);
  int64_t n = r->args[APPLY_TARGETS].number;
  bool own_chains = kind < LAYERS_COPY;
  if (kind < 0 || !consistent(r->args, n, own_chains)) return -EINVAL;
  struct layers l = {.words = r->words, .n = (unsigned)n, .progress.columns = (int)r->args[APPLY_COLUMNS].number};
  char **below = calloc(l.n + 1, sizeof *below);
  bool *again = calloc(l.n, sizeof *again);
  l.jobs = calloc(l.n, sizeof *l.jobs);
  l.pids = calloc(l.n, sizeof *l.pids);
  l.states = mmap(NULL, l.n * sizeof *l.states, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!below || !again || !l.jobs || !l.pids || l.states == MAP_FAILED) return -ENOMEM;
  describe(&l, r->args, (enum layers_kind)kind, below);
  int rc = own_chains ? together(&l, again) : one_by_one(&l, NULL);
  if (rc == 0 && own_chains) rc = one_by_one(&l, again);
  kill_all(&l);
  progress_end(&l.progress);
  if (rc < 0) return rc;
  tell_left_out(&l);
  keep(&l);
  snprintf(r->text, sizeof r->text, "%s", root_of(&l));
  return 0;
}

int request_receive(struct request *r) {
  int kind = kind_of(r->args[RECEIVE_KIND].text);
  if (kind < 0 || kind >= LAYERS_COPY || r->args[RECEIVE_SIZE].number < 0) return -EINVAL;
  struct job job = {.kind = (enum layers_kind)kind,
                    .squash = r->args[RECEIVE_SQUASH].number != 0,
                    .bottom = r->args[RECEIVE_BOTTOM].number != 0,
                    .target = r->args[RECEIVE_TARGET].text,
                    .chain = r->args[RECEIVE_CHAIN].text,
                    .archive = r->args[RECEIVE_NAME].text,
                    .piped = true,
                    .fd = LAYERS_GIVEN,
                    .size = (uint64_t)r->args[RECEIVE_SIZE].number,
                    .digest = r->args[RECEIVE_DIGEST].text,
                    .diff = r->args[RECEIVE_DIFF].text};
  struct layers l = {.words = r->words, .n = 1, .jobs = &job};
  pid_t pid = 0;
  l.pids = &pid;
  l.states = mmap(NULL, sizeof *l.states, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (l.states == MAP_FAILED) return -ENOMEM;
  int rc = begin(&l, 0);
  /* Its writer is to hear of the reader's end at once. */
  close(LAYERS_GIVEN);
  if (rc == 0) rc = reap(&l);
  kill_all(&l);
  if (rc < 0) return rc;
  if (l.states->result == JOB_FAILED) {
    words_say(r->words, "%s", l.states->error[0] ? l.states->error : "a layer could not be applied");
    return -E_DETAIL;
  }
  tell_left_out(&l);
  snprintf(r->text, sizeof r->text, "%s", l.states->result == JOB_NEEDS_LOWER ? "lower" : "done");
  return 0;
}
