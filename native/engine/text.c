/* UTF-8, and the planner's functions between bytes and strings. */
#include <string.h>

#include "../common/sha256.h"
#include "../common/sha512.h"
#include "host.h"

static bool continues(uint8_t byte) { return (byte & 0xc0) == 0x80; }

size_t utf8_width(const uint8_t *at, size_t left) {
  uint8_t first = at[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || left < 2 || !continues(at[1])) return 0;
  if (first < 0xe0) return 2;
  if (left < 3 || !continues(at[2])) return 0;
  /* Overlong forms, surrogates, and what is above U+10FFFF. */
  if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f)) return 0;
  if (first < 0xf0) return 3;
  if (left < 4 || !continues(at[3])) return 0;
  if ((first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f)) return 0;
  return 4;
}

static JSValue text_utf8(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  const uint8_t *bytes = host_bytes_of(ctx, argv[0], &length);
  return bytes ? host_text(ctx, bytes, length) : JS_EXCEPTION;
}

static JSValue text_bytes(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  uint8_t *bytes = host_text_bytes(ctx, argv[0], &length);
  if (!bytes) return JS_EXCEPTION;
  JSValue array = host_bytes(ctx, bytes, length);
  js_free(ctx, bytes);
  return array;
}

static JSValue text_is_utf8(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length, width;
  const uint8_t *bytes = host_bytes_of(ctx, argv[0], &length);
  if (!bytes) return JS_EXCEPTION;
  for (size_t at = 0; at < length; at += width)
    if ((width = utf8_width(bytes + at, length - at)) == 0) return JS_FALSE;
  return JS_TRUE;
}

static JSValue text_latin1(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  const uint8_t *bytes = host_bytes_of(ctx, argv[0], &length);
  return bytes ? host_latin1(ctx, bytes, length) : JS_EXCEPTION;
}

/* Whether so many decimal digits stand in a row. */
static JSValue text_has_digits(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  int32_t wanted, row = 0;
  const uint8_t *bytes = host_bytes_of(ctx, argv[0], &length);
  if (!bytes || JS_ToInt32(ctx, &wanted, argv[1]) < 0) return JS_EXCEPTION;
  for (size_t i = 0; i < length && row < wanted; i++) row = bytes[i] >= '0' && bytes[i] <= '9' ? row + 1 : 0;
  return JS_NewBool(ctx, row >= wanted);
}

static JSValue text_sha256(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  const uint8_t *bytes = host_bytes_of(ctx, argv[0], &length);
  if (!bytes) return JS_EXCEPTION;
  struct sha256 sha;
  char hex[65];
  sha256_begin(&sha);
  sha256_add(&sha, bytes, length);
  sha256_end(&sha, hex);
  return JS_NewStringLen(ctx, hex, 64);
}

static JSValue text_sha512(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  size_t length;
  const uint8_t *bytes = host_bytes_of(ctx, argv[0], &length);
  if (!bytes) return JS_EXCEPTION;
  struct sha512 sha;
  char hex[129];
  sha512_begin(&sha);
  sha512_add(&sha, bytes, length);
  sha512_end(&sha, hex);
  return JS_NewStringLen(ctx, hex, 128);
}

const JSCFunctionListEntry host_text_functions[] = {
    JS_CFUNC_DEF("utf8", 1, text_utf8),       JS_CFUNC_DEF("bytes", 1, text_bytes),
    JS_CFUNC_DEF("isUtf8", 1, text_is_utf8),  JS_CFUNC_DEF("latin1", 1, text_latin1),
    JS_CFUNC_DEF("hasDigits", 2, text_has_digits),
    JS_CFUNC_DEF("sha256", 1, text_sha256),   JS_CFUNC_DEF("sha512", 1, text_sha512),
};
const int host_text_count = sizeof host_text_functions / sizeof *host_text_functions;
