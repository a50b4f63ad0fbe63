/** The stream on which systemd is spoken to: a Unix socket, by calls that block. */
import { closeSync } from 'node:fs';
import { Failure } from '@ctr-tools/cli';
import type { Stream } from '@ctr-tools/host';
import { connectUnix, receiveWithin, sendAll } from '@ctr-tools/sys';

const TIMEOUT_MS = 30_000;

/** Connect to the socket at `path`. Throws a `Failure`. */
export function connectTo(path: string): Stream {
  let fd: number;
  try {
    fd = connectUnix(path, TIMEOUT_MS);
  } catch (error) {
    throw new Failure(`ask systemd at ${path}: ${(error as Error).message}`);
  }
  return {
    send: (bytes) => sendAll(fd, bytes),
    receive: (timeoutMs) => receiveWithin(fd, 1 << 16, timeoutMs),
    close: () => closeSync(fd),
  };
}
