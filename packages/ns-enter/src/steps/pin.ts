/** `--pin DIR`: the new namespaces as files in DIR. */
import { type AnyStep, type Slot, slot, step, template, undo } from '@ctr-tools/plan';
import { MNT, MS, O } from '@ctr-tools/sys/constants';
import { fileOf, type Kind } from '../kinds.ts';
import { MARKER, writeMarker } from '../pins.ts';

const side = 'host' as const;

/**
 * A mount namespace takes binds of younger ones only (mount_namespaces(7)), which the kernel tells by
 * their numbers; since Linux 6.18 these are handed out to each CPU in batches.
 */
const olderOrNot =
  'in a mount namespace that is not the first, Linux 6.18 can take the new one for an older; try again, or on one CPU (taskset)';

const denied = 'it takes CAP_SYS_ADMIN in the own mount namespace';

/**
 * Each namespace bound on a file of its name. The directory becomes a private mount first:
 * a mount namespace cannot be bound where the bind would propagate into itself
 * (mount_namespaces(7); ip-netns(8) does the same with /run/netns). Every file is made, and never
 * taken over; and all are made before the mount, which would hide what another `--pin` has just pinned.
 */
export function pinSteps(
  directory: string,
  created: readonly Kind[],
  child: Slot,
  exists: boolean,
): AnyStep[] {
  const files = created.map(fileOf);
  const marker = `${directory}/${MARKER}`;
  return [
    step('ready', 'mkdirs', { path: directory, mode: 0o755 }, `make the directory ${directory}`, {
      side,
      ...(!exists && {
        undo: undo('failure', 'remove', { path: directory, what: 'directory' }, `remove ${directory}`),
      }),
    }),
    ...newFile(marker, writeMarker({ made: !exists, files }), {
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
    ...created.map((kind) => {
      const file = fileOf(kind);
      const path = `${directory}/${file}`;
      return bind(template`/proc/${child}/ns/${file}`, path, `pin the ${file} namespace on ${path}`, {
        EPERM: denied,
        ...(kind === 'mount' && { EINVAL: olderOrNot }),
      });
    }),
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
): AnyStep =>
  step('ready', 'mount', { target, source, flags: MS.BIND }, doing, {
    side,
    hints,
    undo: undo('failure', 'umount', { path: target, flags: MNT.DETACH }, `unmount ${target}`),
  });
