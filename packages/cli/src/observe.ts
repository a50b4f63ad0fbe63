/**
 * Watching what a plan is decided by. Whatever the planner asks of the machine while it plans, it
 * asks through `node:fs`; so questions and answers together are what the plan was made from, and
 * while the answers stay the same the plan can be used again without a planner
 * (`native/src/op_seen.c` asks them anew). What cannot be asked again so gives the watching up.
 */
import fs from 'node:fs';
import { encodeBytes } from '@ctr-tools/plan';

/** The questions. The launcher has their numbers from here (scripts/gen-ops.ts). */
export const SEEN = {
  /** What a file holds. */
  CONTENT: 1,
  /** The errno's name that reading a file ends with. */
  UNREADABLE: 2,
  /** Lines of a process's status that it hands on to those that it starts: who it is and what it may do. Nothing is decided by others. */
  STATUS: 3,
  /** What a path leads to: device, inode, mode, owner, number; of a file outside /proc size and time too. Empty: nothing. */
  STAT: 4,
  /** The same, without following a last link. */
  LSTAT: 5,
  /** access(2): the mode, a blank, and the errno's name or nothing. */
  ACCESS: 6,
  /** Names in a directory, in order, a NUL behind each. */
  NAMES: 7,
  /** The same, with `d` before that of a directory and `-` before any other. */
  ENTRIES: 8,
  /** Where a link leads to. */
  LINK: 9,
  /** realpath(3) */
  REALPATH: 10,
  /** statfs(2) f_type, decimal. */
  FILESYSTEM: 11,
  /** That /proc is of our own PID namespace. */
  OWN_PROC: 12,
  /** Whether a list of processes has any: 1 or 0. */
  POPULATED: 13,
  /** Names of the files, in order, in a directory's first directory, or where it has none in itself. */
  GROUP_FILES: 14,
  /** When another process started, in clock ticks after boot: while it lives it is the same. */
  STARTED: 15,
} as const;

/** In one record: more than this is not worth comparing. */
const MOST = 1 << 18;

interface Watched {
  /**
   * `node:fs` as the chunks see it (packages/planner/src/chunks.ts): its functions may be replaced.
   * False once a chunk has taken another module of Node's that tells something of the machine.
   */
  observable?: boolean;
  /** What was seen, by question; undefined once given up. */
  seen?: Map<string, Uint8Array> | undefined;
}

type Any = (...args: never[]) => unknown;
const files = fs as unknown as Watched & Record<string, Any>;

/**
 * Begin to watch, for a caller of this PID. Only in a planner that was built for it; the record
 * belongs to `node:fs`, because each chunk has a copy of this module.
 */
export function observe(pid: number): void {
  if (!files.observable || files.seen) return;
  files.seen = new Map();
  const real = Object.getPrototypeOf(files) as Record<string, Any>;
  const watching = watchers(real, pid);
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(real))) {
    // A getter is none of what planning uses, and costs milliseconds; classes ask nothing.
    if (typeof value !== 'function' || !/^[a-z]/.test(name)) continue;
    files[name] = watching[name] ?? unknown(real, name);
  }
  // What comes from elsewhere (other programs, system calls, random numbers, the clock) cannot be asked again.
  giveUpAt(process, 'getBuiltinModule');
  giveUpAt(process, 'dlopen');
  giveUpAt(Math, 'random');
  giveUpAt(Date, 'now');
  globalThis.Date = new Proxy(Date, {
    construct(of, given) {
      if (given.length === 0) giveUp();
      return Reflect.construct(of, given);
    },
    apply(of, self, given) {
      giveUp();
      return Reflect.apply(of, self, given);
    },
  });
}

function giveUpAt<O extends object>(of: O, name: keyof O): void {
  const f = of[name] as (...args: unknown[]) => unknown;
  const watched = function (this: unknown, ...args: unknown[]): unknown {
    giveUp();
    return f.apply(this, args);
  };
  of[name] = watched as O[keyof O];
}

/** From here on the plan is for once. */
export function giveUp(): void {
  files.seen = undefined;
}

/**
 * Ask a question that is more than one of `node:fs`, of which only the answer counts: what it takes
 * to find it is not noted.
 */
export function observed(kind: number, path: string, ask: () => string): string {
  const { seen } = files;
  files.seen = undefined;
  const answer = ask();
  files.seen = seen;
  note(kind, path, answer);
  return answer;
}

/** What was seen, for the step `seen`; undefined where nobody watches, or what was seen cannot be seen again. */
export function whatWasSeen(): Uint8Array | undefined {
  const { seen } = files;
  if (!seen) return undefined;
  const parts = [...seen].map(([question, answer]) => ({
    kind: question.charCodeAt(0),
    path: encodeBytes(question.slice(question.indexOf('\0') + 1)),
    answer,
  }));
  const length = parts.reduce((sum, { path, answer }) => sum + 12 + path.length + 1 + answer.length, 0);
  if (length > MOST) return undefined;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { kind, path, answer } of parts) {
    at = bytes.writeUInt32LE(kind, at);
    at = bytes.writeUInt32LE(path.length, at);
    at = bytes.writeUInt32LE(answer.length, at);
    bytes.set(path, at);
    at += path.length;
    bytes[at++] = 0;
    bytes.set(answer, at);
    at += answer.length;
  }
  return bytes;
}

/**
 * Write an answer down. The same question with two answers is none that can be relied on; `how` is
 * what else belongs to the question.
 */
function note(kind: number, path: string, answer: string | Uint8Array, how = ''): void {
  const { seen } = files;
  if (!seen) return;
  const question = `${String.fromCharCode(kind)}${how}\0${path}`;
  const bytes = typeof answer === 'string' ? encodeBytes(answer) : answer;
  const before = seen.get(question);
  if (before && Buffer.compare(before, bytes) !== 0) giveUp();
  else if (!path || path.includes('\0')) giveUp();
  else seen.set(question, bytes);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** Of the planner's own process only what its parent, the caller, has in common with it. */
const common = /^\/proc\/self\/(cgroup|mountinfo|uid_map|gid_map|setgroups|ns\/[a-z_]+)$/;

/** The path by which the caller itself sees the same; undefined where there is none. */
function asCaller(path: unknown, pid: number): string | undefined {
  if (typeof path !== 'string') return undefined;
  const own = `/proc/${pid}/`;
  if (path.startsWith(own)) return `/proc/self/${path.slice(own.length)}`;
  return path.startsWith('/proc/self/') && !common.test(path) ? undefined : path;
}

function unknown(real: Record<string, Any>, name: string): Any {
  const f = real[name] as (...args: unknown[]) => unknown;
  // The plan's own way to the launcher.
  const isPlan = (fd: unknown): boolean => name === 'writeSync' && fd === 4;
  return (...args: unknown[]) => {
    if (!isPlan(args[0])) giveUp();
    return f(...args);
  };
}

/** Ask, and note the answer or the errno. */
function asked<T>(ask: () => T, answered: (value: T) => void, failed: (code: string) => void): T {
  let value: T;
  try {
    value = ask();
  } catch (error) {
    failed(codeOf(error));
    throw error;
  }
  answered(value);
  return value;
}

function watchers(real: Record<string, Any>, pid: number): Record<string, Any> {
  const { readFileSync, existsSync, accessSync, readdirSync, readlinkSync, realpathSync, statfsSync } =
    real as unknown as typeof fs;
  /** A function of one path and options, whose answer is noted under the path as the caller sees it. */
  const watch =
    <T>(
      ask: (path: never, options: never) => T,
      answered: (path: string, value: T, options: unknown) => void,
      failed: (path: string, code: string, options: unknown) => void = giveUp,
    ): Any =>
    (path: unknown, options: unknown) => {
      const seenAs = asCaller(path, pid);
      if (seenAs === undefined) giveUp();
      const at = seenAs ?? '';
      return asked(
        () => ask(path as never, options as never),
        (value) => answered(at, value, options),
        (code) => failed(at, code, options),
      );
    };
  const stat = (kind: number, ask: Any): Any => {
    const precise = ask as unknown as (path: string, options: object) => fs.BigIntStats;
    return watch(
      ask as (path: never, options: never) => fs.Stats | fs.BigIntStats | undefined,
      (path, value) => {
        // What lies in procfs is made anew for whoever looks.
        const lasts = value?.isFile() && !path.startsWith('/proc/');
        const file = lasts ? precise(path, { bigint: true }) : undefined;
        note(kind, path, value ? statLine(value, file) : '');
      },
      (path, code) => (code === 'ENOENT' || code === 'ENOTDIR' ? note(kind, path, '') : giveUp()),
    );
  };
  return {
    readFileSync: watch(
      readFileSync as never,
      (path, value: string | Buffer, options) => noteContent(path, value, options),
      (path, code) => note(SEEN.UNREADABLE, path, code),
    ),
    statSync: stat(SEEN.STAT, real.statSync!),
    lstatSync: stat(SEEN.LSTAT, real.lstatSync!),
    existsSync: watch(existsSync as never, (path, there: boolean) =>
      there ? noteAccess(path, 0, '') : noteAbsence(path, accessSync),
    ),
    accessSync: watch(
      accessSync as never,
      (path, _: undefined, mode) => noteAccess(path, mode, ''),
      (path, code, mode) => noteAccess(path, mode, code),
    ),
    readdirSync: watch(
      readdirSync as never,
      (path, names: readonly (string | fs.Dirent)[]) => noteNames(path, names),
      giveUp,
    ),
    readlinkSync: watch(readlinkSync as never, (path, target: string) => {
      if (path !== '/proc/self') note(SEEN.LINK, path, target);
      else if (Number(target) === process.pid) note(SEEN.OWN_PROC, path, '');
      else giveUp();
    }),
    realpathSync: watch(realpathSync as never, (path, target: string) =>
      target.startsWith(`/proc/${process.pid}/`) ? giveUp() : note(SEEN.REALPATH, path, target),
    ),
    statfsSync: watch(statfsSync as never, (path, value: { type: number | bigint }) =>
      note(SEEN.FILESYSTEM, path, String(value.type)),
    ),
  };
}

/** As `op_seen.c` prints it. Numbers that a double cannot hold give up. */
function statLine(value: fs.Stats | fs.BigIntStats, file: fs.BigIntStats | undefined): string {
  const { dev, ino, mode, uid, gid, rdev } = value;
  if (typeof ino === 'number' && !(Number.isSafeInteger(ino) && Number.isSafeInteger(dev))) giveUp();
  const line = `${dev} ${ino} ${mode} ${uid} ${gid} ${rdev}`;
  return file ? `${line} ${file.size} ${file.mtimeNs}` : line;
}

function noteContent(path: string, value: string | Buffer, options: unknown): void {
  const encoding = (typeof options === 'string' ? options : undefined) as BufferEncoding | undefined;
  const bytes = typeof value === 'string' ? Buffer.from(value, encoding) : value;
  if (/^\/proc\/(self|\d+)\/status$/.test(path)) note(SEEN.STATUS, path, bytes);
  // When the caller started is another time each time; what variables a process has is nobody else's to keep.
  else if (path === '/proc/self/stat' || path.endsWith('/environ')) giveUp();
  else if (/^\/proc\/\d+\/stat$/.test(path)) note(SEEN.STARTED, path, startedAt(bytes));
  else if (path.endsWith('/cgroup.procs')) note(SEEN.POPULATED, path, bytes.length > 0 ? '1' : '0');
  else note(SEEN.CONTENT, path, bytes);
}

const noteAccess = (path: string, mode: unknown, code: string): void =>
  note(SEEN.ACCESS, path, `${mode ?? 0} ${code}`, String(mode ?? 0));

/** proc_pid_stat(5), field 22; the name in field 2 may have blanks and parentheses. */
const startedAt = (stat: Buffer): string =>
  stat.toString('latin1', stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';

/** existsSync does not say why. */
function noteAbsence(path: string, access: typeof fs.accessSync): void {
  try {
    access(path);
    giveUp();
  } catch (error) {
    noteAccess(path, 0, codeOf(error));
  }
}

function noteNames(path: string, names: readonly (string | fs.Dirent)[]): void {
  if (names.every((name) => typeof name === 'string')) {
    note(SEEN.NAMES, path, listed(names as readonly string[]));
    return;
  }
  const entries = names as readonly fs.Dirent[];
  note(SEEN.ENTRIES, path, listed(entries.map((e) => `${e.isDirectory() ? 'd' : '-'}${e.name}`)));
}

/** Names as answers have them. */
export const listed = (names: readonly string[]): string =>
  names
    .toSorted()
    .map((name) => `${name}\0`)
    .join('');
