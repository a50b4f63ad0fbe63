import { namesIn, readLink, readText, stat, statIfAny } from '@ctr-tools/host';
import { mountOf, readMountinfo } from '@ctr-tools/sys/proc';
import type { DescriptorFact, DescriptorsFact, Facts, MountFact, RootFact } from '../facts.ts';
import { type Eyes, maybe } from './quietly.ts';
import { answersItself } from './root.ts';

/** No more descriptors of one process are looked at: some have a million. */
const MOST = 1000;

/** The descriptors of a process, by their links and proc_pid_fdinfo(5). */
export function gatherDescriptors(
  pid: number,
  ownMounts: boolean,
  mounts: readonly MountFact[],
  eyes: Eyes,
): DescriptorsFact | undefined {
  const names = eyes.see('descriptors', () => namesIn(`/proc/${pid}/fd`));
  if (!names) return undefined;
  const inside = new Map(mounts.map((m) => [m.id, m]));
  const host = new Map((ownMounts ? (maybe(() => readMountinfo('self')) ?? []) : []).map((m) => [m.id, m]));
  const numbers = names.map(Number).sort((a, b) => a - b);
  if (numbers.length > MOST)
    eyes.note('some descriptors', `it has ${numbers.length}; the first ${MOST} were looked at`);
  const seen = numbers.slice(0, MOST).flatMap((fd): DescriptorFact[] => {
    const target = maybe(() => readLink(`/proc/${pid}/fd/${fd}`));
    if (target === undefined) return [];
    const info = maybe(() => readText(`/proc/${pid}/fdinfo/${fd}`)) ?? '';
    const mount = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? -1);
    const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '0', 8);
    const outside = ownMounts && isPath(target) ? outsideOf(mount, inside, host) : undefined;
    const type = (inside.get(mount) ?? host.get(mount))?.type;
    return [
      {
        fd,
        target,
        kind: isPath(target) ? kindOf(`/proc/${pid}/fd/${fd}`, type) : 'other',
        writable: (flags & 3) !== 0, // O_WRONLY, O_RDWR
        ...(outside && { outside }),
      },
    ];
  });
  return { count: numbers.length, seen };
}

/** Whether a link's text is a path: pipes, sockets and the like are `pipe:[1]`, and memory has a path that nothing has. */
const isPath = (target: string): boolean =>
  target.startsWith('/') && !/^\/(memfd:|SYSV|\[aio\]|anon_hugepage|i915|drm mm)/.test(target);

const outsideOf = (
  mount: number,
  inside: ReadonlyMap<number, unknown>,
  host: ReadonlyMap<number, unknown>,
): DescriptorFact['outside'] => {
  if (mount < 0 || inside.has(mount)) return undefined;
  return host.has(mount) ? 'host' : 'elsewhere';
};

function kindOf(path: string, type: string | undefined): DescriptorFact['kind'] {
  if (!answersItself(type)) return 'unknown';
  const found = maybe(() => stat(path));
  if (!found) return 'unknown';
  if (found.isDirectory()) return 'directory';
  if (found.isCharacterDevice()) return 'character';
  if (found.isBlockDevice()) return 'block';
  return found.isFile() ? 'file' : 'other';
}

/**
 * The working directory. One that lies outside of the process's mounts (CVE-2024-21626) is not what its own path
 * leads to from its root.
 */
export function gatherDirectory(
  pid: number,
  ownMounts: boolean,
  root: RootFact | undefined,
  eyes: Eyes,
): Facts['cwd'] {
  const path = eyes.see('the working directory', () => readLink(`/proc/${pid}/cwd`));
  if (path === undefined) return undefined;
  if (!ownMounts || !root || path.endsWith(' (deleted)') || !answersItself(mountOf(path, root.mounts)?.type))
    return { path, outside: false };
  const inside = path.startsWith(`${root.path}/`) ? path.slice(root.path.length) : path;
  const real = maybe(() => stat(`/proc/${pid}/cwd`));
  // What we may not walk to is not said to be elsewhere.
  const own = maybe(() => statIfAny(`/proc/${pid}/root${inside}`) ?? 'nothing');
  if (!real || !own) return { path, outside: false };
  return { path, outside: own === 'nothing' || own.dev !== real.dev || own.ino !== real.ino };
}
