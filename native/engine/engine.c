/* The engine's life: a heap, a runtime in it, the planner's code, and its main function run to its end. */
#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "heap.h"
#include "host.h"

/* What the stack needs beyond what the engine counts: the system calls' own functions, and signals. */
#define STACK_MARGIN (64u << 10)
static const struct engine_request *request_now;

/* A line on stderr, from anywhere, a signal's handler too. */
static void say(const char *words) {
  char line[512];
  size_t n = 0;
  const char *parts[] = {request_now ? request_now->name : "engine", ": ", words, "\n"};
  for (unsigned i = 0; i < 4; i++) {
    size_t length = strlen(parts[i]);
    if (length > sizeof line - 1 - n) length = sizeof line - 1 - n;
    memcpy(line + n, parts[i], length);
    n += length;
  }
  ssize_t ignored = write(2, line, n);
  (void)ignored;
}

void heap_exhausted(void) {
  say("the planner ran out of memory");
  _exit(125);
}

static void on_time(int signal) {
  (void)signal;
  say("the planner took too much processor time, and was ended");
  _exit(125);
}

/* --- memory: QuickJS asks the heap itself (quickjs.sed); only the runtime's own block comes by these */

static void *memory_new(JSMallocState *state, size_t size) {
  (void)state;
  return heap_new(size);
}

static void memory_delete(JSMallocState *state, void *at) {
  (void)state;
  if (at) heap_delete(at);
}

static void *memory_resize(JSMallocState *state, void *at, size_t size) {
  (void)state;
  return heap_resize(at, size);
}

static const JSMallocFunctions memory = {memory_new, memory_delete, memory_resize, heap_size};

/* --- limits */

/* What is used of the stack at first. */
#define STACK_READY (32u << 10)

/* As much stack as is asked for, if the hard limit allows it; how much it is, less what is used already. */
static size_t stack_allowed(size_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) < 0) return wanted;
  rlim_t most = wanted + 2 * STACK_MARGIN;
  if (limit.rlim_cur < most) {
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    setrlimit(RLIMIT_STACK, &limit);
  }
  return limit.rlim_cur < most ? (limit.rlim_cur > 4 * STACK_MARGIN ? limit.rlim_cur - 2 * STACK_MARGIN : STACK_MARGIN)
                               : wanted;
}

/* The whole process's time, also where the engine is inside one long call. */
static void limit_time(unsigned seconds) {
  if (seconds == 0) return;
  struct sigaction action = {.sa_handler = on_time};
  struct itimerval timer = {.it_value = {(time_t)seconds, 0}};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPROF);
  sigaction(SIGPROF, &action, NULL);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  setitimer(ITIMER_PROF, &timer, NULL);
}

/* --- running */

/* Math.random: QuickJS's own begins with the time, or in an image with nothing. */
static JSValue chance(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc, (void)argv;
  uint64_t bits = 0;
  while (getrandom(&bits, sizeof bits, 0) < 0 && errno == EINTR) continue;
  return JS_NewFloat64(ctx, (double)(bits >> 11) * 0x1p-53);
}

/* The language without what nobody here asks for: WeakRef, and normalize of strings with its tables. */
static JSContext *language(JSRuntime *runtime) {
  JSContext *ctx = JS_NewContextRaw(runtime);
  JS_AddIntrinsicBaseObjects(ctx);
  JS_AddIntrinsicDate(ctx);
  JS_AddIntrinsicEval(ctx);
  JS_AddIntrinsicRegExp(ctx);
  JS_AddIntrinsicJSON(ctx);
  JS_AddIntrinsicProxy(ctx);
  JS_AddIntrinsicMapSet(ctx);
  JS_AddIntrinsicTypedArrays(ctx);
  JS_AddIntrinsicPromise(ctx);
  return ctx;
}

static void runtime_begin(void) {
  JSRuntime *runtime = JS_NewRuntime2(&memory, NULL);
  JS_SetGCThreshold(runtime, (size_t)-1);
  JS_SetMaxStackSize(runtime, 0);
  struct host *host = heap_new(sizeof *host);
  HEAP->root = host;
  host->runtime = runtime;
  host->context = language(runtime);
  JSContext *ctx = host->context;
  JSValue global = JS_GetGlobalObject(ctx), math = JS_GetPropertyStr(ctx, global, "Math");
  JS_DefinePropertyValueStr(ctx, math, "random", JS_NewCFunction(ctx, chance, "random", 0), JS_PROP_C_W_E);
  JS_FreeValue(ctx, math);
  JS_FreeValue(ctx, global);
  host_begin(host);
}

static void print_property(JSContext *ctx, JSValueConst error, const char *name) {
  JSValue value = JS_GetPropertyStr(ctx, error, name);
  size_t length;
  uint8_t *text = JS_IsString(value) ? host_text_bytes(ctx, value, &length) : NULL;
  if (text && length > 0) fprintf(stderr, "%s%s", (char *)text, text[length - 1] == '\n' ? "" : "\n");
  JS_FreeValue(ctx, value);
}

/* An error that the planner did not catch is a fault of its own, and where it came from stands below it. */
static int failed(JSContext *ctx, JSValue error) {
  size_t length;
  const uint8_t *text = host_text_bytes(ctx, error, &length);
  const char *words = text ? (const char *)text : "an error that has no words";
  const char *what = strchr(words, ':');
  if (what && strcmp(what, ": stack overflow") == 0) {
    say("the planner ran out of stack");
    return 125;
  }
  fprintf(stderr, "%s: the planner failed: %s\n", request_now->name, words);
  if (JS_IsError(ctx, error)) print_property(ctx, error, "stack");
  return 125;
}

/* Every job that is there, and those that they leave. */
static void run_jobs(JSRuntime *runtime) {
  JSContext *ctx;
  while (JS_ExecutePendingJob(runtime, &ctx) != 0) continue;
}

/* What the value is, or what the promise comes to. 0, or the exit code of a failure. */
static int settled(JSContext *ctx, JSValue value, JSValue *result) {
  if (JS_IsException(value)) return failed(ctx, JS_GetException(ctx));
  run_jobs(JS_GetRuntime(ctx));
  *result = value;
  if (!JS_IsObject(value)) return 0;
  switch ((int)JS_PromiseState(ctx, value)) {
    case JS_PROMISE_FULFILLED: *result = JS_PromiseResult(ctx, value); return 0;
    case JS_PROMISE_REJECTED: return failed(ctx, JS_PromiseResult(ctx, value));
    case JS_PROMISE_PENDING: say("the planner waits for something that cannot come"); return 125;
    default: return 0;
  }
}

static int evaluate(JSContext *ctx, const char *bundle, size_t length) {
  JSValue ignored;
  return settled(ctx, JS_Eval(ctx, bundle, length, "planner", JS_EVAL_TYPE_GLOBAL), &ignored);
}

static int run_main(JSContext *ctx) {
  JSValue global = JS_GetGlobalObject(ctx), result = JS_UNDEFINED;
  JSValue function = JS_GetPropertyStr(ctx, global, "main");
  int code = settled(ctx, JS_Call(ctx, function, JS_UNDEFINED, 0, NULL), &result);
  if (code == 0 && !JS_IsUndefined(result) && JS_ToInt32(ctx, &code, result) < 0) code = 125;
  return code & 255;
}

static int begin(const struct engine_request *request) {
  int error = heap_begin(request->heap_bytes);
  if (error == 0) return 0;
  fprintf(stderr, "%s: the planner's memory cannot be had: %s\n", request->name, strerror(-error));
  return 125;
}

static int begin_with_image(const struct engine_request *request, int program) {
  const char *why;
  if (image_map(program, &why) == 0) {
    heap_limit(request->heap_bytes);
    return 0;
  }
  fprintf(stderr, "%s: this program's file cannot be used: %s; build it (pnpm build) or install the package again\n",
          request->name, why);
  return 125;
}

int engine_begin(const struct engine_request *request, int program) {
  request_now = request;
  size_t stack = stack_allowed(request->stack_bytes);
  pages_ready((char *)__builtin_frame_address(0) - STACK_READY, STACK_READY);
  limit_time(request->cpu_seconds);
  int code = request->bundle ? begin(request) : begin_with_image(request, program);
  if (code) return code;
  if (request->bundle) runtime_begin();
  struct host *host = HEAP->root;
  JS_UpdateStackTop(host->runtime);
  JS_SetMaxStackSize(host->runtime, stack);
  JS_SetGCThreshold(host->runtime, heap_used() + HEAP_UNCOLLECTED);
  return request->bundle ? evaluate(host->context, request->bundle, request->length) : 0;
}

int engine_run(void) { return run_main(((struct host *)HEAP->root)->context); }

/*
 * Compiling leaves holes in a heap, so it is done in one that is thrown away; the code, which is then
 * nobody's but the process's own, is read into a new one.
 */
static int compile(const struct engine_request *request, uint8_t **code, size_t *length) {
  int error = begin(request);
  if (error) return error;
  runtime_begin();
  struct host *host = HEAP->root;
  JSContext *ctx = host->context;
  JS_SetMaxStackSize(host->runtime, request->stack_bytes);
  JS_SetStripInfo(host->runtime, JS_STRIP_DEBUG);
  int flags = JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY;
  JSValue function = JS_Eval(ctx, request->bundle, request->length, "planner", flags);
  if (JS_IsException(function)) return failed(ctx, JS_GetException(ctx));
  uint8_t *made = JS_WriteObject(ctx, length, function, JS_WRITE_OBJ_BYTECODE);
  if (!made || !(*code = malloc(*length))) heap_exhausted();
  memcpy(*code, made, *length);
  heap_end();
  return 0;
}

int engine_prepare(const struct engine_request *request) {
  uint8_t *code = NULL;
  size_t length;
  JSValue ignored;
  request_now = request;
  int error = compile(request, &code, &length);
  if (error || (error = begin(request))) return error;
  runtime_begin();
  struct host *host = HEAP->root;
  JSContext *ctx = host->context;
  JS_SetMaxStackSize(host->runtime, request->stack_bytes);
  JSValue function = JS_ReadObject(ctx, code, length, JS_READ_OBJ_BYTECODE);
  free(code);
  if (JS_IsException(function)) return failed(ctx, JS_GetException(ctx));
  if ((error = settled(ctx, JS_EvalFunction(ctx, function), &ignored))) return error;
  JS_RunGC(host->runtime);
  engine_forget(host->runtime, ctx);
  heap_seal();
  return 0;
}
