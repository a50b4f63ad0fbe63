/* Whether the machine answers as it did: each kind of question, with its answer and with another. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen/seen.h"
#include "plans.h"

static char answers[65536];
static size_t length;

static void begin(void) { length = 0; }

static void ask(unsigned kind, const char *path, const void *answer, size_t size) {
  uint32_t header[3] = {kind, (uint32_t)strlen(path), (uint32_t)size};
  memcpy(answers + length, header, sizeof header);
  memcpy(answers + length + sizeof header, path, header[1] + 1);
  memcpy(answers + length + sizeof header + header[1] + 1, answer, size);
  length += sizeof header + header[1] + 1 + size;
}

/* What op_seen says to the first `size` bytes, which lie at the end of their memory. */
static int seen(size_t size) {
  static struct run run;
  static struct plan plan;
  unsigned char *data = malloc(size + 1);
  memcpy(data, answers, size);
  data[size] = 0;
  struct cell cells[2] = {{CELL_NIL, 0, 0}, {CELL_BYTES, (uint32_t)size, 0}};
  struct step step = {.op = OP_SEEN, .args = 1, .nargs = 1};
  plan = (struct plan){.cells = cells, .ncells = 2, .data = (const char *)data, .data_length = (uint32_t)size + 1};
  run.plan = &plan;
  run.again = true;
  int result = op_seen(&run, &step);
  run.again = false;
  EXPECT(op_seen(&run, &step) == 0); /* whoever comes from the planner needs no look */
  free(data);
  return result;
}

static int one(unsigned kind, const char *path, const char *answer) {
  begin();
  ask(kind, path, answer, strlen(answer));
  return seen(length);
}

static void put_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

static void of_files(void) {
  put_file("file", "one\ntwo\n");
  EXPECT(one(SEEN_CONTENT, "file", "one\ntwo\n") == 0);
  EXPECT(one(SEEN_CONTENT, "file", "one\ntwo") == -ESTALE);
  EXPECT(one(SEEN_CONTENT, "file", "one\ntwo\nthree") == -ESTALE);
  EXPECT(one(SEEN_CONTENT, "file", "") == -ESTALE);
  EXPECT(one(SEEN_CONTENT, "none", "") == -ESTALE);
  EXPECT(one(SEEN_UNREADABLE, "none", "ENOENT") == 0);
  EXPECT(one(SEEN_UNREADABLE, "none", "EACCES") == -ESTALE);
  EXPECT(one(SEEN_UNREADABLE, "file", "ENOENT") == -ESTALE);
  EXPECT(one(SEEN_UNREADABLE, ".", "EISDIR") == 0);
  EXPECT(one(SEEN_POPULATED, "file", "1") == 0);
  EXPECT(one(SEEN_POPULATED, "file", "0") == -ESTALE);
  put_file("empty", "");
  EXPECT(one(SEEN_POPULATED, "empty", "0") == 0);
  EXPECT(one(SEEN_POPULATED, "none", "0") == -ESTALE);
}

static void of_paths(void) {
  struct stat st;
  struct statfs fs;
  char text[256], *resolved = realpath(".", NULL);
  EXPECT(stat(".", &st) == 0);
  snprintf(text, sizeof text, "%llu %llu %u %u %u %llu", (unsigned long long)st.st_dev,
           (unsigned long long)st.st_ino, st.st_mode, st.st_uid, st.st_gid, (unsigned long long)st.st_rdev);
  EXPECT(one(SEEN_STAT, ".", text) == 0);
  EXPECT(symlink(".", "link") == 0);
  EXPECT(one(SEEN_STAT, "link", text) == 0);
  EXPECT(one(SEEN_LSTAT, "link", text) == -ESTALE);
  EXPECT(one(SEEN_STAT, "none", text) == -ESTALE);
  EXPECT(one(SEEN_STAT, "none", "") == 0);
  EXPECT(one(SEEN_STAT, "file/none", "") == 0);
  EXPECT(one(SEEN_STAT, ".", "") == -ESTALE);
  EXPECT(stat("file", &st) == 0);
  snprintf(text, sizeof text, "%llu %llu %u %u %u %llu %lld %lld", (unsigned long long)st.st_dev,
           (unsigned long long)st.st_ino, st.st_mode, st.st_uid, st.st_gid, (unsigned long long)st.st_rdev,
           (long long)st.st_size, (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
  EXPECT(one(SEEN_STAT, "file", text) == 0);
  put_file("file", "longer than before\n");
  EXPECT(one(SEEN_STAT, "file", text) == -ESTALE);
  EXPECT(one(SEEN_ACCESS, "file", "0 ") == 0);
  EXPECT(one(SEEN_ACCESS, "file", "4 ") == 0);
  EXPECT(one(SEEN_ACCESS, "file", "1 EACCES") == 0);
  EXPECT(one(SEEN_ACCESS, "none", "0 ENOENT") == 0);
  EXPECT(one(SEEN_ACCESS, "none", "0 ") == -ESTALE);
  EXPECT(one(SEEN_LINK, "link", ".") == 0);
  EXPECT(one(SEEN_LINK, "link", "..") == -ESTALE);
  EXPECT(one(SEEN_LINK, "file", "") == -ESTALE);
  EXPECT(resolved && one(SEEN_REALPATH, "link", resolved) == 0);
  EXPECT(one(SEEN_REALPATH, "link", "/") == -ESTALE);
  EXPECT(statfs("/proc", &fs) == 0);
  snprintf(text, sizeof text, "%lld", (long long)fs.f_type);
  EXPECT(one(SEEN_FILESYSTEM, "/proc", text) == 0);
  EXPECT(one(SEEN_FILESYSTEM, "/proc", "1") == -ESTALE);
  EXPECT(one(SEEN_OWN_PROC, "/proc/self", "") == 0);
  free(resolved);
}

static void of_directories(void) {
  static const char names[] = "a\0b\0c", entries[] = "-a\0-b\0dc", fewer[] = "a\0b";
  EXPECT(mkdir("dir", 0755) == 0 && mkdir("dir/c", 0755) == 0);
  put_file("dir/b", "");
  put_file("dir/a", "");
  begin();
  ask(SEEN_NAMES, "dir", names, sizeof names);
  EXPECT(seen(length) == 0);
  begin();
  ask(SEEN_ENTRIES, "dir", entries, sizeof entries);
  EXPECT(seen(length) == 0);
  begin();
  ask(SEEN_ENTRIES, "dir", names, sizeof names);
  EXPECT(seen(length) == -ESTALE);
  begin();
  ask(SEEN_NAMES, "dir", fewer, sizeof fewer);
  EXPECT(seen(length) == -ESTALE);
  EXPECT(one(SEEN_NAMES, "none", "") == -ESTALE);
  /* without a directory its own files; then those of the first, whatever it is called */
  static const char files[] = "x\0y";
  EXPECT(mkdir("groups", 0755) == 0);
  put_file("groups/x", "");
  put_file("groups/y", "");
  begin();
  ask(SEEN_GROUP_FILES, "groups", files, sizeof files);
  EXPECT(seen(length) == 0);
  EXPECT(mkdir("groups/b", 0755) == 0);
  EXPECT(seen(length) == -ESTALE);
  put_file("groups/b/x", "");
  put_file("groups/b/y", "");
  EXPECT(seen(length) == 0);
  EXPECT(mkdir("groups/b/inner", 0755) == 0 && mkdir("groups/c", 0755) == 0);
  EXPECT(seen(length) == 0);
  EXPECT(mkdir("groups/a", 0755) == 0);
  EXPECT(seen(length) == -ESTALE);
  EXPECT(one(SEEN_GROUP_FILES, "none", "") == 0);
  EXPECT(one(SEEN_NAMES, "dir/c", "") == 0);
}

static void of_status(void) {
  static const char was[] = "Name:\ta\nUmask:\t0022\nPid:\t1\nUid:\t0\t0\t0\t0\nCapEff:\t00ff\nThreads:\t1\n";
  put_file("status", "Name:\tb\nUmask:\t0022\nPid:\t2\nUid:\t0\t0\t0\t0\nCapEff:\t00ff\n");
  EXPECT(one(SEEN_STATUS, "status", was) == 0);
  put_file("status", "Name:\tb\nUmask:\t0022\nPid:\t2\nUid:\t0\t0\t0\t0\nCapEff:\t00fe\n");
  EXPECT(one(SEEN_STATUS, "status", was) == -ESTALE);
  put_file("status", "Umask:\t0022\nUid:\t0\t0\t0\t0\n");
  EXPECT(one(SEEN_STATUS, "status", was) == -ESTALE);
  put_file("status", "Umask:\t0022\nUid:\t0\t0\t0\t0\nCapEff:\t00ff\nSeccomp:\t2\n");
  EXPECT(one(SEEN_STATUS, "status", was) == -ESTALE);
  EXPECT(one(SEEN_STATUS, "none", was) == -ESTALE);
}

static void of_processes(void) {
  int64_t ticks;
  char state, path[64], text[32];
  EXPECT(life_of(getpid(), &ticks, &state) == 0);
  snprintf(path, sizeof path, "/proc/%d/stat", getpid());
  snprintf(text, sizeof text, "%lld", (long long)ticks);
  EXPECT(one(SEEN_STARTED, path, text) == 0);
  EXPECT(one(SEEN_STARTED, path, "1") == -ESTALE);
  EXPECT(one(SEEN_STARTED, "/proc/4194305/stat", text) == -ESTALE);
  EXPECT(one(SEEN_STARTED, "/", text) == -ESTALE);
  pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info;
  EXPECT(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0 && life_of(child, &ticks, &state) == 0);
  snprintf(path, sizeof path, "/proc/%d/stat", child);
  snprintf(text, sizeof text, "%lld", (long long)ticks);
  EXPECT(one(SEEN_STARTED, path, text) == -ESTALE);
  waitpid(child, NULL, 0);
}

/* The last of several, of an unknown kind, or cut short anywhere. */
static void of_form(void) {
  begin();
  EXPECT(seen(0) == 0);
  ask(SEEN_ACCESS, "file", "0 ", 2);
  ask(SEEN_ACCESS, "none", "0 ENOENT", 8);
  size_t first = 12 + 5 + 2;
  for (size_t cut = 1; cut < length; cut++) EXPECT(seen(cut) == (cut == first ? 0 : -EINVAL));
  EXPECT(seen(length) == 0);
  ask(SEEN_ACCESS, "file", "0 ENOENT", 8);
  EXPECT(seen(length) == -ESTALE);
  EXPECT(one(0, "file", "") == -ESTALE);
  EXPECT(one(77, "file", "") == -ESTALE);
  uint32_t far[] = {0xffffffff, 0xfffffff4, 0x80000000, 20};
  for (unsigned i = 0; i < sizeof far / sizeof *far; i++)
    for (unsigned field = 1; field < 3; field++) {
      begin();
      ask(SEEN_ACCESS, "file", "0 ", 2);
      memcpy(answers + 4 * field, &far[i], 4);
      EXPECT(seen(length) == -EINVAL);
    }
}

int main(void) {
  char directory[] = "/tmp/ctr-seen-XXXXXX", command[64];
  EXPECT(mkdtemp(directory) && chdir(directory) == 0);
  of_files();
  of_paths();
  of_directories();
  of_status();
  of_processes();
  of_form();
  snprintf(command, sizeof command, "rm -r %s", directory);
  EXPECT(chdir("/") == 0 && system(command) == 0);
  return test_end("seen");
}
