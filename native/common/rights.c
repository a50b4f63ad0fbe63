#include <string.h>

#include "kernel.h"
#include "rights.h"

long send_rights(int socket, struct iovec *parts, size_t count, const int *fds, size_t passed) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
  if (passed > RIGHTS_MAX) return -E2BIG;
  if (passed > 0) {
    size_t size = passed * sizeof(int);
    memset(control, 0, CMSG_SPACE(size));
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *header = (struct cmsghdr *)(void *)control; /* CMSG_FIRSTHDR(3): the first is where the room begins */
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
    memcpy(CMSG_DATA(header), fds, size);
  }
  return AGAIN(sendmsg(socket, &message, MSG_NOSIGNAL));
}

long receive_right(int socket, struct iovec *parts, size_t count, int flags, int *fd) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct msghdr message = {
      .msg_iov = parts, .msg_iovlen = count, .msg_control = control, .msg_controllen = sizeof control};
  *fd = -1;
  long n = AGAIN(recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC));
  struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len >= CMSG_LEN(sizeof *fd))
    memcpy(fd, CMSG_DATA(header), sizeof *fd);
  return n;
}
