/* A failure in words: made by the process that failed, said by process 0. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "channel.h"
#include "io.h"
#include "own_limits.h"
#include "plan.h"
#include "report.h"
#include "run.h"
#include "shape.h"
#include "sys.h"
#include "words.h"

const char *tool_name = "ctr-launcher";

void die(int code, const char *format, ...) {
  char line[2048];
  int n = snprintf(line, sizeof line - 1, "%s: ", tool_name);
  va_list list;
  va_start(list, format);
  int m = vsnprintf(line + n, sizeof line - 1 - (size_t)n, format, list);
  va_end(list);
  size_t length = (size_t)n + (size_t)m;
  if (length > sizeof line - 2) length = sizeof line - 2;
  line[length] = '\n';
  (void)write_all(2, line, length + 1);
  leave(code);
}

/* The hint for this errno, else the one for all others (0). */
static const char *hint_for(struct run *run, const struct step *step, int error) {
  const struct cell *pairs = &run->plan->cells[step->hints];
  uint32_t other = 0;
  for (uint32_t i = 0; i < step->nhints; i++) {
    if (pairs[2 * i].value == (uint64_t)error) return cell_text(run, step->hints + 2 * i + 1);
    if (pairs[2 * i].value == 0) other = step->hints + 2 * i + 1;
  }
  return other ? cell_text(run, other) : "";
}

struct failure *failure_of(struct run *run, uint32_t at, int error) {
  const struct step *step = &run->plan->steps[at];
  static struct failure last; /* without memory there is no other to come after */
  struct failure *f = malloc(sizeof *f);
  if (!f) f = &last;
  *f = (struct failure){.step = at, .error = error};
  f->killed = error == E_DETAIL && run->peer_killed;
  f->exit_code = step->exit_code ? step->exit_code : (int)run->plan->exit_code;
  const char *doing = cell_text(run, step->doing);
  if (!*doing) doing = op_shape(step->op)->name;
  const char *hint = hint_for(run, step, error);
  if (!*hint && *limits_hint(error)) hint = limits_hint(error) + strlen("; ");
  /* A hint that begins with "=" says what the kernel answered in other words, and stands in their place. */
  bool instead = *hint == '=';
  if (instead) hint++;
  const char *answer = error == E_DETAIL || instead ? "" : strerror(error);
  snprintf(f->sentence, sizeof f->sentence, "%s%s%s%s%s%s%s", doing, *run->detail ? ": " : "", run->detail,
           *answer ? ": " : "", answer, !*hint ? "" : instead ? ": " : "; ", hint);
  /* One line: what a helper printed, or a name with a newline in it, shall not break it. */
  for (char *c = f->sentence; *c; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';
  return f;
}

/* As JSON and logrus' text write strings; bytes that are not ASCII pass as they are. */
static size_t quoted(char *to, size_t room, const char *text) {
  size_t n = 0;
  to[n++] = '"';
  for (; *text && n + 8 < room; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      to[n++] = '\\';
      to[n++] = (char)c;
    } else if (c < 0x20 || c == 0x7f) {
      n += (size_t)sprintf(to + n, "\\u%04x", c);
    } else {
      to[n++] = (char)c;
    }
  }
  to[n++] = '"';
  to[n] = 0;
  return n;
}

void open_log(struct run *run, const char *path, enum log_format format) {
  run->log = high_fd(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644));
  if (run->log < 0) die((int)run->plan->exit_code, "open the log %s: %s", path, strerror(errno));
  run->log_format = format;
}

/* A line as runc's logrus writes it, which is what engines look for. */
static void log_line_of(struct run *run, const char *level, const char *sentence, time_t t) {
  if (run->log < 0) return;
  char message[MAX_SENTENCE + 1024], line[MAX_SENTENCE + 1200], when[40];
  struct tm utc;
  gmtime_r(&t, &utc);
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
  quoted(message, sizeof message, sentence);
  const char *format = run->log_format == LOG_JSON
                           ? "{\"level\":\"%1$s\",\"msg\":%2$s,\"time\":\"%3$s\"}\n"
                           : "time=\"%3$s\" level=%1$s msg=%2$s\n";
  int n = snprintf(line, sizeof line, format, level, message, when);
  if (n > 0 && (size_t)n < sizeof line) (void)write_all(run->log, line, (size_t)n);
}

static time_t wall_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec;
}

static void log_line(struct run *run, const char *level, const char *sentence) {
  log_line_of(run, level, sentence, wall_clock());
}

struct step_done {
  int64_t ended;    /* seconds since the epoch */
  uint64_t began_ns; /* since the launcher began */
  uint64_t took_ns;
  uint32_t at;
  int32_t passed;   /* the errno that was passed over, or 0 */
};

static void log_step(struct run *run, const struct step_done *done) {
  char sentence[MAX_SENTENCE];
  const struct step *step = &run->plan->steps[done->at];
  const char *line = step->line ? cell_text(run, step->line) : op_shape(step->op)->name;
  snprintf(sentence, sizeof sentence, "step %u of process %u at %llu.%03llu ms took %llu.%03llu ms: %s%s%s", done->at,
           step->process, (unsigned long long)(done->began_ns / 1000000),
           (unsigned long long)(done->began_ns / 1000 % 1000), (unsigned long long)(done->took_ns / 1000000), (unsigned long long)(done->took_ns / 1000 % 1000), line,
           done->passed ? "; passed over: " : "", done->passed ? strerror(done->passed) : "");
  log_line_of(run, "debug", sentence, (time_t)done->ended);
}

void report_step(struct run *run, uint32_t at, uint64_t began, uint64_t took_ns, int passed) {
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  struct step_done done = {.ended = wall_clock(), .began_ns = began - run->started_ns, .took_ns = took_ns,
                           .at = at, .passed = passed};
  if (run->filtered) return; /* a filter may refuse what telling takes */
  if (run->process == 0) log_step(run, &done);
  else if (up && !up->ended) channel_send(up, MSG_STEP, 0, &done, sizeof done, -1);
}

void report_step_of(struct run *run, const struct message *message) {
  struct step_done done;
  if (message->length != sizeof done) return;
  memcpy(&done, message->payload, sizeof done);
  if (done.at >= run->plan->nsteps) return;
  if (run->process == 0) {
    log_step(run, &done);
    return;
  }
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  if (up && !up->ended && !run->filtered) channel_send(up, MSG_STEP, 0, &done, sizeof done, -1);
}

static void say(const char *sentence) {
  char line[MAX_SENTENCE + 128];
  int n = snprintf(line, sizeof line, "%s: %s\n", tool_name, sentence);
  if (n < 0) return;
  if ((size_t)n >= sizeof line) {
    n = sizeof line;
    line[n - 1] = '\n';
  }
  (void)write_all(2, line, (size_t)n);
}

static void show_plan(struct run *run, uint32_t failed) {
  const struct plan *plan = run->plan;
  for (uint32_t i = 0; i < plan->nsteps; i++) {
    const struct step *s = &plan->steps[i];
    if (s->undoing && i != failed) continue;
    char head[40];
    int n = snprintf(head, sizeof head, "%s %4u  %u  ", i == failed ? "->" : "  ", i, s->process);
    const char *text = s->line ? cell_text(run, s->line) : op_shape(s->op)->name;
    if (write_all(2, head, (size_t)n) < 0 || write_all(2, text, strlen(text)) < 0 ||
        write_all(2, "\n", 1) < 0)
      return;
  }
}

static int also = -1;

void report_also_to(int fd) { also = fd; }

void report_failure(struct run *run, const struct failure *failure) {
  if (run->plan->flags & PLAN_DEBUG) show_plan(run, failure->step);
  say(failure->sentence);
  if (also >= 0) (void)write_all(also, failure->sentence, strlen(failure->sentence));
  log_line(run, "error", failure->sentence);
}

void report_warning(struct run *run, const char *sentence) {
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  if (up && !up->ended && channel_send(up, MSG_WARNING, 0, sentence, strlen(sentence), -1) == 0) return;
  say(sentence);
  log_warning(run, sentence);
}

void log_warning(struct run *run, const char *sentence) { log_line(run, "warning", sentence); }
