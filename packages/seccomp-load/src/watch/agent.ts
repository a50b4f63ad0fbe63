import { closeSync, existsSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs';
import { Failure } from '@ctr-tools/cli';
import { meeting } from '@ctr-tools/cli/agent';
import { acceptUnix, listenUnix, lockFile, POLL, pollFd, receiveFds } from '@ctr-tools/sys';
import { type Answer, type Notification, serve, serveOne, sizes } from './serve.ts';

/** Whoever connects and sends nothing holds up all others: so long he may (milliseconds). */
const PATIENCE = 5000;

const isWhole = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/**
 * A listener as it comes over a socket, with the container process state of config-linux.md,
 * maybe in several pieces. The state's end is the end: runc 1.1 keeps the connection open.
 */
function receiveListener(connection: number): number {
  const fds: number[] = [];
  let text = '';
  while (pollFd(connection, POLL.IN, PATIENCE) !== 0) {
    const part = receiveFds(connection);
    fds.push(...part.fds);
    text += part.data.toString();
    if (part.data.length === 0 || isWhole(text)) break;
  }
  closeSync(connection);
  const [listener, ...more] = fds;
  for (const fd of more) closeSync(fd);
  if (listener === undefined) throw new Error('no descriptor came with the container process state');
  return listener;
}

/**
 * Serve the one listener that a plan sends to a socket in `directory`. Returns when the last
 * process under the filter has ended, or at once when the socket's file goes before anybody
 * came: then the plan has failed.
 */
export function serveOnce(directory: string, answer: (call: Notification, listener: number) => Answer): void {
  const { socket, lock } = meeting(directory);
  lockFile(openSync(lock, 'w', 0o600));
  const making = `${socket}.new`;
  const server = listenUnix(making);
  // Only a socket that listens already gets its name.
  renameSync(making, socket);
  while (pollFd(server, POLL.IN, 100) === 0) if (!existsSync(socket)) return;
  const connection = acceptUnix(server);
  closeSync(server);
  const listener = receiveListener(connection);
  serve(listener, (call) => answer(call, listener));
}

/** Serve every listener that runtimes send to a socket, until a signal ends it. */
export function serveMany(path: string, answer: (call: Notification, listener: number) => Answer): never {
  const left = lstatSync(path, { throwIfNoEntry: false });
  if (left && !left.isSocket())
    throw new Failure(`listen on ${path}: something that is not a socket is there`);
  // One that an earlier agent left: bind(2) takes no name that is taken.
  if (left) rmSync(path);
  const server = listenUnix(path);
  const listeners = new Set<number>();
  const memory = Buffer.alloc(sizes.notification);
  const response = Buffer.alloc(sizes.response);
  for (;;) {
    // With no listener there is nothing else to wait for.
    if (pollFd(server, POLL.IN, listeners.size === 0 ? -1 : 0) & POLL.IN)
      listeners.add(receiveListener(acceptUnix(server)));
    for (const listener of listeners) {
      const events = pollFd(listener, POLL.IN, Math.ceil(10 / listeners.size));
      if (events & POLL.IN) serveOne(listener, memory, response, (call) => answer(call, listener));
      else if (events & (POLL.HUP | POLL.ERR)) {
        closeSync(listener);
        listeners.delete(listener);
      }
    }
  }
}
