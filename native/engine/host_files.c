/* The planner's functions for files. Each is one system call, or as few as can be, tried again after a signal. */
#define _LARGEFILE64_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../common/sha256.h"
#include "host.h"

/* The call again where a signal came in between. */
#define AGAIN(result, call) \
  do (result) = (call);     \
  while ((result) < 0 && errno == EINTR)

/* musl's open(3) asks for FD_CLOEXEC once more, for kernels that are older than O_CLOEXEC. */
static int open_path(const char *path, int flags) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_RDONLY | O_CLOEXEC);
}

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

/* What nothing is at, or below what is not a directory. */
static bool is_nothing(int error) { return error == ENOENT || error == ENOTDIR; }

/* Whether nothing may be at a path: the answer is undefined then, and not an error. */
enum { REQUIRED, IF_ANY };

/* stat(2) or lstat(2). */
static JSValue file_stat(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int may) {
  (void)self, (void)argc;
  bool follow = JS_ToBool(ctx, argv[1]);
  const char *syscall = follow ? "stat" : "lstat";
  char *path = host_path(ctx, argv[0], syscall);
  if (!path) return JS_EXCEPTION;
  struct stat st;
  int result;
  AGAIN(result, fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW));
  bool nothing = may == IF_ANY && result < 0 && is_nothing(errno);
  JSValue done = with_path(ctx, path, argv[0], nothing ? 0 : result, syscall);
  return JS_IsException(done) || nothing ? done : stat_object(ctx, &st);
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
  AGAIN(fd, open_path(path, flags & ~O_ACCMODE & ~O_CREAT & ~O_TRUNC));
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

/* The SHA-256 of what is left to read of a file, however much. */
static JSValue file_sha256_of(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  static uint8_t part[1 << 16];
  struct sha256 sha;
  char hex[65];
  int fd;
  ssize_t n;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0) return JS_EXCEPTION;
  sha256_begin(&sha);
  for (;;) {
    AGAIN(n, read(fd, part, sizeof part));
    if (n < 0) return host_throw(ctx, errno, "read", JS_UNDEFINED);
    if (n == 0) break;
    sha256_add(&sha, part, (size_t)n);
  }
  sha256_end(&sha, hex);
  return JS_NewStringLen(ctx, hex, 64);
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

/* What was read of a file: in `first`, or where that is too small in memory of the context. */
struct contents {
  uint8_t *bytes;
  size_t length;
};

/* Most files that a planner reads are of procfs and shorter than this. */
static uint8_t first[65536];

/* The rest of a file that does not fit into `first`. 0 or -errno. */
static int read_rest(JSContext *ctx, int fd, struct contents *c) {
  struct stat st;
  size_t room = fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < INT_MAX ? (size_t)st.st_size + 1 : 0;
  if (room < 2 * sizeof first) room = 2 * sizeof first;
  uint8_t *bytes = js_malloc(ctx, room);
  memcpy(bytes, first, c->length);
  c->bytes = bytes;
  for (ssize_t n;;) {
    AGAIN(n, read(fd, c->bytes + c->length, room - c->length));
    if (n <= 0) return n < 0 ? -errno : 0;
    c->length += (size_t)n;
    if (c->length == room) c->bytes = js_realloc(ctx, c->bytes, room *= 2);
  }
}

/* All that can be read. A file of procfs may give less than is asked for before its end. 0 or -errno. */
static int read_whole(JSContext *ctx, int fd, struct contents *c) {
  *c = (struct contents){first, 0};
  for (ssize_t n; c->length < sizeof first; c->length += (size_t)n) {
    AGAIN(n, read(fd, first + c->length, sizeof first - c->length));
    if (n <= 0) return n < 0 ? -errno : 0;
  }
  return read_rest(ctx, fd, c);
}

/* The file's bytes as `value` makes one of them, or the exception. */
static JSValue read_path(JSContext *ctx, JSValueConst given, JSValue (*value)(JSContext *, const uint8_t *, size_t),
                         int may) {
  int fd;
  char *path = host_path(ctx, given, "open");
  if (!path) return JS_EXCEPTION;
  AGAIN(fd, open_path(path, 0));
  bool nothing = may == IF_ANY && fd < 0 && is_nothing(errno);
  JSValue done = with_path(ctx, path, given, nothing ? 0 : fd, "open");
  if (JS_IsException(done) || nothing) return done;
  struct contents contents;
  int error = read_whole(ctx, fd, &contents);
  close(fd);
  JSValue result = error < 0 ? host_throw(ctx, -error, "read", JS_UNDEFINED) : value(ctx, contents.bytes, contents.length);
  if (contents.bytes != first) js_free(ctx, contents.bytes);
  return result;
}

static JSValue file_read_file(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  return read_path(ctx, argv[0], host_bytes, REQUIRED);
}

static JSValue file_read_text(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int may) {
  (void)self, (void)argc;
  return read_path(ctx, argv[0], host_text, may);
}

/* --- directories and links */

struct entry {
  const char *name;
  unsigned char type;
};

struct listing {
  struct entry *entries;
  size_t count, room;
  char *names;
  size_t used, names_room;
};

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Add what getdents64(2) gave. A name is its place among the names until all are there. */
static void list_add(JSContext *ctx, struct listing *list, const char *at, const char *end) {
  for (const struct dirent64 *one; at < end; at += one->d_reclen) {
    one = (const struct dirent64 *)at;
    if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0) continue;
    size_t length = strlen(one->d_name) + 1;
    if (list->count == list->room)
      list->entries = js_realloc(ctx, list->entries, (list->room += list->room + 32) * sizeof *list->entries);
    if (list->used + length > list->names_room)
      list->names = js_realloc(ctx, list->names, list->names_room += list->names_room + length + 1024);
    memcpy(list->names + list->used, one->d_name, length);
    list->entries[list->count++] = (struct entry){(const char *)list->used, one->d_type};
    list->used += length;
  }
}

/* All names of an open directory. 0 or -errno. */
static int list_read(JSContext *ctx, int fd, struct listing *list) {
  for (ssize_t n;;) {
    AGAIN(n, syscall(SYS_getdents64, fd, first, sizeof first));
    if (n < 0) return -errno;
    if (n == 0) break;
    list_add(ctx, list, (const char *)first, (const char *)first + n);
  }
  for (size_t i = 0; i < list->count; i++) list->entries[i].name = list->names + (uintptr_t)list->entries[i].name;
  if (list->count > 1) qsort(list->entries, list->count, sizeof *list->entries, by_name);
  return 0;
}

/* As [name, type] each, in the order of their bytes, as Node has them. */
static JSValue list_value(JSContext *ctx, const struct listing *list) {
  JSValue array = JS_NewArray(ctx);
  for (size_t i = 0; i < list->count; i++) {
    const struct entry *entry = &list->entries[i];
    JSValue pair = JS_NewArray(ctx), name = host_text(ctx, (const uint8_t *)entry->name, strlen(entry->name));
    JS_DefinePropertyValueUint32(ctx, pair, 0, name, JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, pair, 1, JS_NewInt32(ctx, entry->type), JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, array, (uint32_t)i, pair, JS_PROP_C_W_E);
  }
  return array;
}

static JSValue file_names(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd;
  char *path = host_path(ctx, argv[0], "scandir");
  if (!path) return JS_EXCEPTION;
  AGAIN(fd, open_path(path, O_DIRECTORY));
  JSValue done = with_path(ctx, path, argv[0], fd, "scandir");
  if (JS_IsException(done)) return done;
  struct listing list = {0};
  int error = list_read(ctx, fd, &list);
  close(fd);
  JSValue result = error < 0 ? host_throw(ctx, -error, "scandir", argv[0]) : list_value(ctx, &list);
  js_free(ctx, list.entries);
  js_free(ctx, list.names);
  return result;
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

/* An attribute's value as text; undefined where there is none, or no attributes at all. */
static JSValue file_getxattr(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  char *name = (char *)host_text_bytes(ctx, argv[1], &length);
  char *path = name ? host_path(ctx, argv[0], "getxattr") : NULL;
  if (!path) {
    js_free(ctx, name);
    return JS_EXCEPTION;
  }
  ssize_t n = getxattr(path, name, first, sizeof first);
  bool none = n < 0 && (errno == ENODATA || errno == EOPNOTSUPP);
  int error = errno;
  js_free(ctx, name);
  errno = error;
  JSValue done = with_path(ctx, path, argv[0], none ? 0 : (int)n, "getxattr");
  if (JS_IsException(done) || none) return done;
  return host_text(ctx, first, (size_t)n);
}

const JSCFunctionListEntry host_file_functions[] = {
    JS_CFUNC_MAGIC_DEF("stat", 2, file_stat, REQUIRED),
    JS_CFUNC_MAGIC_DEF("statIfAny", 2, file_stat, IF_ANY),
    JS_CFUNC_MAGIC_DEF("readText", 1, file_read_text, REQUIRED),
    JS_CFUNC_MAGIC_DEF("readTextIfAny", 1, file_read_text, IF_ANY),
    JS_CFUNC_DEF("readFile", 1, file_read_file), JS_CFUNC_DEF("fstat", 1, file_fstat),
    JS_CFUNC_DEF("statfs", 1, file_statfs),      JS_CFUNC_DEF("access", 2, file_access),
    JS_CFUNC_DEF("open", 2, file_open),          JS_CFUNC_DEF("close", 1, file_close),
    JS_CFUNC_DEF("read", 5, file_read),          JS_CFUNC_DEF("write", 3, file_write),
    JS_CFUNC_DEF("names", 1, file_names),        JS_CFUNC_DEF("readlink", 1, file_readlink),
    JS_CFUNC_DEF("realpath", 1, file_realpath),  JS_CFUNC_DEF("sha256Of", 1, file_sha256_of),
    JS_CFUNC_DEF("getxattr", 2, file_getxattr),
};
const int host_file_count = sizeof host_file_functions / sizeof *host_file_functions;
