import {
  type AnyStep,
  asGuard,
  compile,
  jsonTemplate,
  keptPlans,
  type Plan,
  slot,
  step,
  tell,
  told,
  whileAlive,
  whileLine,
} from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';
import { freezingOf, startFifo } from '../state/status.ts';
import { stateIndent, viewOf } from '../state/view.ts';
import { killSteps } from './killing.ts';
import type { Making } from './making.ts';
import { type Remains, removalSteps } from './removal.ts';
import { startSteps } from './starting.ts';
import type { childPid } from './state-json.ts';

/**
 * What engines ask of every container is planned when it is made, and kept beside its state: the
 * launcher then answers `state`, `start`, `kill` and `delete` without a planner. What a plan
 * depends on stands in its guards; all else (another status, hooks, systemd, other flags) is for
 * the commands of the same names. The state never changes once it is written with these.
 */
export function keptFor(
  making: Making,
  remains: Remains,
  pid: typeof childPid,
  startTime: typeof childPid,
): AnyStep {
  const { hooks } = making.spec;
  const entries: (readonly [string, Plan])[] = [];
  const keep = (words: string, steps: readonly AnyStep[]): void => {
    entries.push([words, compile([steps], { tool: 'ctr-run', exit: 1 })]);
  };
  if (making.course === 'create') {
    keep('state', stateSteps(remains, 'created'));
    if (!hooks?.poststart?.length) {
      const [open, ...rest] = startSteps(remains, {});
      keep('start', [asGuard(open!), ...rest]);
    }
  }
  keep('state', stateSteps(remains, 'running'));
  keep('state', stateSteps(remains, 'stopped'));
  const kill = killSteps({ pid: told.pid, startTime: told.ticks }, told.number);
  keep('kill', [tell(), whileAlive(true), ...kill, end]);
  if (!hooks?.poststop?.length && !remains.cgroup?.unit) {
    keep('delete', [tell(), whileAlive(false), ...removalSteps(remains, making.spec, undefined)]);
    const first = { pid: told.pid, startTime: told.ticks };
    keep('delete --force', [tell(), ...removalSteps(remains, making.spec, first)]);
  }
  const path = `${remains.directory}/plans`;
  return step(
    'ready',
    'write_file',
    { path, data: keptPlans(pid, startTime, entries), mode: 0o600 },
    `keep plans for ${remains.id}`,
    { side: 'host' },
  );
}

const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });

/** Say the state, if it is this one. The order of the plans says the rest: who is not created is running. */
function stateSteps(remains: Remains, status: 'created' | 'running' | 'stopped'): AnyStep[] {
  const text = jsonTemplate(viewOf(remains, status, told.pid), stateIndent);
  return [
    tell(),
    whileAlive(status !== 'stopped'),
    ...(status === 'created' ? [whileWaiting(remains.directory)] : []),
    ...(status === 'running' ? whileThawed(remains) : []),
    step('running', 'write_fd', { fd: 1, data: { parts: [...text.parts, '\n'] } }, 'write the state', {
      side: 'host',
      unless: ['EPIPE'],
    }),
    end,
  ];
}

/** O_PATH opens a FIFO without being its reader. */
const whileWaiting = (directory: string): AnyStep =>
  asGuard(
    step(
      'state',
      'open',
      { path: startFifo(directory), flags: O.PATH, mode: 0, fd: slot('fifo') },
      'look for the FIFO',
      { side: 'host' },
    ),
  );

/** A frozen container is paused. */
function whileThawed(remains: Remains): AnyStep[] {
  const told = freezingOf(remains);
  return told ? [whileLine(told.path, told.thawed)] : [];
}
