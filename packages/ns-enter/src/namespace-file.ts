/** Files that hold a namespace open: /proc/PID/ns/KIND, or a bind mount of one. */

import { Failure } from '@ctr-tools/cli';
import { realPath, type SystemError, stat, statFs } from '@ctr-tools/host';
import { MAGIC } from '@ctr-tools/sys/constants';
import { mountOf, readMountinfo } from '@ctr-tools/sys/proc';
import { type Kind, kindByName, optionOf } from './kinds.ts';

/** The kind of a namespace that is bound on `path`: mountinfo shows it as the mount's root, `net:[4026532285]`. */
function kindBoundAt(path: string): Kind | undefined {
  if (path.startsWith('/proc/')) {
    const file = path.slice(path.lastIndexOf('/') + 1).replace(/_for_children$/, '');
    return kindByName(file);
  }
  const mount = mountOf(realPath(path), readMountinfo());
  return mount?.type === 'nsfs' ? kindByName(mount.root.slice(0, mount.root.indexOf(':'))) : undefined;
}

/** Check that `path` is a namespace of this kind; its inode. Throws a `Failure` that says what it is instead. */
export function inspectFile(kind: Kind, path: string): number {
  const doing = `join the ${optionOf(kind)} namespace ${path}`;
  let type: bigint;
  let inode: number;
  try {
    type = BigInt(statFs(path).type);
    inode = stat(path).ino;
  } catch (error) {
    const { code } = error as SystemError;
    if (code === 'ENOENT')
      throw new Failure(
        `${doing}: there is no such file (a namespace lives while a process, a descriptor or a bind mount holds it)`,
      );
    if (code === 'EACCES' || code === 'EPERM')
      throw new Failure(
        `${doing}: permission denied; it takes the same user and no more capabilities than yours, or root`,
      );
    throw new Failure(`${doing}: ${(error as Error).message}`);
  }
  if (type !== BigInt(MAGIC.NSFS))
    throw new Failure(
      `${doing}: this is not a namespace; give a file of /proc/PID/ns, or one that was bound to it with --pin, unshare or ip netns`,
    );
  const is = kindBoundAt(path);
  if (is && is !== kind)
    throw new Failure(
      `${doing}: this is a ${optionOf(is)} namespace; join it with --${optionOf(is)}=${path}`,
    );
  return inode;
}
