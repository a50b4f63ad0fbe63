/* The planner's functions for sockets that it was given: send and receive with a time limit. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Wait until `events` are there or the time is up. 0, or an errno: ETIMEDOUT. */
static int await(int fd, short events, double until) {
  for (;;) {
    double left = until - now_ms();
    if (left < 0) left = 0;
    struct pollfd poll_fd = {fd, events, 0};
    int n = poll(&poll_fd, 1, left > 1e9 ? -1 : (int)left + (left > (int)left));
    if (n > 0) return 0;
    if (n < 0 && errno != EINTR) return errno;
    if (n == 0) return ETIMEDOUT;
  }
}

/* The time at which `ms` from now is over; for ever where it is undefined. */
static int until_of(JSContext *ctx, JSValueConst ms, double *until) {
  double limit = 1e12;
  if (!JS_IsUndefined(ms) && JS_ToFloat64(ctx, &limit, ms) < 0) return -1;
  *until = now_ms() + limit;
  return 0;
}

static JSValue socket_send(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int fd;
  size_t length;
  double until;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || until_of(ctx, argv[2], &until) < 0) return JS_EXCEPTION;
  const uint8_t *bytes = host_bytes_of(ctx, argv[1], &length);
  if (!bytes) return JS_EXCEPTION;
  for (size_t at = 0; at < length;) {
    ssize_t n = send(fd, bytes + at, length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    int error = n < 0 ? errno : 0;
    if (error == EAGAIN) error = await(fd, POLLOUT, until);
    if (error != 0 && error != EINTR) return host_throw(ctx, error, "send", JS_UNDEFINED);
    if (n > 0) at += (size_t)n;
  }
  return JS_UNDEFINED;
}

/* One recvmsg(2), waited for. How many bytes, or -errno; a descriptor that came with them goes to *descriptor. */
static ssize_t take(int fd, uint8_t *into, size_t room, double until, int *descriptor) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  for (;;) {
    struct iovec part = {into, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor) message.msg_control = &control, message.msg_controllen = sizeof control;
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int error = n < 0 ? errno : 0;
    if (error == EAGAIN) error = await(fd, POLLIN, until);
    else if (error == 0) {
      struct cmsghdr *header = descriptor ? CMSG_FIRSTHDR(&message) : NULL;
      if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
      return n;
    }
    if (error != 0 && error != EINTR) return -error;
  }
}

/* Bytes that came, in an array; or the exception. */
static JSValue receive(JSContext *ctx, JSValueConst *argv, int *descriptor) {
  int fd;
  int64_t most;
  double until;
  if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || JS_ToInt64(ctx, &most, argv[1]) < 0 || until_of(ctx, argv[2], &until) < 0)
    return JS_EXCEPTION;
  if (most < 0 || most > 1 << 28) return JS_ThrowRangeError(ctx, "so much cannot be received at once");
  uint8_t *into = js_malloc(ctx, (size_t)most + 1);
  ssize_t n = take(fd, into, (size_t)most, until, descriptor);
  JSValue result = n < 0 ? host_throw(ctx, (int)-n, "recv", JS_UNDEFINED) : host_bytes(ctx, into, (size_t)n);
  js_free(ctx, into);
  return result;
}

static JSValue socket_receive(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  return receive(ctx, argv, NULL);
}

static JSValue socket_receive_with_descriptor(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  int descriptor = -1;
  JSValue bytes = receive(ctx, argv, &descriptor);
  if (JS_IsException(bytes)) return bytes;
  JSValue object = JS_NewObject(ctx);
  host_set(ctx, object, ATOM_bytes, bytes);
  host_set(ctx, object, ATOM_descriptor, JS_NewInt32(ctx, descriptor));
  return object;
}

const JSCFunctionListEntry host_socket_functions[] = {
    JS_CFUNC_DEF("send", 3, socket_send),
    JS_CFUNC_DEF("receive", 3, socket_receive),
    JS_CFUNC_DEF("receiveWithDescriptor", 3, socket_receive_with_descriptor),
};
const int host_socket_count = sizeof host_socket_functions / sizeof *host_socket_functions;
