/** `--unpin DIR`: the namespaces in DIR lose their files, and end with their last process. */
import { readdirSync, realpathSync, rmdirSync, unlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { SysError, umount } from '@ctr-tools/sys';
import { MNT, namespaceFlags } from '@ctr-tools/sys/constants';
import { readMountinfo } from '@ctr-tools/sys/proc';

export function unpin(parsed: Parsed, host: Host): number {
  if (parsed.operands.length > 0)
    throw new UsageError(`--unpin takes one directory; ${parsed.operands[0]} is one too many`);
  const directory = realDirectory(resolve(host.cwd, parsed.flags.get('unpin')![0]!));
  const mounts = readMountinfo().filter(
    (mount) => mount.mountPoint === directory || mount.mountPoint.startsWith(`${directory}/`),
  );
  const pins = mounts.filter((mount) => mount.type === 'nsfs');
  const files = readdirSync(directory).filter((name) => name in namespaceFlags);
  if (pins.length === 0 && files.length === 0)
    throw new Failure(`unpin ${directory}: no namespaces are pinned there`);
  for (const { mountPoint } of pins.toReversed()) drop(mountPoint);
  for (const name of files) unlinkSync(join(directory, name));
  if (mounts.some((mount) => mount.mountPoint === directory)) drop(directory);
  // Below the mount that --pin made lies the directory itself.
  for (const name of readdirSync(directory).filter((entry) => entry in namespaceFlags))
    unlinkSync(join(directory, name));
  if (readdirSync(directory).length === 0) rmdirSync(directory);
  return 0;
}

function realDirectory(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new Failure(
      `unpin ${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such directory' : (error as Error).message}`,
    );
  }
}

function drop(path: string): void {
  try {
    umount(path, MNT.DETACH);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new Failure(
      `unpin ${path}: ${error.message}; it takes CAP_SYS_ADMIN in the mount namespace where it was pinned`,
    );
  }
}
