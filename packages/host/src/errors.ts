/**
 * A call that the kernel refused, in Node's form: the message is
 * `ENOENT: no such file or directory, open '/x'`.
 */
export interface SystemError extends Error {
  /** `ENOENT` */
  code: string;
  /** Negative: -2. */
  errno: number;
  /** `open` */
  syscall: string;
  /** The path, where the call had one. */
  path?: string;
}

/** The name of what the kernel answered (`ENOENT`), or undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** For a path that no system call can be given. */
export function invalidPath(path: string, syscall: string): SystemError {
  const error = new Error(`EINVAL: invalid argument, ${syscall} '${path}'`);
  return Object.assign(error, { code: 'EINVAL', errno: -22, syscall, path });
}

/** For a path that leads to what only this process has under that name. */
export function missingPath(path: string, syscall: string): SystemError {
  const error = new Error(`ENOENT: no such file or directory, ${syscall} '${path}'`);
  return Object.assign(error, { code: 'ENOENT', errno: -2, syscall, path });
}
