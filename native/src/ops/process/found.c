/*
 * What the container's own files say of its process: where its command is, before anybody
 * lets it go, and where its user is at home.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"

/*
 * 0 if this could be executed by us, as execve(2) sees it: a file, not a directory, on no noexec
 * mount. A filter from before Linux 5.8, which the caller may be under, answers EPERM to
 * faccessat2(2); that says nothing about the file, so its mode alone is looked at.
 */
static int executable(const char *path) {
  struct stat st;
  long rc = AGAIN(stat(path, &st));
  if (rc != 0) return (int)rc;
  if (!S_ISREG(st.st_mode)) return -EACCES;
  rc = KERNEL(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS);
  if (missing_call(rc)) return st.st_mode & 0111 ? 0 : -EACCES;
  return (int)rc;
}

/*
 * execvp(3)'s search: the directories of PATH in order, an empty one meaning here. A file that
 * may not be executed is passed over, and is the reason if nothing better is found.
 */
static int search(const char *file, char *found) {
  const char *path = getenv("PATH");
  int reason = -ENOENT;
  for (const char *p = path ? path : "/usr/local/bin:/bin:/usr/bin"; p; p = *p ? p + 1 : NULL) {
    size_t length = strcspn(p, ":");
    int n = snprintf(found, PATH_MAX, "%.*s%s%s", (int)length, p, length ? "/" : "./", file);
    int rc = n < PATH_MAX ? executable(found) : -ENAMETOOLONG;
    if (rc == 0) return 0;
    if (rc == -EACCES) reason = rc;
    p += length;
    if (*p == '\0') break;
  }
  return reason;
}

int op_find_command(struct run *run, const struct step *step);

int op_find_command(struct run *run, const struct step *step) {
  const char *file = arg_text(run, step, 0);
  char found[PATH_MAX];
  int rc;
  if (*file == '\0') return -ENOENT;
  if (strchr(file, '/')) {
    rc = executable(file);
    return rc ? rc : out_text(run, step, 1, file, strlen(file));
  }
  rc = search(file, found);
  return rc ? rc : out_text(run, step, 1, found, strlen(found));
}

/* The sixth field of the passwd(5) line with this number, in place; NULL if there is none. */
static char *home_of(FILE *passwd, const char *uid) {
  static char line[4096];
  while (fgets(line, sizeof line, passwd)) {
    char *rest = line, *field[7];
    int n = 0;
    line[strcspn(line, "\n")] = '\0';
    while (n < 7 && (field[n] = strsep(&rest, ":"))) n++;
    if (n >= 6 && strcmp(field[2], uid) == 0) return field[5];
  }
  return NULL;
}

int op_home_default(struct run *run, const struct step *step);

int op_home_default(struct run *run, const struct step *step) {
  char uid[24], *home = NULL;
  const char *now = getenv("HOME");
  FILE *passwd = NULL;
  struct stat st;
  if (now && *now) return 0;
  snprintf(uid, sizeof uid, "%lld", (long long)arg_int(run, step, 0));
  /* O_NONBLOCK: an image may have a FIFO there. */
  long fd = AGAIN(open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd >= 0 && fstat((int)fd, &st) == 0 && S_ISREG(st.st_mode)) passwd = fdopen((int)fd, "r");
  if (passwd) home = home_of(passwd, uid);
  int rc = setenv("HOME", home && *home ? home : "/", 1) == 0 ? 0 : -errno;
  if (passwd)
    fclose(passwd);
  else if (fd >= 0)
    close_fd((int)fd);
  return rc;
}
