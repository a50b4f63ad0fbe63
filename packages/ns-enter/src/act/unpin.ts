/** `--unpin DIR`: the namespaces in DIR lose their files, and end with their last process. */
import { Failure, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { errorCode, join, namesIn, realPath, resolve } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { MNT, namespaceFlags } from '@ctr-tools/sys/constants';
import { readMountinfo } from '@ctr-tools/sys/proc';

const side = 'host';

export function unpin(parsed: Parsed, host: Host): Plan {
  if (parsed.operands.length > 0)
    throw new UsageError(`--unpin takes one directory; ${parsed.operands[0]} is one too many`);
  const directory = realDirectory(resolve(host.cwd, parsed.flags.get('unpin')![0]!));
  const mounts = readMountinfo().filter(
    (mount) => mount.mountPoint === directory || mount.mountPoint.startsWith(`${directory}/`),
  );
  const pins = mounts.filter((mount) => mount.type === 'nsfs');
  const files = namesIn(directory).filter((name) => name in namespaceFlags);
  if (pins.length === 0 && files.length === 0)
    throw new Failure(`unpin ${directory}: no namespaces are pinned there`);
  const doing = `unpin ${directory}`;
  const drop = (path: string): AnyStep =>
    step('state', 'umount', { path, flags: MNT.DETACH }, `unpin ${path}`, {
      side,
      hints: { else: 'it takes CAP_SYS_ADMIN in the mount namespace where it was pinned' },
    });
  const removed = (unless: string[]): AnyStep[] =>
    files.map((name) => step('state', 'unlink', { path: join(directory, name) }, doing, { side, unless }));
  const own = mounts.some((mount) => mount.mountPoint === directory);
  const steps = [
    ...pins.toReversed().map(({ mountPoint }) => drop(mountPoint)),
    ...removed([]),
    // Below the mount that --pin made lies the directory itself, whose files these were too.
    ...(own ? [drop(directory), ...removed(['ENOENT'])] : []),
    step('state', 'rmdir', { path: directory }, doing, { side, unless: ['ENOTEMPTY'] }),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
  return compile([steps], { tool: 'ns-enter', exit: 125 });
}

function realDirectory(path: string): string {
  try {
    return realPath(path);
  } catch (error) {
    throw new Failure(
      `unpin ${path}: ${errorCode(error) === 'ENOENT' ? 'there is no such directory' : (error as Error).message}`,
    );
  }
}
