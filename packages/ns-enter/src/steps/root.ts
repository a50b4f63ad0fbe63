/** A person's command: mounts of its own namespace, root, working directory. A container's are packages/rootfs's. */
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { MNT, MS, O } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import { etcOf } from '../names.ts';
import { isTargets, type Options } from '../options.ts';
import type { Arrangement } from './arrange.ts';

const root = slot('root');
const wd = slot('wd');
const NONE = -1;

const propagations = { private: MS.PRIVATE, slave: MS.SLAVE, shared: MS.SHARED } as const;

/** Directories that are named from outside are opened while they can be. */
export function openDirectories(o: Options, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const side = 'host' as const;
  const steps: AnyStep[] = [];
  const at = (path: string, file: string): string =>
    isTargets(path) ? `/proc/${facts.target!.pid}/${file}` : path;
  if (o.root !== undefined && !pivots(o, arrangement)) {
    const path = at(o.root, 'root');
    steps.push(
      step('descriptors', 'open', { path, flags: O.PATH | O.DIRECTORY, fd: root }, `open the root ${path}`, {
        side,
        hints: noDirectory,
      }),
    );
  }
  if (o.wd !== undefined) {
    const path = at(o.wd, 'cwd');
    const flags = O.RDONLY | O.DIRECTORY | O.CLOEXEC;
    steps.push(
      step('descriptors', 'open', { path, flags, fd: wd }, `open the working directory ${path}`, {
        side,
        hints: noDirectory,
      }),
    );
  }
  return steps;
}

const noDirectory = {
  ENOENT: 'there is no such directory',
  ENOTDIR: 'it is not a directory',
  EACCES: 'it takes the right to trace that process, or to search that directory',
};

/**
 * The present root cannot be pivoted into itself (pivot_root(2), EBUSY): of `--root=/` a chroot(2) is left, as with unshare(1).
 * A new mount namespace gets its root by pivot_root(2), which leaves nothing of the host in reach; else it is a chroot(2).
 */
const pivots = (o: Options, arrangement: Arrangement): boolean =>
  o.root !== undefined && !isTargets(o.root) && o.root !== '/' && arrangement.create.includes('mount');

export function mountSteps(o: Options, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const steps: AnyStep[] = [];
  const pivot = pivots(o, arrangement);
  if (arrangement.create.includes('mount')) {
    // ip-netns(8) lets mounts of outside come in.
    const how = o.propagation ?? (o.netns === undefined ? 'private' : 'slave');
    if (how !== 'unchanged')
      steps.push(
        // EINVAL: / is not a mount point, as after a chroot; unshare(1) minds it as little.
        step(
          'root',
          'propagation',
          { path: '/', flags: MS.REC | propagations[how] },
          `make all mounts ${how}`,
          { unless: ['EINVAL'] },
        ),
      );
    if (pivot) {
      if (fixed(o)) steps.push(...registerSteps(o, 'root', NONE));
      steps.push(
        step('root', 'root_mount', { path: o.root!, root }, `make ${o.root} the root`, {
          hints: noDirectory,
        }),
      );
    }
    steps.push(...netnsSteps(o, facts), ...procSteps(o, arrangement, facts, pivot));
  }
  if (pivot)
    steps.push(
      step('pivot', 'change_root', { root }, `change the root to ${o.root}`, {
        hints: {
          EINVAL: 'the present root is an initramfs or no mount, and cannot be left so',
          EBUSY: 'it is the present root itself, by another name; --root=/ says so',
        },
      }),
    );
  else if (o.root !== undefined)
    steps.push(
      step(
        'pivot',
        'change_root',
        { root, leaving: 'chroot' },
        `change the root to ${isTargets(o.root) ? "the target's" : o.root}`,
        {
          hints: { EPERM: 'it takes CAP_SYS_CHROOT; without root add --map-root-user' },
        },
      ),
    );
  return steps;
}

/** What `ip netns exec` mounts: a /sys that shows the joined network, and the files of /etc/netns/NAME over those of /etc. */
function netnsSteps(o: Options, facts: Facts): AnyStep[] {
  if (o.netns === undefined) return [];
  const hints = {
    EPERM:
      'it takes CAP_SYS_ADMIN in the user namespace that owns the network namespace, and a /sys that is whole',
  };
  return [
    step('mounts', 'umount', { path: '/sys', flags: MNT.DETACH }, 'unmount /sys', {
      unless: ['EINVAL', 'EPERM'],
    }),
    step(
      'mounts',
      'mount',
      {
        target: '/sys',
        type: 'sysfs',
        source: o.netns,
        flags: MS.NOSUID | MS.NODEV | MS.NOEXEC | (facts.sysReadOnly ? MS.RDONLY : 0),
      },
      `mount the /sys of ${o.netns}`,
      { hints },
    ),
    ...(facts.netnsFiles ?? []).map((file) => {
      const source = `${etcOf(o.netns!)}/${file}`;
      return step(
        'mounts',
        'mount',
        { target: `/etc/${file}`, source, flags: MS.BIND },
        `bind ${source} on /etc/${file}`,
      );
    }),
  ];
}

/** A fresh /proc where it is asked for, or where a new root with processes of its own has a place for it. */
function procSteps(o: Options, arrangement: Arrangement, facts: Facts, pivot: boolean): AnyStep[] {
  const ofRoot = pivot || o.root === '/';
  const implied = ofRoot && facts.procInRoot && arrangement.create.includes('pid') ? '/proc' : undefined;
  const target = o.mountProc ?? implied;
  const steps: AnyStep[] = [];
  const at = pivot ? root : NONE;
  if (target !== undefined) {
    if (!pivot && o.propagation !== undefined)
      steps.push(
        step(
          'mounts',
          'propagation',
          { path: target, flags: MS.REC | MS.PRIVATE },
          `make ${target} private`,
          { unless: ['EINVAL'] },
        ),
      );
    steps.push(
      step(
        'mounts',
        'mount',
        {
          root: at,
          target,
          type: 'proc',
          source: 'proc',
          flags: MS.NOSUID | MS.NODEV | MS.NOEXEC,
        },
        `mount proc on ${target}`,
        {
          hints: {
            ENOENT: 'there is no such directory',
            EPERM:
              'in a user namespace the kernel gives a new /proc only with a new PID namespace, and where the present one is whole',
          },
        },
      ),
    );
  }
  if (o.mountBinfmt !== undefined)
    steps.push(...(fixed(o) && pivot ? [binfmtStep(o, 'mounts', at)] : registerSteps(o, 'mounts', at)));
  return steps;
}

/** `F` in a registration opens the interpreter at once, so it must be done before the root changes (binfmt-misc.rst). */
const fixed = (o: Options): boolean =>
  o.loadInterp?.slice(o.loadInterp.lastIndexOf(':')).includes('F') ?? false;

function binfmtStep(o: Options, phase: 'root' | 'mounts', at: typeof root | number): AnyStep {
  return step(
    phase,
    'mount',
    {
      root: at,
      target: o.mountBinfmt!,
      type: 'binfmt_misc',
      source: 'binfmt_misc',
      flags: MS.NOSUID | MS.NODEV | MS.NOEXEC,
    },
    `mount binfmt_misc on ${o.mountBinfmt}`,
    {
      hints: {
        EPERM: 'a user namespace has one of its own since Linux 6.7 only',
        ENODEV: 'this kernel has no binfmt_misc',
        ENOENT: 'there is no such directory',
      },
    },
  );
}

function registerSteps(o: Options, phase: 'root' | 'mounts', at: typeof root | number): AnyStep[] {
  const steps = [binfmtStep(o, phase, at)];
  if (o.loadInterp === undefined) return steps;
  const fd = slot('binfmt');
  const path = `${o.mountBinfmt}/register`;
  return [
    ...steps,
    at === NONE
      ? step(phase, 'open', { path, flags: O.WRONLY | O.CLOEXEC, mode: 0, fd }, `open ${path}`)
      : step(phase, 'open_in', { root: at, path, flags: O.WRONLY | O.CLOEXEC, fd }, `open ${path}`),
    step(phase, 'write_fd', { fd, data: o.loadInterp }, `register ${o.loadInterp}`, {
      hints: {
        EINVAL: 'the line is :name:type:offset:magic:mask:interpreter:flags',
        ENOENT: 'with flag F the interpreter must exist',
      },
    }),
    step(phase, 'close', { fd }, 'close the registration'),
  ];
}

export function directorySteps(o: Options): AnyStep[] {
  if (o.wdns !== undefined)
    return [
      step('cwd', 'chdir', { path: o.wdns }, `enter ${o.wdns}`, {
        hints: { ENOENT: 'there is no such directory inside (--wd names one outside)' },
      }),
    ];
  if (o.wd !== undefined) return [step('cwd', 'chdir', { fd: wd }, 'enter the working directory')];
  // nsenter(1) leaves the working directory outside a new root, from where everything outside can be reached.
  if (o.root !== undefined) return [step('cwd', 'chdir', { path: '/' }, 'enter the new root')];
  return [];
}
