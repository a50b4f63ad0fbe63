/**
 * What both sides implement: `system-node.ts` over Node's own modules, `system-engine.ts` over the
 * functions that the engine in the launcher has (`native/engine`). A bundle for the engine takes the
 * second in the first one's place; this is the only place where the two differ.
 *
 * Everything is synchronous. Names and paths are byte strings (`utf8`). What the kernel refuses is
 * thrown as a `SystemError`.
 */
export interface System {
  /** stat(2), or lstat(2) where `follow` is false. */
  stat(path: string, follow: boolean): RawStat;
  /** As `stat`; undefined for ENOENT and ENOTDIR: many questions expect them, and making an error takes long. */
  statIfAny(path: string, follow: boolean): RawStat | undefined;
  fstat(fd: number): RawStat;
  statfs(path: string): FileSystem;
  /** getxattr(2) as text; undefined where there is none. Node has no function for it (`readAttributesBy`). */
  getxattr?(path: string, name: string): string | undefined;
  /** access(2). */
  access(path: string, mode: number): void;
  /** open(2) with O_CLOEXEC. */
  open(path: string, flags: number): number;
  /** read(2), or pread(2) where `position` is not null; the number of bytes. */
  read(fd: number, into: Uint8Array, offset: number, length: number, position: number | null): number;
  readFile(path: string): Uint8Array;
  /** The same as `utf8` of it. */
  readText(path: string): string;
  /** As `readText`; undefined for ENOENT and ENOTDIR. */
  readTextIfAny(path: string): string | undefined;
  close(fd: number): void;
  /** write(2) of the bytes from `offset` on; how many were taken. */
  write(fd: number, bytes: Uint8Array, offset: number): number;
  /** Names in a directory, in the order of their bytes, less `.` and `..`, with their types as readdir(3) has them. */
  names(path: string): [name: string, type: number][];
  readlink(path: string): string;
  realpath(path: string): string;
  /** The planner's own PID. */
  pid(): number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that nobody sets. */
  monotonic(): number;
  random(count: number): Uint8Array;
  sleep(milliseconds: number): void;
  /** The processor, as Node calls it: `x64`, `arm64`. */
  arch: string;
  utf8(bytes: Uint8Array): string;
  bytes(text: string): Uint8Array;
  isUtf8(bytes: Uint8Array): boolean;
  /** Whether at least `count` decimal digits stand in a row. */
  hasDigits(bytes: Uint8Array, count: number): boolean;
  latin1(bytes: Uint8Array): string;
  /** In lower case hexadecimal. */
  sha256(bytes: Uint8Array): string;
  sha512(bytes: Uint8Array): string;
  /** The SHA-256 of what is left to read of an open file, however much. */
  sha256Of(fd: number): string;
  /** What only Node has. */
  node?: NodeSystem;
  /** Sockets are the engine's alone, whose planner is handed connected ones: all of it, or ETIMEDOUT. */
  send?(fd: number, bytes: Uint8Array, timeoutMs: number): void;
  /** What came, at most `most` bytes; empty at the end of the stream; ETIMEDOUT. */
  receive?(fd: number, most: number, timeoutMs: number): Uint8Array;
  /** The same, with the descriptor that came along (SCM_RIGHTS), or -1. */
  receiveWithDescriptor?(fd: number, most: number): { bytes: Uint8Array; descriptor: number };
}

/** What a planner needs so rarely that the engine has not learnt it. */
export interface NodeSystem {
  /** Run a program of the machine to its end, with nothing on its stdin. The first word is looked up in PATH. */
  run(argv: readonly string[], env?: Record<string, string>, streams?: Streams): Ended;
}

/** Where what a program writes goes; it is collected if absent. */
export interface Streams {
  /** To our own. */
  stderr?: 'inherit';
}

/** How a program ended. */
export interface Ended {
  /** Its exit status; null where a signal ended it, or it could not be started. */
  status: number | null;
  stdout: string;
  stderr: string;
  /** Why it could not be started. */
  error?: Error;
}

/** What stat(2) tells, with times in milliseconds. */
export interface RawStat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  atimeMs: number;
}

/** What statfs(2) tells. */
export interface FileSystem {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
}
