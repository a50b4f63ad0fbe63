/*
 * QuickJS in one unit with what it does not export: its strings' insides, for quick conversions, and its
 * state that tells when and where it was made, for an image of the heap.
 */
#include "heap.h"
#include "quickjs.c"

#include "host.h"

/* --- strings */

/* How many characters of UTF-16 the bytes become, and all bits that any of them has. */
static size_t text_measure(const uint8_t *at, const uint8_t *end, uint32_t *bits) {
  size_t units = 0;
  *bits = 0;
  while (at < end) {
    size_t width = utf8_width(at, (size_t)(end - at));
    units += width == 4 ? 2 : 1;
    /* Up to U+00FF are those that begin with C2 or C3; what is not valid becomes U+DC80 and above. */
    *bits |= width == 1 || (width == 2 && *at <= 0xc3) ? 0 : 0x100;
    at += width ? width : 1;
  }
  return units;
}

static uint32_t text_next(const uint8_t **at, const uint8_t *end) {
  const uint8_t *p = *at;
  size_t width = utf8_width(p, (size_t)(end - p));
  *at = p + (width ? width : 1);
  switch (width) {
    case 0: return 0xdc00u + p[0];
    case 1: return p[0];
    case 2: return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3: return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    default: return (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
  }
}

JSValue host_text(JSContext *ctx, const uint8_t *bytes, size_t length) {
  const uint8_t *end = bytes + length;
  if (length > JS_STRING_LEN_MAX) return JS_ThrowRangeError(ctx, "the text is longer than a string can be");
  if (count_ascii(bytes, length) == length) return js_new_string8_len(ctx, (const char *)bytes, (int)length);
  uint32_t bits;
  size_t units = text_measure(bytes, end, &bits);
  JSString *string = js_alloc_string(ctx, (int)units, bits > 0xff);
  if (!string) return JS_EXCEPTION;
  if (bits <= 0xff) {
    uint8_t *to = string->u.str8;
    for (const uint8_t *at = bytes; at < end;) *to++ = (uint8_t)text_next(&at, end);
    *to = 0;
  } else {
    uint16_t *to = string->u.str16;
    for (const uint8_t *at = bytes; at < end;) {
      uint32_t c = text_next(&at, end);
      if (c > 0xffff) {
        *to++ = (uint16_t)(0xd7c0 + (c >> 10));
        c = 0xdc00 | (c & 0x3ff);
      }
      *to++ = (uint16_t)c;
    }
  }
  return JS_MKPTR(JS_TAG_STRING, string);
}

JSValue host_latin1(JSContext *ctx, const uint8_t *bytes, size_t length) {
  if (length > JS_STRING_LEN_MAX) return JS_ThrowRangeError(ctx, "the text is longer than a string can be");
  return js_new_string8_len(ctx, (const char *)bytes, (int)length);
}

JSValue host_concat(JSContext *ctx, JSValue a, JSValue b) { return JS_ConcatString(ctx, a, b); }

static uint8_t *text_put(uint8_t *to, const uint16_t *units, size_t n, size_t *taken) {
  uint32_t c = units[0];
  *taken = 1;
  if (c >= 0xdc80 && c <= 0xdcff) {
    *to = (uint8_t)(c - 0xdc00);
    return to + 1;
  }
  if (c >= 0xd800 && c <= 0xdfff) {
    if (c < 0xdc00 && n > 1 && units[1] >= 0xdc00 && units[1] <= 0xdfff) {
      c = 0x10000 + ((c & 0x3ff) << 10) + (units[1] & 0x3ff);
      *taken = 2;
    } else {
      c = 0xfffd;
    }
  }
  return to + unicode_to_utf8(to, c);
}

uint8_t *host_text_bytes(JSContext *ctx, JSValueConst text, size_t *length) {
  JSValue flat = JS_ToString(ctx, text);
  if (JS_IsException(flat)) return NULL;
  const JSString *string = JS_VALUE_GET_STRING(flat);
  size_t n = string->len, taken;
  uint8_t *bytes = js_malloc(ctx, n * 3 + 1), *to = bytes;
  if (bytes && !string->is_wide_char) {
    for (size_t i = 0; i < n; i++) {
      uint8_t c = string->u.str8[i];
      if (c >= 0x80) *to++ = (uint8_t)(0xc0 | c >> 6);
      *to++ = c >= 0x80 ? (uint8_t)(0x80 | (c & 0x3f)) : c;
    }
  } else if (bytes) {
    for (size_t i = 0; i < n; i += taken) to = text_put(to, string->u.str16 + i, n - i, &taken);
  }
  JS_FreeValue(ctx, flat);
  if (!bytes) return NULL;
  *to = 0;
  *length = (size_t)(to - bytes);
  return bytes;
}

/* --- a heap that is to become an image */

void engine_forget(JSRuntime *runtime, JSContext *context) {
  runtime->stack_size = runtime->stack_top = runtime->stack_limit = 0;
  context->random_state = 1;
  /* A generator that waits still names the frame that it was last called from. */
  struct list_head *one;
  list_for_each(one, &runtime->gc_obj_list) {
    JSGCObjectHeader *object = list_entry(one, JSGCObjectHeader, link);
    if (object->gc_obj_type == JS_GC_OBJ_TYPE_ASYNC_FUNCTION) ((JSAsyncFunctionState *)object)->frame.prev_frame = NULL;
  }
}
