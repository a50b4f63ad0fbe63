/** One blob from a registry to its file: verified while it arrives, passed on as it arrives, gone on with after a cut. */
import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import { type Descriptor, parseDigest } from '@ctr-tools/oci/image';
import type { Layout } from './layout.ts';
import { hold } from './lock.ts';
import type { Receiver } from './receiver.ts';
import type { Registry } from './registry/client.ts';
import { ignoreBody } from './registry/http.ts';
import { pauseFor, TRIES, wait, wordsOf } from './registry/retry.ts';

export interface Download {
  descriptor: Pick<Descriptor, 'digest' | 'size'>;
  layout: Layout;
  /** In the order in which they are asked. */
  registries: readonly Registry[];
  /** Who applies it while it arrives; nobody where that is done already, or not wanted. */
  receive?(): Receiver | undefined;
  /** So much is there. */
  progress(done: number): void;
}

/** The content is not what its digest says: another place may have the right one, the same has not. */
class WrongContent extends Failure {}

/**
 * Have the blob in the layout. Whoever else wants it waits, and finds it. What an interrupted run has left is gone on
 * with: it was written by us alone, and is part of what is verified at the end.
 */
export async function download(wanted: Download): Promise<void> {
  const { layout, descriptor, registries } = wanted;
  if (layout.has(descriptor)) return;
  const lock = await hold(layout.beside(descriptor.digest, 'lock'));
  try {
    if (layout.has(descriptor)) return;
    const failures: string[] = [];
    for (const registry of registries) {
      try {
        await fromOne(wanted, registry);
        return;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        failures.push(error.message);
      }
    }
    throw new Failure(failures.join('; '));
  } finally {
    lock.remove();
  }
}

async function fromOne(wanted: Download, registry: Registry): Promise<void> {
  const { descriptor, layout } = wanted;
  const partial = layout.beside(descriptor.digest, 'partial');
  let from = sizeOf(partial);
  if (from > descriptor.size) from = 0;
  const fd = openSync(partial, from > 0 ? 'r+' : 'w');
  const receiver = wanted.receive?.();
  const hash = createHash(parseDigest(descriptor.digest).algorithm);
  // Who applies it verifies it too, on a processor of its own.
  const sink = new Sink(fd, from, receiver, receiver ? undefined : hash);
  let whole = false;
  try {
    if (from > 0) await sink.again(partial);
    await receiveAll(wanted, registry, sink);
    whole = true;
  } finally {
    closeSync(fd);
    if (!whole) await receiver?.stop();
  }
  const said = await receiver?.end();
  const verified =
    said !== undefined && 'answer' in said && said.answer === 'done' && sink.passed === descriptor.size;
  if (!verified) {
    const found = receiver ? await hashOf(partial, hash) : hash.digest('hex');
    if (found !== parseDigest(descriptor.digest).hex) {
      rmSync(partial);
      // What an earlier run left may have been spoilt; what came now came from the registry.
      if (from > 0) return fromOne(wanted, registry);
      throw new WrongContent(
        `${registry.place.host} gave something else than the blob ${descriptor.digest}: it is ${found}`,
      );
    }
  }
  makeDirectories(dirname(layout.blob(descriptor.digest)), 0o755);
  renameSync(partial, layout.blob(descriptor.digest));
}

const sizeOf = (path: string): number => {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
};

async function hashOf(path: string, hash: Hash): Promise<string> {
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** Where bytes go: to the file, and to whoever applies or digests them. */
class Sink {
  /** Bytes in the file. */
  at: number;
  /** Bytes that were passed on. */
  passed = 0;
  private readonly fd: number;
  private readonly receiver: Receiver | undefined;
  private readonly hash: Hash | undefined;

  constructor(fd: number, at: number, receiver: Receiver | undefined, hash: Hash | undefined) {
    this.fd = fd;
    this.at = at;
    this.receiver = receiver;
    this.hash = hash;
  }

  private async pass(bytes: Buffer): Promise<void> {
    this.passed += bytes.length;
    this.hash?.update(bytes);
    await this.receiver?.write(bytes);
  }

  async put(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.fd, bytes, done, bytes.length - done, this.at + done);
    this.at += bytes.length;
    await this.pass(bytes);
  }

  /** What an earlier run has left. */
  async again(path: string): Promise<void> {
    truncateSync(path, this.at);
    for await (const part of createReadStream(path, { end: this.at - 1, highWaterMark: 1 << 18 }))
      await this.pass(part as Buffer);
  }
}

/** Ask for the rest until all is there. A connection that brought something does not count as a failed one. */
async function receiveAll({ descriptor, progress }: Download, registry: Registry, sink: Sink): Promise<void> {
  const { digest, size } = descriptor;
  for (let tried = 1; sink.at < size; ) {
    const began = sink.at;
    const answer = await registry.blob(digest, sink.at);
    // Who ignores the range begins at the first byte again (RFC 9110, 14.2).
    let skip = answer.status === 206 ? 0 : sink.at;
    const start =
      answer.status === 206 ? Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1]) : 0;
    if (answer.status === 206 && start !== sink.at) {
      ignoreBody(answer);
      throw new Failure(
        `${registry.place.host} gave the blob ${digest} from byte ${start} on, and not from ${sink.at}`,
      );
    }
    const length = answer.headers['content-length'];
    if (length !== undefined && start + Number(length) !== size) {
      answer.body.destroy();
      throw new WrongContent(
        `${registry.place.host}: the blob ${digest} has ${start + Number(length)} bytes there, and ${size} by its manifest`,
      );
    }
    let broken: unknown;
    try {
      for await (const part of answer.body as AsyncIterable<Buffer>) {
        const bytes = skip > 0 ? part.subarray(Math.min(skip, part.length)) : part;
        skip -= part.length - bytes.length;
        if (sink.at + bytes.length > size) {
          answer.body.destroy();
          throw new WrongContent(
            `${registry.place.host}: the blob ${digest} is longer than its manifest says`,
          );
        }
        await sink.put(bytes);
        progress(sink.at);
      }
    } catch (error) {
      if (error instanceof Failure || isOurs(error)) throw error;
      broken = error;
    }
    if (sink.at === size) return;
    if (sink.at > began) {
      tried = 1;
      continue;
    }
    if (tried === TRIES)
      throw new Failure(
        `${registry.place.host}: the blob ${digest} ends at ${sink.at} of ${size} bytes${broken ? `: ${wordsOf(broken)}` : ''}`,
      );
    await wait(pauseFor(tried++)!);
  }
}

/** A failure of our own file, and not of the connection. */
const isOurs = (error: unknown): boolean =>
  ['write', 'open', 'ftruncate'].includes((error as NodeJS.ErrnoException).syscall ?? '') &&
  ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
