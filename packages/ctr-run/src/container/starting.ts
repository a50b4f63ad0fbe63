import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';
import { O, SIGNALS } from '@ctr-tools/sys/constants';
import { startFifo, startReport } from '../state/status.ts';
import { hookSteps } from './hooks.ts';
import { type Identity, stateJson } from './state-json.ts';

const side = 'host';
const fd = slot('start');
const died = 'its process died after create; delete it';
const meanwhile = 'it was started meanwhile';

/**
 * The first step of a start, which changes nothing: opening the FIFO for writing without waiting
 * fails with ENXIO when nobody reads it (fifo(7)), so a container that died after `create` is an
 * error at once and never a hang.
 */
export function openStart(id: string, directory: string): AnyStep {
  const open = { path: startFifo(directory), flags: O.WRONLY | O.NONBLOCK, mode: 0, fd };
  return step('state', 'open', open, `start container ${id}`, {
    side,
    hints: { ENXIO: died, ENOENT: meanwhile },
  });
}

/** The steps that let a created container go, and wait until its command runs. `pid` is only wanted for its hooks. */
export function startSteps(
  record: Identity & { directory: string; pid?: number },
  spec: Pick<Spec, 'hooks'>,
): AnyStep[] {
  const { id, directory, pid } = record;
  const fifo = startFifo(directory);
  const doing = `start container ${id}`;
  return [
    openStart(id, directory),
    ...(spec.hooks?.poststart?.length ? stopIfFailed(pid!) : []),
    // Before the word is given: of two that start it at once, one removes the FIFO, and only that one goes on.
    step('running', 'remove', { path: fifo }, doing, { side, hints: { ENOENT: meanwhile } }),
    step('running', 'write_fd', { fd, data: '0' }, doing, { side, hints: { EPIPE: died } }),
    step('running', 'await_reader', { fd, report: startReport(directory) }, doing, {
      side,
      hints: { EPIPE: died },
    }),
    ...hookSteps(spec, 'poststart', {
      state: (status) => stateJson(record, status, pid),
      bundle: record.bundle,
    }),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
}

/** A poststart hook that fails stops the container (runtime.md, Lifecycle 10). */
function stopIfFailed(pid: number): AnyStep[] {
  const pidfd = slot('pidfd');
  const kill = { pid, pidfd, signal: SIGNALS.SIGKILL! };
  return [
    step('state', 'pidfd_open', { pid, pidfd }, `find process ${pid}`, {
      side,
      hints: { ESRCH: died },
      undo: undo('failure', 'kill', kill, `stop the container`),
    }),
  ];
}
