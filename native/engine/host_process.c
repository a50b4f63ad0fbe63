/* The planner's functions for its own process, the clock and chance. */
#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

static double milliseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static JSValue process_now(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc, (void)argv;
  return JS_NewInt64(ctx, (int64_t)milliseconds(CLOCK_REALTIME));
}

static JSValue process_monotonic(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc, (void)argv;
  return JS_NewFloat64(ctx, milliseconds(CLOCK_MONOTONIC));
}

static JSValue process_pid(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc, (void)argv;
  return JS_NewInt32(ctx, getpid());
}

static JSValue process_ids(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc, (void)argv;
  const unsigned ids[] = {getuid(), geteuid(), getgid(), getegid()};
  JSValue list = JS_NewArray(ctx);
  for (uint32_t i = 0; i < 4; i++) JS_DefinePropertyValueUint32(ctx, list, i, JS_NewInt64(ctx, ids[i]), JS_PROP_C_W_E);
  return list;
}

static JSValue process_random(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int64_t count;
  uint8_t *bytes;
  if (JS_ToInt64(ctx, &count, argv[0]) < 0) return JS_EXCEPTION;
  if (count < 0 || count > 1 << 20) return JS_ThrowRangeError(ctx, "so many random bytes are not to be had");
  JSValue array = host_new_bytes(ctx, (size_t)count, &bytes);
  if (JS_IsException(array)) return array;
  for (size_t at = 0; at < (size_t)count;) {
    ssize_t n = getrandom(bytes + at, (size_t)count - at, 0);
    if (n > 0) at += (size_t)n;
    else if (errno != EINTR) {
      JS_FreeValue(ctx, array);
      return host_throw(ctx, errno, "getrandom", JS_UNDEFINED);
    }
  }
  return array;
}

static JSValue process_sleep(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  double ms;
  if (JS_ToFloat64(ctx, &ms, argv[0]) < 0) return JS_EXCEPTION;
  if (!(ms > 0)) return JS_UNDEFINED;
  if (ms > 1e12) ms = 1e12;
  struct timespec left = {(time_t)(ms / 1e3), (long)((ms - (double)(time_t)(ms / 1e3) * 1e3) * 1e6)};
  while (nanosleep(&left, &left) < 0 && errno == EINTR) continue;
  return JS_UNDEFINED;
}

const JSCFunctionListEntry host_process_functions[] = {
    JS_CFUNC_DEF("now", 0, process_now),       JS_CFUNC_DEF("monotonic", 0, process_monotonic),
    JS_CFUNC_DEF("pid", 0, process_pid),       JS_CFUNC_DEF("ids", 0, process_ids),
    JS_CFUNC_DEF("random", 1, process_random), JS_CFUNC_DEF("sleep", 1, process_sleep),
};
const int host_process_count = sizeof host_process_functions / sizeof *host_process_functions;
