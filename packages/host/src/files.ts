/** Files, as planning asks for them. Everything here throws a `SystemError` where the kernel refuses. */
import { errorCode, invalidPath, missingPath } from './errors.ts';
import type { FileSystem, RawStat } from './system.ts';
import { system } from './system-node.ts';

/** What access(2) is asked about. */
export const ACCESS = { EXISTS: 0, EXECUTE: 1, WRITE: 2, READ: 4 } as const;

/** The type bits of a mode (inode(7)). */
const TYPE = 0o170000;

/** What stat(2) tells of a file. */
export class Stat implements RawStat {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  /** Times are in milliseconds since 1970. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly atimeMs: number;

  constructor(raw: RawStat) {
    this.dev = raw.dev;
    this.ino = raw.ino;
    this.mode = raw.mode;
    this.nlink = raw.nlink;
    this.uid = raw.uid;
    this.gid = raw.gid;
    this.rdev = raw.rdev;
    this.size = raw.size;
    this.mtimeMs = raw.mtimeMs;
    this.ctimeMs = raw.ctimeMs;
    this.atimeMs = raw.atimeMs;
  }

  isFile(): boolean {
    return (this.mode & TYPE) === 0o100000;
  }

  isDirectory(): boolean {
    return (this.mode & TYPE) === 0o040000;
  }

  isSymbolicLink(): boolean {
    return (this.mode & TYPE) === 0o120000;
  }

  isSocket(): boolean {
    return (this.mode & TYPE) === 0o140000;
  }

  isFifo(): boolean {
    return (this.mode & TYPE) === 0o010000;
  }

  isCharacterDevice(): boolean {
    return (this.mode & TYPE) === 0o020000;
  }

  isBlockDevice(): boolean {
    return (this.mode & TYPE) === 0o060000;
  }
}

/** One name in a directory. */
export interface Entry {
  name: string;
  type: 'fifo' | 'character' | 'directory' | 'block' | 'file' | 'link' | 'socket' | 'other';
}

/** The kinds of entries, by readdir(3)'s d_type. */
const kinds: Record<number, Entry['type']> = {
  1: 'fifo',
  2: 'character',
  4: 'directory',
  6: 'block',
  8: 'file',
  10: 'link',
  12: 'socket',
};

let numbers: ReadonlyMap<number, number> = new Map();

/**
 * Under which numbers this process has those descriptors of the caller's that the request's words name and whose own
 * numbers are taken here (`native/src/launcher/named.h`). The others it has under their own.
 */
export function knowNumbers(moved: ReadonlyMap<number, number>): void {
  numbers = moved;
}

const descriptor = /^(\/dev\/fd|\/proc\/(?:thread-)?self\/fd)\/([3-5])(?=\/|$)/;

/** The path to give to a system call. None takes one with a NUL in it. */
function valid(path: string, syscall: string): string {
  if (path.includes('\0')) throw invalidPath(path, syscall);
  const [named, directory, number] = descriptor.exec(path) ?? [];
  if (named === undefined) return path;
  const moved = numbers.get(Number(number));
  // What is none of the caller's would be the planner's own.
  if (moved === undefined) throw missingPath(path, syscall);
  return `${directory}/${moved}${path.slice(named.length)}`;
}

/** The bytes of a file. */
export const readFile = (path: string): Uint8Array => system.readFile(valid(path, 'open'));

/** A file as a byte string (`decodeBytes`). */
export const readText = (path: string): string => system.readText(valid(path, 'open'));

/** As `readText`; undefined where nothing is at the path. */
export const readTextIfAny = (path: string): string | undefined => system.readTextIfAny(valid(path, 'open'));

/** Whether there is something at the path; a link that leads nowhere is nothing. */
export function exists(path: string): boolean {
  return isAccessible(path, ACCESS.EXISTS);
}

/** access(2) with the real IDs; throws what the kernel says. */
export const access = (path: string, mode: number): void => system.access(valid(path, 'access'), mode);

/** Whether access(2) allows this. */
export function isAccessible(path: string, mode: number): boolean {
  try {
    access(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** stat(2), which follows links. */
export const stat = (path: string): Stat => new Stat(system.stat(valid(path, 'stat'), true));

/** lstat(2), which does not. */
export const lstat = (path: string): Stat => new Stat(system.stat(valid(path, 'lstat'), false));

export const fstat = (fd: number): Stat => new Stat(system.fstat(fd));

/** As `stat`; undefined where there is nothing at the path. */
export const statIfAny = (path: string): Stat | undefined => asked(path, true);

/** As `lstat`; undefined where there is nothing at the path. */
export const lstatIfAny = (path: string): Stat | undefined => asked(path, false);

function asked(path: string, follow: boolean): Stat | undefined {
  const syscall = follow ? 'stat' : 'lstat';
  try {
    const raw = system.statIfAny(valid(path, syscall), follow);
    return raw && new Stat(raw);
  } catch (error) {
    // Of a path that names a descriptor which the caller has not.
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** statfs(2): `type` is the magic number. */
export const statFs = (path: string): FileSystem => system.statfs(valid(path, 'statfs'));

type AttributeReader = (path: string, name: string) => string | undefined;

let attributeReader: AttributeReader | undefined = system.getxattr;

/** Node cannot read extended attributes by itself: a program on Node that has a way says so at its begin. */
export function readAttributesBy(reader: AttributeReader): void {
  attributeReader ??= reader;
}

/** An extended attribute of what is at the path (xattr(7)) as text; undefined where there is none. */
export const attribute = (path: string, name: string): string | undefined =>
  attributeReader?.(valid(path, 'getxattr'), name);

/** The names in a directory, in the order of their bytes. */
export const namesIn = (path: string): string[] => listed(path).map(([name]) => name);

/** The same with their types; a link is a link. */
export function entriesIn(path: string): Entry[] {
  return listed(path).map(([name, type]) => ({ name, type: kinds[type] ?? typeOf(`${path}/${name}`) }));
}

const listed = (path: string): [string, number][] => system.names(valid(path, 'scandir'));

/** For a file system whose directories do not tell types (DT_UNKNOWN). */
function typeOf(path: string): Entry['type'] {
  const found = lstatIfAny(path);
  return found ? (kinds[(found.mode & TYPE) >> 12] ?? 'other') : 'other';
}

/** Where a symbolic link leads. */
export const readLink = (path: string): string => system.readlink(valid(path, 'readlink'));

/** The path without links, `.` and `..` (realpath(3)). */
export const realPath = (path: string): string => system.realpath(valid(path, 'realpath'));

/** open(2) for reading; `flags` are O_* beside that. The descriptor is closed on exec. */
export const open = (path: string, flags = 0): number => system.open(valid(path, 'open'), flags);

export const close = (fd: number): void => system.close(fd);

/** read(2) into part of `into`, or pread(2) where there is a position; the number of bytes, 0 at the end. */
export const read = (
  fd: number,
  into: Uint8Array,
  offset = 0,
  length = into.length - offset,
  position: number | null = null,
): number => system.read(fd, into, offset, length, position);

/** write(2) of the bytes from `offset` on; how many were taken. */
export const write = (fd: number, bytes: Uint8Array, offset = 0): number => system.write(fd, bytes, offset);

/** The SHA-256 of a file of any size, in lower case hexadecimal. */
export function sha256OfFile(path: string): string {
  const fd = system.open(valid(path, 'open'), 0);
  try {
    return system.sha256Of(fd);
  } finally {
    system.close(fd);
  }
}
