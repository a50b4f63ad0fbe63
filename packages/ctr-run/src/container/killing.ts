import { type AnyStep, type Int, slot, step, template } from '@ctr-tools/plan';

const side = 'host';

/** A container's process as its state names it: by PID and start time. */
export interface Process {
  pid: Int;
  /** In clock ticks after boot; without one a PID is taken at its word. */
  startTime?: Int | undefined;
}

/**
 * Steps that send a signal to one process, held by a pidfd, if it still is the one that started
 * then: a PID used again is never hit.
 */
export function killSteps({ pid, startTime }: Process, signal: Int): AnyStep[] {
  const pidfd = slot('pidfd');
  const ended = 'container not running';
  const reused = `${ended}: this PID belongs to another process by now`;
  return [
    step('state', 'pidfd_open', { pid, pidfd }, template`find process ${shown(pid)}`, {
      side,
      hints: { ESRCH: ended },
    }),
    ...(startTime === undefined
      ? []
      : [
          step(
            'state',
            'same_process',
            { pid, ticks: startTime },
            template`find the container's process ${shown(pid)}`,
            { side, hints: { ESRCH: reused } },
          ),
        ]),
    step(
      'running',
      'kill',
      { pid, pidfd, signal },
      template`send signal ${shown(signal)} to process ${shown(pid)}`,
      { side },
    ),
  ];
}

/** How long a killed process, or a group of them, may take to end: it still has to release its memory. In milliseconds. */
export const PATIENCE_MS = 10_000;

/**
 * Steps after which none of these lives: the first process wherever it was moved to, by its pidfd, and whatever is
 * in the groups. A process that is left is a failure of these steps.
 */
export function endSteps(first: Process | undefined, groups: readonly string[]): AnyStep[] {
  const end = (timeout: number, doing: string): AnyStep[] => {
    if (!first) return [];
    const { pid, startTime: ticks = -1 } = first;
    return [
      step('ready', 'end_process', { pid, ticks, timeout }, template`${doing} ${shown(pid)}`, { side }),
    ];
  };
  return [
    ...end(0, 'kill process'),
    ...groups.map((path) => step('ready', 'cgroup_kill', { path }, `kill what is left in ${path}`, { side })),
    // After the groups: one of them may have held it frozen.
    ...end(PATIENCE_MS, 'wait for the end of process'),
  ];
}

const shown = (value: Int) => (typeof value === 'boolean' ? Number(value) : value);
