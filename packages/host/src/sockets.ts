/** Unix sockets that the launcher connected and handed over. On Node there are none: acts there connect by themselves. */
import { close } from './files.ts';
import { system } from './system-node.ts';

/** A stream on which one caller speaks and waits. Every function throws an `Error` where it fails. */
export interface Stream {
  /** Send all of it. */
  send(bytes: Uint8Array): void;
  /** What came; nothing at the stream's end. Throws ETIMEDOUT after `timeoutMs` in which nothing came. */
  receive(timeoutMs: number): Uint8Array;
  close(): void;
}

const SEND_MS = 30_000;
const MOST = 1 << 16;

/** The stream of a connected socket. */
export const streamOf = (fd: number): Stream => ({
  send: (bytes) => system.send!(fd, bytes, SEND_MS),
  receive: (timeoutMs) => system.receive!(fd, MOST, timeoutMs),
  close: () => close(fd),
});

/** What came, at most `most` bytes, and the descriptor that came with it; undefined where none did, as always on Node. */
export function receiveWithDescriptor(fd: number, most: number): { bytes: Uint8Array; descriptor?: number } {
  if (!system.receiveWithDescriptor) {
    const bytes = new Uint8Array(most);
    return { bytes: bytes.subarray(0, system.read(fd, bytes, 0, most, null)) };
  }
  const { bytes, descriptor } = system.receiveWithDescriptor(fd, most);
  return descriptor < 0 ? { bytes } : { bytes, descriptor };
}
