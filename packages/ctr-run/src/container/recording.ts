import { ociVersion } from '@ctr-tools/oci';
import {
  type AnyStep,
  jsonTemplate,
  optionalSlot,
  peer,
  points,
  slot,
  step,
  template,
  undo,
} from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';
import type { LastingRecord } from '../state/record.ts';
import { startFifo, startReport } from '../state/status.ts';
import { hookSteps } from './hooks.ts';
import { type Making, stateDirectory } from './making.ts';
import { notifySteps, tellReady } from './notify.ts';
import { childPid } from './state-json.ts';

const startFd = slot('state.start');
const reportFd = slot('state.report');
const startTime = slot('child.start');

/** When what a container leaves behind is taken back: at its end, or only after a failure. */
export const lifetime = (making: Pick<Making, 'course' | 'keep'>): 'failure' | 'end' =>
  making.course === 'foreground' && !making.keep ? 'end' : 'failure';

/** The launcher itself, by which others see whether a container is still being made. */
const maker = { pid: slot('maker.pid'), startTime: slot('maker.start') };

/** What is known of a container before its process is born. */
function recordOf(making: Making): LastingRecord {
  const { spec, context, rootfs, cgroup, resctrl, remove } = making;
  return {
    ociVersion,
    id: context.id,
    bundle: context.bundle,
    ...(rootfs !== undefined && { rootfs }),
    ...(spec.annotations && { annotations: spec.annotations }),
    created: making.created,
    owner: making.owner,
    ...(cgroup && { cgroup }),
    ...(resctrl && { resctrl }),
    ...(context.systemdCgroup && { systemdCgroup: true }),
    ...(remove.length > 0 && { remove }),
  };
}

/** `state.json` as it stands at one moment: before the process is born there is no PID. */
function writeState(
  making: Making,
  status: string,
  born: boolean,
  phase: 'state' | 'network' | 'ready' | 'running',
): AnyStep {
  const { ociVersion, id, bundle, ...rest } = recordOf(making);
  const process = born ? { pid: childPid, startTime } : { maker };
  const data = jsonTemplate({ ociVersion, id, status, ...process, bundle, ...rest });
  return step(
    phase,
    'write_file',
    { path: `${stateDirectory(making)}/state.json`, data, mode: 0o644 },
    `write the state of ${id}`,
    {
      side: 'host',
    },
  );
}

/** Take the name, and write down what must be undone before any of it exists. */
export function takeName(making: Making, configText: string): AnyStep[] {
  const directory = stateDirectory(making);
  const { id } = making.context;
  const steps = [
    step(
      'state',
      'mkdirs',
      { path: making.root, mode: 0o711 },
      `make the directory for states ${making.root}`,
      {
        side: 'host',
        hints: {
          EACCES: 'choose another place with --root DIR',
          EROFS: 'choose another place with --root DIR',
        },
      },
    ),
    step('state', 'mkdir', { path: directory, mode: 0o711 }, `take the name ${id}`, {
      side: 'host',
      undo: undo(lifetime(making), 'remove', { path: directory, what: 'record' }, `remove ${directory}`),
      hints: { EEXIST: 'a container with this ID exists; choose another, or delete that one' },
    }),
    ...learnMaker(),
    writeState(making, 'creating', false, 'state'),
    // Nobody reads it before the container is ready, so it is written while the container makes itself.
    step(
      'network',
      'write_file',
      { path: `${directory}/config.json`, data: configText, mode: 0o600 },
      `keep the config of ${id}`,
      { side: 'host' },
    ),
  ];
  if (making.notify !== undefined) steps.push(...notifySteps(directory, making.course));
  if (making.course === 'create') {
    const fifo = startFifo(directory);
    const flags = O.RDWR; // neither opening nor the one read(2) before `start` finds nobody writing (fifo(7))
    steps.push(
      step('state', 'mkfifo', { path: fifo, mode: 0o600 }, `make ${fifo}`, { side: 'host' }),
      step('state', 'open', { path: fifo, flags, fd: startFd }, `open ${fifo}`, { side: 'host' }),
      ...reporting(directory),
    );
  }
  return steps;
}

/** What the first state says of who makes the container. */
function learnMaker(): AnyStep[] {
  const side = 'host';
  const { pid, startTime: ticks } = maker;
  return [
    step('state', 'self_pid', { pid }, 'note the own PID', { side }),
    step('state', 'start_time', { pid, ticks }, 'read the own start time', { side }),
  ];
}

/** What goes wrong after `start` is for `start` to say, whom the process in its own root cannot reach. */
function reporting(directory: string): AnyStep[] {
  const path = startReport(directory);
  const open = { path, flags: O.WRONLY | O.CREAT | O.TRUNC, mode: 0o600, fd: reportFd };
  return [
    step('state', 'open', open, `make ${path}`, { side: 'host' }),
    step('ready', 'report_to', { fd: reportFd }, 'leave the words of a later failure to start'),
  ];
}

/**
 * Once the process is born: its start time, for the state. Hooks may ask for the state while
 * the container is being made, so with hooks it is written now with the PID; without them
 * nobody needs it, for a container whose launcher dies now ends itself.
 */
export function recordBirth(making: Making): AnyStep[] {
  const { prestart, createRuntime, createContainer } = making.spec.hooks ?? {};
  const asked = [prestart, createRuntime, createContainer].some((hooks) => hooks?.length);
  return [
    step(
      'network',
      'start_time',
      { pid: childPid, ticks: startTime },
      'read the start time of the container',
      { side: 'host' },
    ),
    ...(asked ? [writeState(making, 'creating', true, 'network')] : []),
  ];
}

/** What the outside is handed before a process may go on. */
export interface Handover {
  pidFile?: string;
  consoleSocket?: string;
  pidfdSocket?: string;
}

/**
 * The process is made, all but its command: the outside learns of it (`between`: the
 * state, say) and gets what it asked for, before the process may go on.
 */
export function handOver(
  { pidFile, consoleSocket, pidfdSocket }: Handover,
  id: string,
  between: readonly AnyStep[],
): AnyStep[] {
  const side = 'host';
  const steps = [
    step('ready', 'notify', { process: peer, point: points.ready }, 'say that the process is made'),
    step('ready', 'await', { process: peer, point: points.ready }, 'wait for the process to be made', {
      side,
    }),
    ...between,
  ];
  if (pidFile !== undefined) steps.push(pidFileStep(pidFile));
  if (consoleSocket !== undefined) {
    // runc sends the name of the terminal's file along; engines show it at most.
    const args = { path: consoleSocket, data: '/dev/ptmx', fds: [slot('console.master')] };
    steps.push(
      step('ready', 'send_fds', args, `send the terminal to the console socket ${consoleSocket}`, { side }),
    );
  }
  if (pidfdSocket !== undefined) {
    const args = { path: pidfdSocket, data: id, fds: [slot('child.pidfd')] };
    steps.push(step('ready', 'send_fds', args, `send the pidfd to ${pidfdSocket}`, { side }));
  }
  return [
    ...steps,
    step('ready', 'notify', { process: peer, point: points.recorded }, 'let the process go on', { side }),
    step('ready', 'await', { process: peer, point: points.recorded }, 'wait until the outside knows'),
  ];
}

/** The container is made: its state says so before it may go on. */
export function recordReady(making: Making): AnyStep[] {
  const status = making.course === 'create' ? 'created' : 'running';
  const written = writeState(making, status, true, 'ready');
  return handOver(making, making.context.id, [written]);
}

/** A container that criu made is running from the first. */
export function restored(making: Making): AnyStep[] {
  const time = step(
    'ready',
    'start_time',
    { pid: childPid, ticks: startTime },
    'read the start time of the container',
    {
      side: 'host',
    },
  );
  const pid = making.pidFile === undefined ? [] : [pidFileStep(making.pidFile)];
  return [time, writeState(making, 'running', true, 'ready'), ...pid];
}

function pidFileStep(path: string): AnyStep {
  // Without a newline: conmon and go-runc parse the whole file as a number.
  const remove = undo('failure', 'remove', { path }, `remove ${path}`);
  return step(
    'ready',
    'write_file',
    { path, data: template`${childPid}`, mode: 0o644 },
    `write the PID file ${path}`,
    {
      side: 'host',
      undo: remove,
    },
  );
}

/** After the start: go, or stay with the container until it ends. */
export function stayOrGo(making: Making): AnyStep[] {
  if (making.course === 'create') return [leave()];
  const steps = [step('running', 'await_exec', { process: peer }, 'start the command', { side: 'host' })];
  if (making.time) {
    const text = slot('elapsed');
    steps.push(
      step('running', 'elapsed', { text }, 'take the time', { side: 'host' }),
      step(
        'running',
        'print',
        { fd: 2, text: template`ctr-run: ${making.context.id} started in ${text} ms` },
        'say how long it took',
        {
          side: 'host',
          unless: ['any'],
        },
      ),
    );
  }
  steps.push(...hookSteps(making.spec, 'poststart', making.context));
  if (making.notify !== undefined) steps.push(...tellReady(making.notify, making.course));
  if (making.course === 'detach') return [...steps, leave()];
  const args = {
    process: peer,
    pid: childPid,
    pidfd: slot('child.pidfd'),
    ending: 'by_code' as const,
    pty: optionalSlot('console.master'),
  };
  return [...steps, step('supervise', 'supervise', args, 'stay with the container', { side: 'host' })];
}

export const leave = (): AnyStep =>
  step('supervise', 'exit', { code: 0 }, 'leave the container to its engine', { side: 'host' });
