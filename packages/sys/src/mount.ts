import { checked } from './error.ts';
import { native } from './koffi.ts';
import { cPath, type Path, showPath } from './path.ts';

const mountNative = native<
  (source: Buffer, target: Buffer, type: Buffer, flags: number | bigint, data: Buffer | null) => number
>(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
);
const umount2Native = native<(target: Buffer, flags: number) => number>(
  'int umount2(const char *target, int flags)',
);

/** mount(2) in this process's own mount namespace. `data` are the file system's options, comma separated. */
export function mount(source: Path, target: Path, type: string, flags: number | bigint = 0, data = ''): void {
  const [from, to, kind, options] = [cPath(source), cPath(target), cPath(type), data ? cPath(data) : null];
  checked('mount', [showPath(source), showPath(target), type, flags, data], () =>
    mountNative(from, to, kind, flags, options),
  );
}

/** umount2(2); flags are UMOUNT_NOFOLLOW, MNT_DETACH and the like. */
export function umount(target: Path, flags = 0): void {
  const at = cPath(target);
  checked('umount2', [showPath(target), flags], () => umount2Native(at, flags));
}
