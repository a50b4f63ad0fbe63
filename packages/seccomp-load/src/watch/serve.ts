import { ioctl, POLL, pollFd, SysError } from '@ctr-tools/sys';
import { SECCOMP_IOCTL, SECCOMP_USER_NOTIF_FLAG_CONTINUE } from '@ctr-tools/sys/constants';
import type { Call } from '../bpf/simulator.ts';

/** A call that waits for its answer (`struct seccomp_notif`). */
export interface Notification extends Call {
  id: bigint;
  /** The thread that makes it, as our PID namespace counts; 0 for one outside it. */
  pid: number;
}

/** Let the kernel carry it out, fail with an errno, or succeed with a value. */
export type Answer = 'continue' | { errno: number } | { value: bigint };

const NOTIF = 80;
const RESPONSE = 24;

function parse(memory: Buffer): Notification {
  return {
    id: memory.readBigUInt64LE(0),
    pid: memory.readUInt32LE(8),
    nr: memory.readUInt32LE(16),
    arch: memory.readUInt32LE(20),
    ip: memory.readBigUInt64LE(24),
    args: Array.from({ length: 6 }, (_, i) => memory.readBigUInt64LE(32 + i * 8)),
  };
}

function respond(response: Buffer, id: bigint, answer: Answer): void {
  response.fill(0);
  response.writeBigUInt64LE(id, 0);
  if (answer === 'continue') response.writeUInt32LE(SECCOMP_USER_NOTIF_FLAG_CONTINUE, 20);
  else if ('errno' in answer) response.writeInt32LE(-answer.errno, 16);
  else response.writeBigInt64LE(BigInt.asIntN(64, answer.value), 8);
}

/** Whether the kernel said that the call is gone: its thread was killed, or a signal interrupted it. */
const gone = (error: unknown): boolean =>
  error instanceof SysError && (error.code === 'ENOENT' || error.code === 'EINTR');

/** Whether a call still waits: until then its process is the one that made it (seccomp_unotify(2)). */
export function stillWaits(listener: number, id: bigint): boolean {
  const memory = Buffer.alloc(8);
  memory.writeBigUInt64LE(id);
  try {
    ioctl(listener, SECCOMP_IOCTL.NOTIF_ID_VALID, memory);
    return true;
  } catch {
    return false;
  }
}

/** One notification, answered; false where it was gone again. */
export function serveOne(
  listener: number,
  memory: Buffer,
  response: Buffer,
  answer: (call: Notification) => Answer,
): boolean {
  memory.fill(0);
  let call: Notification;
  try {
    ioctl(listener, SECCOMP_IOCTL.NOTIF_RECV, memory);
    call = parse(memory);
  } catch (error) {
    if (gone(error)) return false;
    throw error;
  }
  respond(response, call.id, answer(call));
  try {
    ioctl(listener, SECCOMP_IOCTL.NOTIF_SEND, response);
  } catch (error) {
    if (!gone(error)) throw error;
  }
  return true;
}

/**
 * Whoever asks and whoever answers never run at the same time: on one processor they wake one
 * another quicker (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6). Older kernels do without.
 */
function wakeHere(listener: number): void {
  try {
    ioctl(listener, SECCOMP_IOCTL.NOTIF_SET_FLAGS, 1);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  }
}

/** Answer calls until the last process under the filter has ended. */
export function serve(listener: number, answer: (call: Notification) => Answer): void {
  const memory = Buffer.alloc(NOTIF);
  const response = Buffer.alloc(RESPONSE);
  wakeHere(listener);
  for (;;) {
    const events = pollFd(listener, POLL.IN, -1);
    if (events & POLL.IN) serveOne(listener, memory, response, answer);
    else if (events & (POLL.HUP | POLL.ERR)) return;
  }
}

export const sizes = { notification: NOTIF, response: RESPONSE };
