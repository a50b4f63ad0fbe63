/** `--pin DIR`: the new namespaces as files in DIR; `--new KIND=FILE`: one on a file. */
import { type AnyStep, type Slot, slot, step, template, undo } from '@ctr-tools/plan';
import { MNT, MS, O } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import { fileOf, type Kind } from '../kinds.ts';
import { NETNS } from '../names.ts';
import type { PinOption } from '../options.ts';
import { MARKER, writeMarker } from '../pins.ts';

const side = 'host' as const;

/**
 * A mount namespace takes binds of younger ones only (mount_namespaces(7)), which the kernel tells by
 * their numbers; since Linux 6.18 these are handed out to each CPU in batches. Where the caller may not run on the CPU
 * from which its own namespace has its number, no younger one is made.
 */
const olderOrNot =
  'the kernel takes the new mount namespace for an older one than that in which it is to be bound; try again, on all CPUs (taskset)';

const denied = 'it takes CAP_SYS_ADMIN in the own mount namespace';

/**
 * Each namespace bound on a file of its name. The directory becomes a private mount first:
 * a mount namespace cannot be bound where the bind would propagate into itself
 * (mount_namespaces(7); ip-netns(8) does the same with /run/netns). Every file is made, and never
 * taken over; and all are made before the mount, which would hide what another `--pin` has just pinned.
 */
export function pinSteps(directory: string, created: readonly Kind[], child: Slot, facts: Facts): AnyStep[] {
  const files = created.map(fileOf);
  const marker = `${directory}/${MARKER}`;
  return [
    ...newDirectories(facts),
    ...newFile(marker, writeMarker({ made: facts.pinMissing?.includes(directory) === true, files }), {
      EEXIST: `namespaces are pinned in ${directory} already; --unpin lets them go`,
    }),
    ...files.flatMap((file) =>
      newFile(`${directory}/${file}`, '', {
        EEXIST: 'that name is taken, and not by --pin; choose another directory',
      }),
    ),
    bind(directory, directory, `make ${directory} a mount`, { EPERM: denied }),
    step('ready', 'propagation', { path: directory, flags: MS.PRIVATE }, `make ${directory} private`, {
      side,
    }),
    ...created.map((kind) => pinOne(kind, `${directory}/${fileOf(kind)}`, child)),
  ];
}

/**
 * Each on its file, which `ip netns del` and `--unpin` remove. /run/netns becomes a shared mount first, as ip-netns(8)
 * makes it: else its next `ip netns add` would mount it over what is pinned, and `ip netns del` would find it busy.
 */
export function pinFileSteps(pins: readonly PinOption[], child: Slot, facts: Facts): AnyStep[] {
  if (pins.length === 0) return [];
  const named = pins.some(({ file }) => file.startsWith(`${NETNS}/`));
  return [
    ...newDirectories(facts),
    ...(named && !facts.netnsMounted
      ? [bind(NETNS, NETNS, `make ${NETNS} a mount`, { EPERM: denied }, MS.REC)]
      : []),
    ...(named
      ? [
          step('ready', 'propagation', { path: NETNS, flags: MS.SHARED | MS.REC }, `make ${NETNS} shared`, {
            side,
            hints: { EPERM: denied },
          }),
        ]
      : []),
    ...pins.flatMap(({ kind, file }) => [
      ...(facts.pinFiles?.includes(file)
        ? []
        : newFile(file, '', { EEXIST: 'somebody else has made it meanwhile', EACCES: denied })),
      pinOne(kind, file, child),
    ]),
  ];
}

const pinOne = (kind: Kind, path: string, child: Slot): AnyStep =>
  bind(template`/proc/${child}/ns/${fileOf(kind)}`, path, `pin the ${fileOf(kind)} namespace on ${path}`, {
    EPERM: denied,
    ...(kind === 'mount' && { EINVAL: olderOrNot }),
  });

const newDirectories = (facts: Facts): AnyStep[] =>
  (facts.pinMissing ?? []).map((path) =>
    step('ready', 'mkdirs', { path, mode: 0o755 }, `make the directory ${path}`, {
      side,
      undo: undo('failure', 'remove', { path, what: 'directory' }, `remove ${path}`),
    }),
  );

/** A mount namespace that can be bound is younger than the one that it is bound in. */
export function youngerSteps(): AnyStep[] {
  const fd = slot('mnt.outside');
  const [path, flags] = ['/proc/self/ns/mnt', O.RDONLY | O.CLOEXEC];
  return [
    step('descriptors', 'open', { path, flags, fd }, 'open the own mount namespace', { side }),
    step('unshare', 'younger_mounts', { than: fd }, 'make a mount namespace that can be pinned'),
  ];
}

/** A file that nobody had, with this content. */
function newFile(path: string, data: string, hints: Record<string, string>): AnyStep[] {
  const fd = slot(`pin ${path}`);
  const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC;
  const doing = `make the file ${path}`;
  return [
    step('ready', 'open', { path, flags, mode: 0o444, fd }, doing, {
      side,
      hints,
      undo: undo('failure', 'remove', { path }, `remove ${path}`),
    }),
    ...(data === '' ? [] : [step('ready', 'write_fd', { fd, data }, `write ${path}`, { side })]),
    step('ready', 'close', { fd }, `close ${path}`, { side }),
  ];
}

const bind = (
  source: string | ReturnType<typeof template>,
  target: string,
  doing: string,
  hints: Record<string, string>,
  more = 0,
): AnyStep =>
  step('ready', 'mount', { target, source, flags: MS.BIND | more }, doing, {
    side,
    hints,
    undo: undo('failure', 'umount', { path: target, flags: MNT.DETACH }, `unmount ${target}`),
  });
