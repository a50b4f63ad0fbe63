/* The planner's functions for files. Each is one system call, or as few as can be, tried again after a signal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "host.h"

/* The call again where a signal came in between. */
#define AGAIN(result, call) \
  do (result) = (call);     \
  while ((result) < 0 && errno == EINTR)

static JSValue milliseconds(JSContext *ctx, struct timespec time) {
  return JS_NewFloat64(ctx, (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6);
}

static JSValue stat_object(JSContext *ctx, const struct stat *st) {
  JSValue object = JS_NewObject(ctx);
  host_set(ctx, object, ATOM_dev, JS_NewInt64(ctx, (int64_t)st->st_dev));
  host_set(ctx, object, ATOM_ino, JS_NewInt64(ctx, (int64_t)st->st_ino));
  host_set(ctx, object, ATOM_mode, JS_NewInt64(ctx, st->st_mode));
  host_set(ctx, object, ATOM_nlink, JS_NewInt64(ctx, (int64_t)st->st_nlink));
  host_set(ctx, object, ATOM_uid, JS_NewInt64(ctx, st->st_uid));
  host_set(ctx, object, ATOM_gid, JS_NewInt64(ctx, st->st_gid));
  host_set(ctx, object, ATOM_rdev, JS_NewInt64(ctx, (int64_t)st->st_rdev));
  host_set(ctx, object, ATOM_size, JS_NewInt64(ctx, st->st_size));
  host_set(ctx, object, ATOM_mtimeMs, milliseconds(ctx, st->st_mtim));
  host_set(ctx, object, ATOM_ctimeMs, milliseconds(ctx, st->st_ctim));
  host_set(ctx, object, ATOM_atimeMs, milliseconds(ctx, st->st_atim));
  return object;
}

/* What a call that was given a path comes to: the path is freed, and an error thrown. */
static JSValue with_path(JSContext *ctx, char *path, JSValueConst given, int result, const char *syscall) {
  int error = errno;
  host_path_free(ctx, path);
  return result < 0 ? host_throw(ctx, error, syscall, given) : JS_UNDEFINED;
}

static JSValue file_stat(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  bool follow = JS_ToBool(ctx, argv[1]);
  const char *syscall = follow ? "stat" : "lstat";
  char *path = host_path(ctx, argv[0], syscall);
  if (!path) return JS_EXCEPTION;
  struct stat st;
  int result;
  AGAIN(result, fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW));
  JSValue done = with_path(ctx, path, argv[0], result, syscall);
  return JS_IsException(done) ? done : stat_object(ctx, &st);
}

static JSValue file_fstat(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd, result;
  struct stat st;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0) return JS_EXCEPTION;
  AGAIN(result, fstat(fd, &st));
  return result < 0 ? host_throw(ctx, errno, "fstat", JS_UNDEFINED) : stat_object(ctx, &st);
}

static JSValue file_statfs(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  char *path = host_path(ctx, argv[0], "statfs");
  if (!path) return JS_EXCEPTION;
  struct statfs fs;
  int result;
  AGAIN(result, statfs(path, &fs));
  JSValue done = with_path(ctx, path, argv[0], result, "statfs");
  if (JS_IsException(done)) return done;
  JSValue object = JS_NewObject(ctx);
  host_set(ctx, object, ATOM_type, JS_NewInt64(ctx, (int64_t)fs.f_type));
  host_set(ctx, object, ATOM_bsize, JS_NewInt64(ctx, (int64_t)fs.f_bsize));
  host_set(ctx, object, ATOM_blocks, JS_NewInt64(ctx, (int64_t)fs.f_blocks));
  host_set(ctx, object, ATOM_bfree, JS_NewInt64(ctx, (int64_t)fs.f_bfree));
  host_set(ctx, object, ATOM_bavail, JS_NewInt64(ctx, (int64_t)fs.f_bavail));
  host_set(ctx, object, ATOM_files, JS_NewInt64(ctx, (int64_t)fs.f_files));
  host_set(ctx, object, ATOM_ffree, JS_NewInt64(ctx, (int64_t)fs.f_ffree));
  return object;
}

static JSValue file_access(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int mode, result;
  if (JS_ToInt32(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
  char *path = host_path(ctx, argv[0], "access");
  if (!path) return JS_EXCEPTION;
  AGAIN(result, access(path, mode));
  return with_path(ctx, path, argv[0], result, "access");
}

static JSValue file_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int flags, fd;
  if (JS_ToInt32(ctx, &flags, argv[1]) < 0) return JS_EXCEPTION;
  char *path = host_path(ctx, argv[0], "open");
  if (!path) return JS_EXCEPTION;
  AGAIN(fd, open(path, (flags & ~O_ACCMODE & ~O_CREAT & ~O_TRUNC) | O_RDONLY | O_CLOEXEC));
  JSValue done = with_path(ctx, path, argv[0], fd, "open");
  return JS_IsException(done) ? done : JS_NewInt32(ctx, fd);
}

static JSValue file_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0) return JS_EXCEPTION;
  /* After EINTR the descriptor is closed (close(2), NOTES). */
  if (close(fd) < 0 && errno != EINTR) return host_throw(ctx, errno, "close", JS_UNDEFINED);
  return JS_UNDEFINED;
}

/* Where in an array to begin and how many bytes to take, both checked. */
static uint8_t *part_of(JSContext *ctx, JSValueConst array, JSValueConst offset, JSValueConst length, size_t *n) {
  size_t whole;
  int64_t from, count;
  uint8_t *bytes = host_bytes_of(ctx, array, &whole);
  if (!bytes || JS_ToInt64(ctx, &from, offset) < 0) return NULL;
  if (JS_IsUndefined(length))
    count = (int64_t)whole - from;
  else if (JS_ToInt64(ctx, &count, length) < 0)
    return NULL;
  if (from < 0 || count < 0 || (uint64_t)from > whole || (uint64_t)count > whole - (uint64_t)from) {
    JS_ThrowRangeError(ctx, "the part is not inside the array");
    return NULL;
  }
  *n = (size_t)count;
  return bytes + from;
}

static JSValue file_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd;
  int64_t position = -1;
  size_t n;
  ssize_t got;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0) return JS_EXCEPTION;
  uint8_t *into = part_of(ctx, argv[1], argv[2], argv[3], &n);
  if (!into) return JS_EXCEPTION;
  bool anywhere = !JS_IsNull(argv[4]) && !JS_IsUndefined(argv[4]);
  if (anywhere && JS_ToInt64(ctx, &position, argv[4]) < 0) return JS_EXCEPTION;
  AGAIN(got, anywhere ? pread(fd, into, n, position) : read(fd, into, n));
  return got < 0 ? host_throw(ctx, errno, "read", JS_UNDEFINED) : JS_NewInt64(ctx, got);
}

static JSValue file_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd;
  size_t n;
  ssize_t put;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0) return JS_EXCEPTION;
  const uint8_t *from = part_of(ctx, argv[1], argv[2], JS_UNDEFINED, &n);
  if (!from) return JS_EXCEPTION;
  AGAIN(put, write(fd, from, n));
  return put < 0 ? host_throw(ctx, errno, "write", JS_UNDEFINED) : JS_NewInt64(ctx, put);
}

/* All that can be read; in memory of the context, NULL and errno for an error. */
static uint8_t *read_whole(JSContext *ctx, int fd, size_t *length) {
  struct stat st;
  /* A file of procfs has no size; one that has may grow meanwhile. */
  size_t room = fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < INT_MAX ? (size_t)st.st_size + 1 : 4096;
  uint8_t *bytes = js_malloc(ctx, room);
  *length = 0;
  for (ssize_t n;;) {
    AGAIN(n, read(fd, bytes + *length, room - *length));
    if (n < 0) {
      int error = errno;
      js_free(ctx, bytes);
      errno = error;
      return NULL;
    }
    if (n == 0) return bytes;
    *length += (size_t)n;
    if (*length == room) bytes = js_realloc(ctx, bytes, room += room < 65536 ? 65536 : room);
  }
}

/* The file's bytes; NULL with an exception. */
static uint8_t *read_path(JSContext *ctx, JSValueConst given, size_t *length) {
  int fd;
  char *path = host_path(ctx, given, "open");
  if (!path) return NULL;
  AGAIN(fd, open(path, O_RDONLY | O_CLOEXEC));
  JSValue done = with_path(ctx, path, given, fd, "open");
  if (JS_IsException(done)) return NULL;
  uint8_t *bytes = read_whole(ctx, fd, length);
  int error = errno;
  close(fd);
  if (!bytes) host_throw(ctx, error, "read", JS_UNDEFINED);
  return bytes;
}

static JSValue file_read_file(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  uint8_t *bytes = read_path(ctx, argv[0], &length);
  if (!bytes) return JS_EXCEPTION;
  JSValue array = host_bytes(ctx, bytes, length);
  js_free(ctx, bytes);
  return array;
}

static JSValue file_read_text(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  uint8_t *bytes = read_path(ctx, argv[0], &length);
  if (!bytes) return JS_EXCEPTION;
  JSValue text = host_text(ctx, bytes, length);
  js_free(ctx, bytes);
  return text;
}

/* --- directories and links */

struct entry {
  char *name;
  unsigned char type;
};

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static JSValue pair_of(JSContext *ctx, const struct entry *entry) {
  JSValue pair = JS_NewArray(ctx);
  JS_DefinePropertyValueUint32(ctx, pair, 0, host_text(ctx, (uint8_t *)entry->name, strlen(entry->name)), JS_PROP_C_W_E);
  JS_DefinePropertyValueUint32(ctx, pair, 1, JS_NewInt32(ctx, entry->type), JS_PROP_C_W_E);
  return pair;
}

/* The names of an open directory as [name, type] each, in the order of their bytes, as Node has them. */
static JSValue names_in(JSContext *ctx, DIR *dir) {
  struct entry *entries = NULL;
  size_t count = 0, room = 0;
  errno = 0;
  for (struct dirent *one; (one = readdir(dir)); errno = 0) {
    if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0) continue;
    if (count == room) entries = js_realloc(ctx, entries, (room += room + 32) * sizeof *entries);
    entries[count++] = (struct entry){js_strdup(ctx, one->d_name), one->d_type};
  }
  int error = errno;
  qsort(entries, count, sizeof *entries, by_name);
  JSValue list = JS_NewArray(ctx);
  for (size_t i = 0; i < count; i++) {
    JS_DefinePropertyValueUint32(ctx, list, (uint32_t)i, pair_of(ctx, &entries[i]), JS_PROP_C_W_E);
    js_free(ctx, entries[i].name);
  }
  js_free(ctx, entries);
  if (error == 0) return list;
  JS_FreeValue(ctx, list);
  errno = error;
  return JS_EXCEPTION;
}

static JSValue file_names(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd;
  char *path = host_path(ctx, argv[0], "scandir");
  if (!path) return JS_EXCEPTION;
  AGAIN(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  JSValue done = with_path(ctx, path, argv[0], fd, "scandir");
  if (JS_IsException(done)) return done;
  DIR *dir = fdopendir(fd);
  if (!dir) {
    int error = errno;
    close(fd);
    return host_throw(ctx, error, "scandir", argv[0]);
  }
  JSValue list = names_in(ctx, dir);
  int error = errno;
  closedir(dir);
  return JS_IsException(list) ? host_throw(ctx, error, "scandir", argv[0]) : list;
}

static JSValue file_readlink(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  char *path = host_path(ctx, argv[0], "readlink");
  if (!path) return JS_EXCEPTION;
  /* A link holds less than a page (path_resolution(7)); what procfs makes up may be as long as PATH_MAX. */
  static uint8_t target[PATH_MAX + 1];
  ssize_t n;
  AGAIN(n, readlink(path, (char *)target, sizeof target));
  JSValue done = with_path(ctx, path, argv[0], (int)n, "readlink");
  return JS_IsException(done) ? done : host_text(ctx, target, (size_t)n);
}

static JSValue file_realpath(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  char *path = host_path(ctx, argv[0], "realpath");
  if (!path) return JS_EXCEPTION;
  static char real[PATH_MAX];
  JSValue done = with_path(ctx, path, argv[0], realpath(path, real) ? 0 : -1, "realpath");
  return JS_IsException(done) ? done : host_text(ctx, (uint8_t *)real, strlen(real));
}

const JSCFunctionListEntry host_file_functions[] = {
    JS_CFUNC_DEF("stat", 2, file_stat),          JS_CFUNC_DEF("fstat", 1, file_fstat),
    JS_CFUNC_DEF("statfs", 1, file_statfs),      JS_CFUNC_DEF("access", 2, file_access),
    JS_CFUNC_DEF("open", 2, file_open),          JS_CFUNC_DEF("close", 1, file_close),
    JS_CFUNC_DEF("read", 5, file_read),          JS_CFUNC_DEF("write", 3, file_write),
    JS_CFUNC_DEF("readFile", 1, file_read_file), JS_CFUNC_DEF("readText", 1, file_read_text),
    JS_CFUNC_DEF("names", 1, file_names),        JS_CFUNC_DEF("readlink", 1, file_readlink),
    JS_CFUNC_DEF("realpath", 1, file_realpath),
};
const int host_file_count = sizeof host_file_functions / sizeof *host_file_functions;
