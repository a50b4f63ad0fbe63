import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';
import type { Found } from '../state/record.ts';
import { startFifo, startReport } from '../state/status.ts';
import { hookSteps } from './hooks.ts';
import { startNotifying } from './notify.ts';
import { removalIfFailed } from './removal.ts';
import { stateJson } from './state-json.ts';

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

/**
 * The steps that let a created container go, and wait until its command runs. Where a poststart hook fails the container
 * is stopped and removed, as by runc and crun (runtime.md, Lifecycle 9: "continue the lifecycle at step 12").
 */
export function startSteps(record: Found, spec: Spec, notify?: string): AnyStep[] {
  const { id, directory, pid, startTime } = record;
  const fifo = startFifo(directory);
  const doing = `start container ${id}`;
  const [before, after] = notify === undefined ? [[], []] : startNotifying(notify, directory, pid!);
  return [
    openStart(id, directory),
    ...before,
    // Before the word is given: of two that start it at once, one removes the FIFO, and only that one goes on.
    step('running', 'remove', { path: fifo }, doing, { side, hints: { ENOENT: meanwhile } }),
    step('running', 'write_fd', { fd, data: '0' }, doing, { side, hints: { EPIPE: died } }),
    step('running', 'await_reader', { fd, report: startReport(directory) }, doing, {
      side,
      hints: { EPIPE: died },
    }),
    ...(spec.hooks?.poststart?.length ? removalIfFailed(record, spec, { pid: pid!, startTime }) : []),
    ...hookSteps(spec, 'poststart', {
      state: (status) => stateJson(record, status, pid),
      bundle: record.bundle,
    }),
    ...after,
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
}
