/** Unix stream sockets by calls that wait, and that receive descriptors (unix(7), SCM_RIGHTS): Node's do neither. */
import { closeSync } from 'node:fs';
import { ERRNO } from './constants/errno.ts';
import { checked, SysError } from './error.ts';
import { koffi, native } from './koffi.ts';

const socket = native<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bind = native<(fd: number, address: Uint8Array, length: number) => number>(
  'int bind(int fd, const void *address, unsigned int length)',
);
const listen = native<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
const accept = native<(fd: number, address: null, length: null, flags: number) => number>(
  'int accept4(int fd, void *address, void *length, int flags)',
);
const connect = native<(fd: number, address: Uint8Array, length: number) => number>(
  'int connect(int fd, const void *address, unsigned int length)',
);
const setsockopt = native<
  (fd: number, level: number, option: number, value: Uint8Array, length: number) => number
>('int setsockopt(int fd, int level, int option, const void *value, unsigned int length)');
const send = native<(fd: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'long send(int fd, const void *bytes, size_t length, int flags)',
);
const recv = native<(fd: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'long recv(int fd, void *bytes, size_t length, int flags)',
);
const poll = native<(fds: Uint8Array, count: number, timeout: number) => number>(
  'int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)',
);
const flock = native<(fd: number, operation: number) => number>('int flock(int fd, int operation)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SUN_PATH = 108;

/** poll(2) events. */
export const POLL = { IN: 1, PRI: 2, ERR: 8, HUP: 16 } as const;

/** Wait for a descriptor; gives its events, 0 at the time limit (milliseconds, -1 for none). */
export const pollFd = (fd: number, events: number, timeout: number): number =>
  pollFds([[fd, events]], timeout)[0]!;

/** Wait for the first of several descriptors; gives the events of each, all 0 at the time limit (milliseconds, -1 for none). */
export function pollFds(
  wanted: readonly (readonly [fd: number, events: number])[],
  timeout: number,
): number[] {
  const entries = new Uint8Array(8 * wanted.length);
  const view = new DataView(entries.buffer);
  for (const [i, [fd, events]] of wanted.entries()) {
    view.setInt32(8 * i, fd, true);
    view.setInt16(8 * i + 4, events, true);
  }
  checked('poll', [wanted.map(([fd]) => fd).join()], () => poll(entries, wanted.length, timeout));
  return wanted.map((_, i) => view.getInt16(8 * i + 6, true));
}

/** flock(2), exclusive; waits. */
export function lockFile(fd: number): void {
  checked('flock', [fd, 'LOCK_EX'], () => flock(fd, 2));
}

/** A socket's address (unix(7)). The path is at most 107 bytes long. */
function addressOf(path: string): Uint8Array {
  const bytes = Buffer.from(path);
  if (bytes.length >= SUN_PATH)
    throw new Error(`the socket's path ${path} is longer than ${SUN_PATH - 1} bytes`);
  const address = Buffer.alloc(2 + SUN_PATH);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

/** A socket at `path`, listening. The path is at most 107 bytes long. */
export function listenUnix(path: string): number {
  const address = addressOf(path);
  const fd = checked('socket', ['AF_UNIX'], () => socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  checked('bind', [path], () => bind(fd, address, address.length));
  checked('listen', [path], () => listen(fd, 16));
  return fd;
}

export function acceptUnix(fd: number): number {
  return checked('accept4', [fd], () => accept(fd, null, null, SOCK_CLOEXEC));
}

/**
 * A stream that is connected to the socket at `path`. Connecting, and each sending, waits `timeoutMs` at most
 * (socket(7), SO_SNDTIMEO), then fails with EAGAIN.
 */
export function connectUnix(path: string, timeoutMs: number): number {
  const address = addressOf(path);
  const fd = checked('socket', ['AF_UNIX'], () => socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  try {
    const time = new BigInt64Array([
      BigInt(Math.trunc(timeoutMs / 1000)),
      BigInt(Math.ceil((timeoutMs % 1000) * 1000)),
    ]);
    const value = new Uint8Array(time.buffer);
    checked('setsockopt', [fd, 'SO_SNDTIMEO'], () =>
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, value, value.length),
    );
    checked('connect', [path], () => connect(fd, address, address.length));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** Send all of it on a stream. Throws a `SysError`; EPIPE, and no signal, where nobody reads any more. */
export function sendAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    at += checked('send', [fd], () => send(fd, rest, rest.length, MSG_NOSIGNAL));
  }
}

/** What a stream has, up to `most` bytes; nothing at its end. Throws a `SysError` with ETIMEDOUT after `timeoutMs`. */
export function receiveWithin(fd: number, most: number, timeoutMs: number): Uint8Array {
  if (pollFd(fd, POLL.IN, timeoutMs) === 0) throw new SysError('poll', [fd], ERRNO.ETIMEDOUT!);
  const bytes = new Uint8Array(most);
  const n = checked('recv', [fd], () => recv(fd, bytes, most, 0));
  return bytes.subarray(0, n);
}

type RecvMsg = (fd: number, message: object, flags: number) => number;
let recvmsg: RecvMsg | undefined;

/** recvmsg(2) with `struct msghdr` as 64-bit and 32-bit ABIs have it. */
function boundRecvmsg(): RecvMsg {
  if (recvmsg) return recvmsg;
  koffi().struct('ctr_iovec', { base: 'void *', length: 'size_t' });
  koffi().struct('ctr_msghdr', {
    name: 'void *',
    namelen: 'uint32_t',
    iov: 'ctr_iovec *',
    iovlen: 'size_t',
    control: 'void *',
    controllen: 'size_t',
    flags: 'int',
  });
  const bound = native('long recvmsg(int fd, _Inout_ ctr_msghdr *message, int flags)') as unknown as RecvMsg;
  recvmsg = bound;
  return bound;
}

const MOST_FDS = 16;
const WORD = 8;

/** Data of a stream, and the descriptors that came with it, close-on-exec. Empty data is its end. */
export function receiveFds(fd: number, most = 65536): { data: Buffer; fds: number[] } {
  const data = Buffer.alloc(most);
  const control = Buffer.alloc(2 * WORD + MOST_FDS * 4);
  const message = {
    name: null,
    namelen: 0,
    iov: [{ base: data, length: data.length }],
    iovlen: 1,
    control,
    controllen: control.length,
    flags: 0,
  };
  const call = boundRecvmsg();
  const n = checked('recvmsg', [fd], () => call(fd, message, MSG_CMSG_CLOEXEC));
  return { data: data.subarray(0, n), fds: rightsOf(control.subarray(0, Number(message.controllen))) };
}

/** Descriptors in control messages: cmsghdr is size_t length, int level, int type (cmsg(3)). */
function rightsOf(control: Buffer): number[] {
  const fds: number[] = [];
  for (let at = 0; at + 2 * WORD <= control.length; ) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < 2 * WORD) break;
    if (control.readInt32LE(at + WORD) === SOL_SOCKET && control.readInt32LE(at + WORD + 4) === SCM_RIGHTS)
      for (let fdAt = at + 2 * WORD; fdAt + 4 <= at + length; fdAt += 4) fds.push(control.readInt32LE(fdAt));
    at += Math.ceil(length / WORD) * WORD;
  }
  return fds;
}

const socketpair = native<(domain: number, type: number, protocol: number, pair: Uint8Array) => number>(
  'int socketpair(int domain, int type, int protocol, _Out_ uint8_t *pair)',
);
const SOCK_SEQPACKET = 5;
const MSG_DONTWAIT = 0x40;

/** Two ends of a socket of whole messages (unix(7), SOCK_SEQPACKET), close-on-exec. */
export function messagePair(): [number, number] {
  const pair = new Uint8Array(8);
  checked('socketpair', ['AF_UNIX', 'SOCK_SEQPACKET'], () =>
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
  );
  const view = new DataView(pair.buffer);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** A message that has come already; nothing where none has. */
export function messageNow(fd: number, most: number): Uint8Array | undefined {
  const bytes = new Uint8Array(most);
  try {
    const n = checked('recv', [fd], () => recv(fd, bytes, most, MSG_DONTWAIT));
    return n > 0 ? bytes.subarray(0, n) : undefined;
  } catch (error) {
    if (error instanceof SysError && error.code === 'EAGAIN') return undefined;
    throw error;
  }
}
