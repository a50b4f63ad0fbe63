import { Failure } from '@ctr-tools/cli';
import type { Process } from '@ctr-tools/oci';
import { type AnyStep, optionalSlot, peer, type Slot, slot, step } from '@ctr-tools/plan';
import type { ProcessFacts } from './gather.ts';

/**
 * A terminal of the container's own. It is opened in the container's devpts, so that its
 * name means something inside, and its master is given to the host: slot `console.master`
 * there, for whoever relays it or hands it on. The container closes its own copy, or a
 * terminal whose master went away would never hang up.
 */
export function consoleSteps(process: Process, facts: ProcessFacts): AnyStep[] {
  if (!process.terminal) return [];
  if (facts.mode === 'apply') {
    throw new Failure('a terminal of its own is for containers; a command has the one it was started on');
  }
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  const master = slot('console.master');
  const hints = {
    ENOENT: 'the container needs a devpts at /dev/pts, and /dev/ptmx leading to it',
    ENOSPC: 'the devpts has no terminal left (its option max=)',
  };
  return [
    step(
      'console',
      'console',
      {
        root: facts.exec ? -1 : slot('root'),
        rows: height,
        columns: width,
        bind: facts.exec ? 0 : 1,
        relayed: facts.relayed ? 1 : 0,
        master,
        slave: slot('console.slave'),
      },
      'open a terminal in the container',
      { hints },
    ),
    step('console', 'pass', { process: peer, fd: master }, 'hand the terminal over'),
    step('console', 'take', { process: peer, fd: master }, 'take the terminal', { side: 'host' }),
    step('console', 'close', { fd: master }, 'close our copy of the terminal'),
  ];
}

/**
 * What stays open until the command is executed: what it inherits, and by what a container that
 * waits for `start` hears of it and tells what then fails. The kernel closes these two with execve.
 */
export const keptDescriptors = (facts: ProcessFacts): readonly (number | Slot)[] => [
  ...facts.keepFds,
  ...(facts.awaitStart ? [slot('state.start'), optionalSlot('state.report')] : []),
];

/** The session of a container's process: its keyring, its terminal, the owner of its standard descriptors. */
export function sessionSteps(process: Process, facts: ProcessFacts): AnyStep[] {
  if (facts.mode === 'apply') return [];
  const { uid = 0 } = process.user ?? {};
  const steps: AnyStep[] = [];
  if (facts.keyring !== undefined) {
    steps.push(step('session', 'keyring', { name: facts.keyring }, `join the keyring ${facts.keyring}`));
  }
  steps.push(step('session', 'setsid', {}, 'begin a session'));
  if (process.terminal) {
    const fd = slot('console.slave');
    steps.push(step('session', 'controlling_tty', { fd }, 'make the terminal the controlling one'));
  }
  steps.push(
    // The group stays: a devpts gives terminals to its own (mount option gid=).
    step('session', 'own_stdio', { uid, gid: -1 }, 'give standard input and output to the user'),
    step('session', 'signals_default', {}, 'reset signals'),
    ...(facts.awaitStart
      ? [step('session', 'init_signals', {}, 'let signals end a process that waits for start')]
      : []),
    // Before the working directory is entered and the command looked up, whose paths are the image's.
    step(
      'session',
      'close_others',
      { keep: keptDescriptors(facts), directories: 0 },
      'close what the container is not given',
    ),
  );
  return steps;
}
