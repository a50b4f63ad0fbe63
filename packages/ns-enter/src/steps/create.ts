/** Creating: at the clone where a process is cloned, else by unshare(2); cgroup and time always by the process itself. */
import { Failure } from '@ctr-tools/cli';
import type { Spec, TimeOffset } from '@ctr-tools/oci';
import { type AnyStep, optionalSlot, peer, slot, step } from '@ctr-tools/plan';
import { CLONE, O } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import { flagsOf, type Kind, newWords } from '../kinds.ts';
import type { Arrangement } from './arrange.ts';
import { createHints } from './words.ts';

/**
 * Kinds that wait: a cgroup namespace takes the group in which the process is when it is made
 * (cgroup_namespaces(7)), and a time namespace must get its offsets before anybody is in it
 * (time_namespaces(7)). An IPC namespace comes with its file system of message queues (mq_overview(7)), whose
 * root belongs to who makes it: in a container's user namespace that is to be its root.
 */
const waits = (kind: Kind, arrangement: Arrangement, facts: Facts): boolean =>
  kind === 'cgroup' ||
  kind === 'time' ||
  (kind === 'ipc' && facts.options === undefined && (arrangement.newUser || joinsUser(arrangement)));

const joinsUser = ({ joins }: Arrangement): boolean => joins.some(({ kind }) => kind === 'user');

export function cloneSteps(arrangement: Arrangement, facts: Facts): AnyStep[] {
  if (!arrangement.child) return [];
  const create = arrangement.create.filter((kind) => !waits(kind, arrangement, facts));
  const doing = create.length ? `start a process in ${newWords(create)}` : "start the command's process";
  return [
    step(
      'clone',
      'clone',
      {
        process: peer,
        flags: flagsOf(create),
        cgroup: optionalSlot('cgroup'),
        pid: slot('child.pid'),
        pidfd: slot('child.pidfd'),
      },
      doing,
      { side: 'host', hints: createHints(create, facts) },
    ),
  ];
}

/** What the command's process makes itself. The user namespace has its own steps. */
export function unshareSteps(spec: Spec, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const create = arrangement.create.filter(
    (kind) => kind !== 'user' && (waits(kind, arrangement, facts) || !arrangement.child),
  );
  const steps: AnyStep[] = [];
  if (create.length > 0)
    steps.push(
      step('unshare', 'unshare', { flags: flagsOf(create) }, `make ${newWords(create)}`, {
        hints: createHints(create, facts),
      }),
    );
  return create.includes('time') ? [...steps, ...timeSteps(spec)] : steps;
}

/**
 * Offsets, then in. A process that unshared a time namespace is not in it, only its children
 * would be (and, since Linux 6.3, itself after execve); setns(2) to what its children get
 * takes it in.
 */
function timeSteps(spec: Spec): AnyStep[] {
  const offsets = Object.entries(spec.linux?.timeOffsets ?? {});
  const steps: AnyStep[] = [];
  if (offsets.length > 0) {
    const lines = offsets
      .map(([clock, offset]) => `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`)
      .join('');
    steps.push(
      step('unshare', 'dumpable', { on: 1 }, 'let the time offsets be written'),
      step(
        'unshare',
        'proc_write',
        { path: 'self/timens_offsets', data: lines },
        'set the offsets of the clocks',
        {
          hints: {
            EPERM: 'it takes CAP_SYS_TIME in the user namespace',
            ERANGE: 'a clock would be negative, or beyond 146 years',
            EINVAL: 'the offsets are no valid times',
          },
        },
      ),
      step('unshare', 'dumpable', { on: 0 }, 'hide the process again'),
    );
  }
  const fd = slot('ns.time');
  return [
    ...steps,
    step(
      'unshare',
      'open',
      { path: '/proc/self/ns/time_for_children', flags: O.RDONLY | O.CLOEXEC, fd },
      'open the new time namespace',
    ),
    step('unshare', 'setns', { fd, flags: CLONE.NEWTIME }, 'enter the new time namespace'),
  ];
}

/** Offsets that nothing would use, or that the kernel would not take. */
export function checkTime(spec: Spec, arrangement: Arrangement): void {
  const offsets = Object.entries(spec.linux?.timeOffsets ?? {}) as [string, TimeOffset][];
  if (offsets.length > 0 && !arrangement.create.includes('time'))
    throw new Failure(
      'linux.timeOffsets are given, but no new time namespace is made to have them; add one (--new time)',
    );
  for (const [clock, { nanosecs = 0 }] of offsets) {
    if (nanosecs < 0 || nanosecs > 999_999_999)
      throw new Failure(
        `linux.timeOffsets.${clock}.nanosecs is ${nanosecs}; it is a number from 0 to 999999999`,
      );
  }
}
