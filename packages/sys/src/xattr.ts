/** Extended attributes (xattr(7)) of the path itself, also where it is a symbolic link. */
import { constants } from 'node:os';
import { checked, SysError } from './error.ts';
import { native } from './koffi.ts';
import { cPath, type Path, showPath } from './path.ts';

const lgetxattr = native<(path: Buffer, name: string, value: Uint8Array | null, size: number) => number>(
  'long lgetxattr(const char *path, const char *name, void *value, size_t size)',
);
const lsetxattr = native<
  (path: Buffer, name: string, value: Uint8Array, size: number, flags: number) => number
>('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)');
const llistxattr = native<(path: Buffer, list: Uint8Array | null, size: number) => number>(
  'long llistxattr(const char *path, char *list, size_t size)',
);
const lremovexattr = native<(path: Buffer, name: string) => number>(
  'int lremovexattr(const char *path, const char *name)',
);

/** Ask for the size, then for the value; again where it grew in between. */
function sized(
  call: string,
  args: readonly unknown[],
  run: (memory: Buffer | null, size: number) => number,
): Buffer {
  for (;;) {
    const size = checked(call, args, () => run(null, 0));
    if (size === 0) return Buffer.alloc(0);
    const memory = Buffer.alloc(size);
    try {
      return memory.subarray(
        0,
        checked(call, args, () => run(memory, size)),
      );
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== constants.errno.ERANGE) throw error;
    }
  }
}

/** An attribute's value, or undefined where there is none or the file system has no attributes. */
export function getXattr(path: Path, name: string): Buffer | undefined {
  const at = cPath(path);
  try {
    return sized('lgetxattr', [showPath(path), name], (memory, size) => lgetxattr(at, name, memory, size));
  } catch (error) {
    if (error instanceof SysError && (error.code === 'ENODATA' || error.code === 'EOPNOTSUPP'))
      return undefined;
    throw error;
  }
}

/** Set or replace an attribute. */
export function setXattr(path: Path, name: string, value: Uint8Array): void {
  const at = cPath(path);
  checked('lsetxattr', [showPath(path), name, value], () => lsetxattr(at, name, value, value.length, 0));
}

/** All attributes' names that the caller may see. */
export function listXattr(path: Path): string[] {
  const at = cPath(path);
  const names = sized('llistxattr', [showPath(path)], (memory, size) => llistxattr(at, memory, size));
  return names.toString('utf8').split('\0').slice(0, -1);
}

export function removeXattr(path: Path, name: string): void {
  const at = cPath(path);
  checked('lremovexattr', [showPath(path), name], () => lremovexattr(at, name));
}
