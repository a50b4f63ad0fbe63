/* `__host`, the object by which the planner asks the machine, and what its functions share. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "heap.h"
#include "host_errors.h"

static JSAtom atom(enum host_atom name) { return ((struct host *)HEAP->root)->atoms[name]; }

void host_set(JSContext *ctx, JSValueConst object, enum host_atom name, JSValue value) {
  JS_DefinePropertyValue(ctx, object, atom(name), value, JS_PROP_C_W_E);
}

/* --- errors */

struct words {
  const char *name, *text;
};

static struct words words_of(int error) {
  switch (error) {
#define X(name, text) \
  case name: \
    return (struct words){#name, text};
    HOST_ERRORS(X)
#undef X
  }
  return (struct words){NULL, NULL};
}

JSValue host_throw(JSContext *ctx, int error, const char *syscall, JSValueConst path) {
  struct words words = words_of(error);
  char unknown[40], begin[160];
  /* As Node says it of a number that libuv does not know. */
  snprintf(unknown, sizeof unknown, "Unknown system error %d", -error);
  if (!words.name) words = (struct words){unknown, unknown};
  bool has_path = JS_IsString(path);
  snprintf(begin, sizeof begin, "%s: %s, %s%s", words.name, words.text, syscall, has_path ? " '" : "");
  JSValue thrown = JS_NewError(ctx), message = JS_NewString(ctx, begin);
  if (has_path)
    message = host_concat(ctx, host_concat(ctx, message, JS_DupValue(ctx, path)), JS_NewString(ctx, "'"));
  JS_DefinePropertyValue(ctx, thrown, atom(ATOM_message), message, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
  host_set(ctx, thrown, ATOM_errno, JS_NewInt32(ctx, -error));
  host_set(ctx, thrown, ATOM_code, JS_NewString(ctx, words.name));
  host_set(ctx, thrown, ATOM_syscall, JS_NewString(ctx, syscall));
  if (has_path) host_set(ctx, thrown, ATOM_path, JS_DupValue(ctx, path));
  return JS_Throw(ctx, thrown);
}

/* --- bytes */

JSValue host_new_bytes(JSContext *ctx, size_t length, uint8_t **bytes) {
  JSValue size = JS_NewInt64(ctx, (int64_t)length);
  JSValue array = JS_NewTypedArray(ctx, 1, &size, JS_TYPED_ARRAY_UINT8);
  size_t has;
  if (!JS_IsException(array)) *bytes = host_bytes_of(ctx, array, &has);
  return array;
}

JSValue host_bytes(JSContext *ctx, const uint8_t *bytes, size_t length) {
  uint8_t *to;
  JSValue array = host_new_bytes(ctx, length, &to);
  if (!JS_IsException(array) && length > 0) memcpy(to, bytes, length);
  return array;
}

uint8_t *host_bytes_of(JSContext *ctx, JSValueConst value, size_t *length) {
  /* A place that can be told from NULL, which means an exception, for what holds nothing. */
  static uint8_t nothing[1];
  size_t offset, whole;
  JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, length, NULL);
  if (JS_IsException(buffer)) return NULL;
  uint8_t *bytes = JS_GetArrayBuffer(ctx, &whole, buffer);
  JS_FreeValue(ctx, buffer);
  if (*length == 0) return nothing;
  return bytes ? bytes + offset : NULL;
}

/* --- paths */

char *host_path(JSContext *ctx, JSValueConst value, const char *syscall) {
  if (!JS_IsString(value)) {
    JS_ThrowTypeError(ctx, "%s: the path is not a string", syscall);
    return NULL;
  }
  size_t length;
  uint8_t *path = host_text_bytes(ctx, value, &length);
  if (path && memchr(path, 0, length)) {
    js_free(ctx, path);
    host_throw(ctx, EINVAL, syscall, value);
    return NULL;
  }
  return (char *)path;
}

void host_path_free(JSContext *ctx, char *path) { js_free(ctx, path); }

/* --- the object */

void host_begin(struct host *host) {
  static const char *const names[] = {
#define X(name) #name,
      HOST_ATOMS(X)
#undef X
  };
  JSContext *ctx = host->context;
  for (unsigned i = 0; i < HOST_ATOM_COUNT; i++) host->atoms[i] = JS_NewAtom(ctx, names[i]);
  JSValue global = JS_GetGlobalObject(ctx), object = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, object, host_file_functions, host_file_count);
  JS_SetPropertyFunctionList(ctx, object, host_process_functions, host_process_count);
  JS_SetPropertyFunctionList(ctx, object, host_socket_functions, host_socket_count);
  JS_SetPropertyFunctionList(ctx, object, host_text_functions, host_text_count);
#if defined __aarch64__
  JS_DefinePropertyValueStr(ctx, object, "arch", JS_NewString(ctx, "arm64"), JS_PROP_C_W_E);
#else
  JS_DefinePropertyValueStr(ctx, object, "arch", JS_NewString(ctx, "x64"), JS_PROP_C_W_E);
#endif
  JS_DefinePropertyValueStr(ctx, global, "__host", object, JS_PROP_C_W_E);
  JS_FreeValue(ctx, global);
}
