/** `ctr-layers` beside this process: a layer is applied while it arrives, and what lies in files afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { Failure, type Host } from '@ctr-tools/cli';
import { messageNow, messagePair } from '@ctr-tools/sys';
import type { layersRequest } from '@ctr-tools/ufs-mount/store';

/** The longest answer: struct layers_reply (native/common/layers_reply.h). */
const LONGEST_REPLY = 4 + 65536;

/** Where it lies. As root it is run only if nobody else could have written it, as the launcher has it (trust.c). */
export function programOf({ launcher, euid }: Pick<Host, 'launcher' | 'euid'>): string {
  const path = realpathSync(join(dirname(launcher), '../lib/ctr-layers'));
  if (euid !== 0) return path;
  const owner = statSync(launcher).uid;
  for (let at = path; ; at = dirname(at)) {
    const { uid, mode } = statSync(at);
    const sticky = at !== path && (mode & 0o1000) !== 0;
    if ((uid !== 0 && uid !== owner) || ((mode & 0o022) !== 0 && !sticky))
      throw new Failure(`will not run ${path} as root: ${at} is not root's alone`);
    if (at === '/') return path;
  }
}

export interface Running {
  child: ChildProcess;
  /** What it answered. Rejects with a `Failure` in its words. */
  reply: Promise<string>;
}

/** Have it carry out a request; `piped`: the descriptor that the request is about is a pipe of ours. */
export function startLayers(
  file: string,
  request: ReturnType<typeof layersRequest>,
  piped: boolean,
): Running {
  const [ours, theirs] = messagePair();
  let child: ChildProcess;
  try {
    child = spawn(file, [], {
      env: {},
      stdio: ['pipe', 'ignore', 'inherit', theirs, ...(piped ? (['pipe'] as const) : [])],
    });
  } finally {
    closeSync(theirs);
  }
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  child.stdin!.on('error', () => {});
  child.stdin!.end(request.map((field) => `${field as string}\0`).join(''));
  const reply = ended.then(
    ([, signal]) => {
      const message = messageNow(ours, LONGEST_REPLY);
      closeSync(ours);
      if (!message || message.length < 4)
        throw new Failure(
          signal ? `ctr-layers was killed by ${signal}` : 'ctr-layers ended without an answer',
        );
      const bytes = Buffer.from(message);
      const text = bytes.subarray(4).toString();
      if (bytes.readInt32LE(0) !== 0) throw new Failure(text || `errno ${bytes.readInt32LE(0)}`);
      return text;
    },
    (error: Error) => {
      closeSync(ours);
      throw new Failure(`${file}: ${error.message}`);
    },
  );
  reply.catch(() => {});
  return { child, reply };
}

/** A layer on its way into the store. Who reads it may have had enough before its end: that is its answer's matter. */
export class Receiver {
  private readonly running: Running;
  private readonly sink: Writable;
  private open = true;

  constructor(file: string, request: ReturnType<typeof layersRequest>) {
    this.running = startLayers(file, request, true);
    this.sink = this.running.child.stdio[4] as Writable;
    this.sink.on('error', () => this.shut());
    this.sink.on('close', () => this.shut());
    this.running.reply.then(
      () => this.shut(),
      () => this.shut(),
    );
  }

  private shut(): void {
    this.open = false;
    // Whoever waits for room waits in vain.
    this.sink.emit('drain');
  }

  /** Pass bytes on; waits while the reader is behind. */
  async write(bytes: Buffer): Promise<void> {
    if (this.open && !this.sink.write(bytes) && this.open) await once(this.sink, 'drain');
  }

  /** There is no more. The answer: `done`, `lower` (only upon the layers below it), or why it failed. */
  async end(): Promise<{ answer: string } | { failed: string }> {
    if (this.open) this.sink.end();
    try {
      return { answer: await this.running.reply };
    } catch (error) {
      return { failed: (error as Error).message };
    }
  }

  /** What has come is not to be had: what was half made is taken away. */
  async stop(): Promise<void> {
    this.running.child.kill('SIGTERM');
    await this.running.reply.catch(() => {});
  }
}
