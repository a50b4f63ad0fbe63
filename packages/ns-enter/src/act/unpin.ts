/**
 * `--unpin FILE`: the namespace that is bound on it loses that file, whoever bound it (`ip netns del` does the same).
 * `--unpin DIR`: the namespaces that `--pin` held in DIR lose their files, and end with their last process.
 * Only what `--pin` made goes (`pins.ts`); files and mounts of others in DIR stay, and with them the mount below them.
 */
import { err, Failure, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { errorCode, lstatIfAny, readText, realPath, resolve } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { MNT } from '@ctr-tools/sys/constants';
import { type MountInfo, readMountinfo } from '@ctr-tools/sys/proc';
import { MARKER, type Marker, readMarker } from '../pins.ts';

const side = 'host' as const;

export function unpin(parsed: Parsed, host: Host): Plan {
  if (parsed.operands.length > 0)
    throw new UsageError(`--unpin takes one directory; "${parsed.operands[0]}" is one too many`);
  const directory = realDirectory(resolve(host.cwd, parsed.flags.get('unpin')![0]!));
  if (lstatIfAny(directory)?.isDirectory() !== true) return unpinFile(directory);
  const marker = markerIn(directory);
  const mounts = readMountinfo();
  const pins = marker.files.flatMap((file) => pinOn(directory, file, mounts) ?? []);
  const below = holding(directory, pins, mounts);
  const others = below ? mounts.filter((m) => m.parent === below.id && !pins.includes(m)) : [];
  if (below && others.length > 0)
    err(`ns-enter: ${directory} stays a mount, for ${others[0]!.mountPoint} is mounted in it\n`);
  const steps = [
    ...pins.map((pin) => umount(pin.mountPoint)),
    ...(below && others.length === 0 ? [umount(directory)] : []),
    ...marker.files
      .filter(
        (file) =>
          pins.some((pin) => pin.mountPoint === `${directory}/${file}`) || isEmpty(`${directory}/${file}`),
      )
      .map((file) => unlink(`${directory}/${file}`)),
    unlink(`${directory}/${MARKER}`),
    // Where others have put something into it meanwhile it is theirs, too.
    ...(marker.made
      ? [
          step('ready', 'remove', { path: directory, what: 'directory' }, `remove ${directory}`, {
            side,
            unless: ['ENOTEMPTY', 'EBUSY'],
          }),
        ]
      : []),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
  return compile([steps], { tool: 'ns-enter', exit: 125 });
}

function unpinFile(path: string): Plan {
  const there = readMountinfo().filter((mount) => mount.mountPoint === path);
  if (there.length === 0) throw new Failure(`unpin ${path}: no namespace is pinned there`);
  const other = there.find(({ type }) => type !== 'nsfs');
  if (other) throw new Failure(`unpin ${path}: what is mounted there is not a namespace, but ${other.type}`);
  const steps = [
    ...there.map(() => umount(path)),
    step('ready', 'remove', { path, what: 'empty' }, `remove ${path}`, { side, unless: ['EBUSY'] }),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
  return compile([steps], { tool: 'ns-enter', exit: 125 });
}

function realDirectory(path: string): string {
  try {
    return realPath(path);
  } catch (error) {
    throw new Failure(
      `unpin ${path}: ${errorCode(error) === 'ENOENT' ? 'there is no such file or directory' : (error as Error).message}`,
    );
  }
}

function markerIn(directory: string): Marker {
  let text: string;
  try {
    text = readText(`${directory}/${MARKER}`);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw new Failure(`unpin ${directory}: ${(error as Error).message}`);
    throw new Failure(`unpin ${directory}: --pin has pinned nothing there`);
  }
  const marker = readMarker(text);
  if (!marker) throw new Failure(`unpin ${directory}: --pin did not write the file ${MARKER} in it`);
  return marker;
}

/** The namespace of this kind that is mounted there; undefined where that was undone already. */
function pinOn(directory: string, file: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  const path = `${directory}/${file}`;
  const there = mounts.filter((mount) => mount.mountPoint === path);
  if (there.length > 1)
    throw new Failure(`unpin ${path}: something else is mounted over it; unmount that first`);
  const [pin] = there;
  if (pin && (pin.type !== 'nsfs' || !pin.root.startsWith(`${file}:[`)))
    throw new Failure(`unpin ${path}: what is mounted there is not a ${file} namespace; unmount that first`);
  return pin;
}

/** The mount of the directory on itself in which the pins lie; or the last such one, where no pin is left. */
function holding(
  directory: string,
  pins: readonly MountInfo[],
  mounts: readonly MountInfo[],
): MountInfo | undefined {
  const parent = pins[0]?.parent;
  const found = mounts.findLast(
    (mount) => mount.mountPoint === directory && (parent === undefined || mount.id === parent),
  );
  return found && isOnItself(found, mounts) ? found : undefined;
}

function isOnItself(mount: MountInfo, mounts: readonly MountInfo[]): boolean {
  const above = mounts.find(({ id }) => id === mount.parent);
  if (!above || above.device !== mount.device || mount.tags.length > 0) return false;
  const within = (root: string, path: string): string =>
    `${root}/${path}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
  return within(above.root, mount.mountPoint.slice(above.mountPoint.length)) === mount.root;
}

function isEmpty(path: string): boolean {
  const found = lstatIfAny(path);
  return found?.isFile() === true && found.size === 0;
}

const umount = (path: string): AnyStep =>
  step('ready', 'umount', { path, flags: MNT.DETACH | MNT.NOFOLLOW }, `unmount ${path}`, {
    side,
    hints: { EPERM: 'it takes CAP_SYS_ADMIN in the mount namespace where it was pinned' },
  });

const unlink = (path: string): AnyStep =>
  step('ready', 'remove', { path }, `remove ${path}`, { side, unless: ['ENOENT'] });
