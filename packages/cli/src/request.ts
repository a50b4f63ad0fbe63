import { decodeBytes, fstat, knowNumbers, read } from '@ctr-tools/host';
import { Failure } from './errors.ts';
import type { Host } from './host.ts';
import { knowStreams } from './streams.ts';

/** The descriptor on which the launcher hands over its request: a memfd. */
export const REQUEST_FD = 3;
/** What a request of this version begins with. */
export const REQUEST_MAGIC = 'CTRREQ4';

/** Read the launcher's request whole. Throws an `Error` if it is none of this version. */
export function readRequest(fd = REQUEST_FD): Host {
  const size = fstat(fd).size;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const n = read(fd, bytes, at, size - at, at);
    if (n === 0) throw new Error(`the launcher's request ends after ${at} of ${size} bytes`);
    at += n;
  }
  const host = decodeRequest(bytes);
  knowStreams(host.fds);
  return host;
}

/**
 * Decode a request: NUL-terminated fields, as docs/architecture.md lists them. A working directory
 * that was removed is a `Failure` only for who wants it.
 */
export function decodeRequest(bytes: Uint8Array): Host {
  // No character but NUL itself has a byte of 0 (utf-8(7)). What is behind the last one is not a field.
  const fields = decodeBytes(bytes).split('\0');
  let at = 0;
  const field = (): string => {
    if (at + 1 >= fields.length) throw new Error("the launcher's request is cut short");
    return fields[at++]!;
  };
  const magic = field();
  if (magic !== REQUEST_MAGIC)
    throw new Error(`the launcher's request is not ${REQUEST_MAGIC}: launcher and planner differ`);
  const tool = field();
  const [pid, ppid, uid, euid, gid, egid] = numbers(field(), 6);
  const umask = Number.parseInt(field(), 8);
  const fdText = field();
  const fds = fdText === '' ? [] : fdText.split(' ').map(Number);
  const tty = field();
  const [columns, rows] = numbers(field(), 2);
  const launcher = field();
  const argv = Array.from({ length: count(field()) }, field);
  const env = new Map<string, string>();
  for (let left = count(field()); left > 0; left--) {
    const variable = field();
    // A name may begin with '=' (bash does so on some systems); one without any '=' has no value.
    const equals = variable.indexOf('=', 1);
    const name = equals < 0 ? variable : variable.slice(0, equals);
    // getenv(3) answers with the first of two; so do we.
    if (!env.has(name)) env.set(name, equals < 0 ? '' : variable.slice(equals + 1));
  }
  const directory = field();
  const installed = field();
  knowNumbers(
    new Map(
      field()
        .match(/\d+:\d+/g)
        ?.map((pair) => pair.split(':').map(Number) as [number, number]),
    ),
  );
  const terminal = (i: number): boolean => tty[i] === '1';
  return {
    tool,
    argv,
    env,
    pid: pid!,
    ppid: ppid!,
    uid: uid!,
    euid: euid!,
    gid: gid!,
    egid: egid!,
    umask,
    fds,
    tty: [terminal(0), terminal(1), terminal(2)],
    columns: columns || 80,
    rows: rows || 24,
    launcher,
    ...(installed !== '' && { installed: installed.split(' ') }),
    get cwd() {
      if (directory === '')
        throw new Failure('the working directory was removed: name whole paths, or go elsewhere first');
      return directory;
    },
  };
}

function numbers(text: string, want: number): number[] {
  const found = text.split(' ').map(Number);
  if (found.length !== want || found.some((n) => !Number.isSafeInteger(n)))
    throw new Error(`the launcher's request has ${JSON.stringify(text)} where ${want} numbers belong`);
  return found;
}

function count(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new Error(`the launcher's request has ${JSON.stringify(text)} where a count belongs`);
  return n;
}
