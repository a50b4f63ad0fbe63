import { isUtf8 } from 'node:buffer';
import {
  accessSync,
  closeSync,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { SystemError } from './errors.ts';
import type { NodeSystem, System } from './system.ts';

/** The bytes as they are, without the functions that a Buffer has and the engine has not. */
const plain = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Give a call the path. Node encodes a string as UTF-8 and loses the bytes that are not; a path that has
 * such bytes goes as a Buffer, and its error gets the path in the form in which everybody here has it.
 */
function withPath<T>(path: string, call: (path: string | Buffer) => T): T {
  if (path.isWellFormed()) return call(path);
  const given = encode(path);
  try {
    return call(given);
  } catch (error) {
    const found = error as SystemError;
    found.message = found.message.replace(given.toString(), () => path);
    found.path = path;
    throw found;
  }
}

function decode(bytes: Uint8Array): string {
  const buffer = viewOf(bytes);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let text = '';
  for (let at = 0; at < buffer.length; ) {
    const width = validSequence(buffer, at);
    text += width ? buffer.toString('utf8', at, at + width) : String.fromCharCode(0xdc00 + buffer[at]!);
    at += width || 1;
  }
  return text;
}

function validSequence(buffer: Buffer, at: number): number {
  for (let width = 1; width <= 4 && at + width <= buffer.length; width++) {
    if (isUtf8(buffer.subarray(at, at + width))) return width;
  }
  return 0;
}

function encode(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next <= 0xdfff) i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue;
    parts.push(Buffer.from(text.slice(from, i), 'utf8'), Buffer.from([unit - 0xdc00]));
    from = i + 1;
  }
  parts.push(Buffer.from(text.slice(from), 'utf8'));
  return Buffer.concat(parts);
}

/** What readdir(3) says of an entry (`dirent.h`, DT_*). */
function typeOf(entry: Dirent<Buffer>): number {
  if (entry.isFIFO()) return 1;
  if (entry.isCharacterDevice()) return 2;
  if (entry.isDirectory()) return 4;
  if (entry.isBlockDevice()) return 6;
  if (entry.isFile()) return 8;
  if (entry.isSymbolicLink()) return 10;
  return entry.isSocket() ? 12 : 0;
}

// Loaded when it is used: a planner on Node would otherwise wait for it at every start.
const crypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

const node: NodeSystem = {
  run([file, ...args], env, streams = {}) {
    const { status, stdout, stderr, error } = process
      .getBuiltinModule('node:child_process')
      .spawnSync(file!, args, {
        ...(env && { env }),
        stdio: ['ignore', 'pipe', streams.stderr ?? 'pipe'],
        maxBuffer: 1 << 30,
      });
    return {
      status,
      stdout: stdout ? decode(stdout) : '',
      stderr: stderr ? decode(stderr) : '',
      ...(error && { error }),
    };
  },
};

function ifAny<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The machine, asked through Node. */
export const system: System = {
  node,
  stat: (path, follow) => withPath(path, (p) => (follow ? statSync(p) : lstatSync(p))),
  statIfAny: (path, follow) => ifAny(() => withPath(path, (p) => (follow ? statSync(p) : lstatSync(p)))),
  fstat: (fd) => fstatSync(fd),
  statfs: (path) => withPath(path, (p) => statfsSync(p)),
  access: (path, mode) => withPath(path, (p) => accessSync(p, mode)),
  open: (path, flags) => withPath(path, (p) => openSync(p, flags)),
  read: (fd, into, offset, length, position) => readSync(fd, into, offset, length, position),
  readText: (path) => decode(withPath(path, (p) => readFileSync(p))),
  readTextIfAny: (path) => ifAny(() => decode(withPath(path, (p) => readFileSync(p)))),
  readFile: (path) => withPath(path, (p) => plain(readFileSync(p))),
  close: (fd) => closeSync(fd),
  write: (fd, bytes, offset) => writeSync(fd, bytes, offset),
  names: (path) =>
    withPath(path, (p) => readdirSync(p, { withFileTypes: true, encoding: 'buffer' })).map((entry) => [
      decode(entry.name),
      typeOf(entry),
    ]),
  readlink: (path) => withPath(path, (p) => decode(readlinkSync(p, 'buffer'))),
  realpath: (path) => withPath(path, (p) => decode(realpathSync.native(p, 'buffer'))),
  pid: () => process.pid,
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: (count) => plain(crypto().randomBytes(count)),
  sleep: (milliseconds) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
  arch: process.arch,
  utf8: decode,
  bytes: (text) => plain(encode(text)),
  isUtf8: (bytes) => isUtf8(bytes),
  hasDigits: (bytes, count) =>
    new RegExp(`\\d{${count}}`).test(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'),
    ),
  latin1: (bytes) => viewOf(bytes).toString('latin1'),
  sha256: (bytes) => crypto().createHash('sha256').update(bytes).digest('hex'),
  sha512: (bytes) => crypto().createHash('sha512').update(bytes).digest('hex'),
  sha256Of(fd) {
    const hash = crypto().createHash('sha256');
    const part = new Uint8Array(1 << 20);
    for (let n = readSync(fd, part); n > 0; n = readSync(fd, part)) hash.update(part.subarray(0, n));
    return hash.digest('hex');
  },
};
