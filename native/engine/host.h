/* What the engine's files share: values, errors and the planner's functions. */
#ifndef CTR_HOST_H
#define CTR_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "quickjs.h"

/* Names of properties, made once. */
#define HOST_ATOMS(X) \
  X(dev) X(ino) X(mode) X(nlink) X(uid) X(gid) X(rdev) X(size) X(mtimeMs) X(ctimeMs) X(atimeMs) \
  X(type) X(bsize) X(blocks) X(bfree) X(bavail) X(files) X(ffree) \
  X(code) X(errno) X(syscall) X(path) X(message) X(bytes) X(descriptor)

enum host_atom {
#define X(name) ATOM_##name,
  HOST_ATOMS(X)
#undef X
  HOST_ATOM_COUNT
};

/* What the engine keeps in its heap, at HEAP->root. */
struct host {
  JSRuntime *runtime;
  JSContext *context;
  JSAtom atoms[HOST_ATOM_COUNT];
};

/* --- host.c */

/* Makes `__host` in the context, which belongs to `host`. */
void host_begin(struct host *host);
/* obj.NAME = value; the value is taken. */
void host_set(JSContext *ctx, JSValueConst object, enum host_atom name, JSValue value);
/* Throw what the kernel answered, in Node's form; the path may be NULL. Always JS_EXCEPTION. */
JSValue host_throw(JSContext *ctx, int error, const char *syscall, JSValueConst path);
/* A Uint8Array that holds a copy. */
JSValue host_bytes(JSContext *ctx, const uint8_t *bytes, size_t length);
/* A Uint8Array of so many zeros, and where they are. */
JSValue host_new_bytes(JSContext *ctx, size_t length, uint8_t **bytes);
/* What a typed array or ArrayBuffer holds; NULL with an exception where it is neither. */
uint8_t *host_bytes_of(JSContext *ctx, JSValueConst value, size_t *length);

/* A path for the kernel, to be freed by host_path_free; NULL with an exception. */
char *host_path(JSContext *ctx, JSValueConst value, const char *syscall);
void host_path_free(JSContext *ctx, char *path);

extern const JSCFunctionListEntry host_file_functions[], host_process_functions[], host_text_functions[],
    host_socket_functions[];
extern const int host_file_count, host_process_count, host_text_count, host_socket_count;

/* --- quickjs_unit.c: what QuickJS itself does not export */

/* A string by the house's rule (packages/plan/src/bytes.ts). */
JSValue host_text(JSContext *ctx, const uint8_t *bytes, size_t length);
/* A string with a character for each byte. */
JSValue host_latin1(JSContext *ctx, const uint8_t *bytes, size_t length);
/* One string behind the other; both are taken. */
JSValue host_concat(JSContext *ctx, JSValue a, JSValue b);
/* The bytes that host_text made the string from, to be freed by js_free; NULL with an exception. A NUL follows them. */
uint8_t *host_text_bytes(JSContext *ctx, JSValueConst text, size_t *length);
/* What of a runtime tells when and where it was made is forgotten; no code may run in it any more. */
void engine_forget(JSRuntime *runtime, JSContext *context);

/* --- text.c */

/* How many of the bytes at `at` are one character of valid UTF-8 (RFC 3629, section 4); 0: none are. */
size_t utf8_width(const uint8_t *at, size_t left);

#endif
