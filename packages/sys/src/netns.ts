/** Network namespaces by what only the network's own system calls know of them. */
import { closeSync, readSync, writeSync } from 'node:fs';
import { checked } from './error.ts';
import { ioctl } from './ioctl.ts';
import { native } from './koffi.ts';
import { pidfdOpen } from './pidfd.ts';

const socket = native<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const syscall = native<(number: number, a: number, b: number, c: number) => number>(
  'long syscall(long number, long a, long b, long c)',
);

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NLM_F_REQUEST = 1;
/** rtnetlink(7), linux/net_namespace.h */
const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;
/** nlmsghdr, and rtgenmsg padded to four bytes. */
const HEADERS = 20;

/**
 * The number by which the caller's network namespace calls the one behind `fd` (`ip netns
 * list-id`); undefined where it has none.
 */
export function netnsId(fd: number): number | undefined {
  const link = checked('socket', ['AF_NETLINK'], () =>
    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
  );
  try {
    const request = Buffer.alloc(HEADERS + 8);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(RTM_GETNSID, 4);
    request.writeUInt16LE(NLM_F_REQUEST, 6);
    request.writeUInt16LE(8, HEADERS);
    request.writeUInt16LE(NETNSA_FD, HEADERS + 2);
    request.writeUInt32LE(fd, HEADERS + 4);
    writeSync(link, request);
    const answer = Buffer.alloc(4096);
    const end = readSync(link, answer);
    if (end < HEADERS || answer.readUInt16LE(4) !== RTM_NEWNSID) return undefined;
    for (let at = HEADERS; at + 8 <= end; at += (answer.readUInt16LE(at) + 3) & ~3) {
      if (answer.readUInt16LE(at) === 0) return undefined;
      if (answer.readUInt16LE(at + 2) !== NETNSA_NSID) continue;
      const id = answer.readInt32LE(at + 4);
      return id < 0 ? undefined : id;
    }
    return undefined;
  } finally {
    closeSync(link);
  }
}

/** The same number on x86-64 and arm64 (asm-generic/unistd.h). */
const PIDFD_GETFD = 438;
/** linux/sockios.h: the network namespace of a socket, as a descriptor. */
const SIOCGSKNS = 0x894c;

/**
 * The network namespace of another process's socket, as a descriptor which is the caller's to
 * close. Throws `SysError` where the process may not be looked into (pidfd_getfd(2),
 * PTRACE_MODE_ATTACH_REALCREDS) or the namespace is not the caller's to administer.
 */
export function namespaceOfSocket(pid: number, fd: number): number {
  const process = pidfdOpen(pid);
  try {
    const copy = checked('pidfd_getfd', [pid, fd], () => syscall(PIDFD_GETFD, process, fd, 0));
    try {
      return ioctl(copy, SIOCGSKNS);
    } finally {
      closeSync(copy);
    }
  } finally {
    closeSync(process);
  }
}
