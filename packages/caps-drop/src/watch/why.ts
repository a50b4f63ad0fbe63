/** The plan's half of `--why`: an agent that records capability checks, and the marks by which it knows whose. On Node. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Host } from '@ctr-tools/cli';
import { agentSteps, startAgent } from '@ctr-tools/cli/agent';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';
import { COMMAND } from '../act/refusals.ts';

/** Further files of the meeting (`packages/cli/src/agent.ts`). */
export const files = (directory: string) => ({
  /** Leads to the file of the record into which marks are written. */
  marker: `${directory}/marker`,
  /** Held by the agent until it records the launcher and all that it starts. */
  follows: `${directory}/follows`,
  /** There where the command is in a user namespace of its own. */
  userns: `${directory}/userns`,
});

/** The mark of the launcher. */
export const LAUNCHER = 'ctr-why-launcher';

/**
 * Between the launcher and the agent: the launcher says by a mark which process of the record it is, and waits until
 * it is followed; the process that becomes the command says so while it is made.
 */
export function watchSteps(directory: string): AnyStep[] {
  const { marker, follows } = files(directory);
  const mark = slot('caps.mark');
  const lock = slot('caps.follows');
  const closing = 'close the record of capability checks';
  const doing = 'mark the record of capability checks';
  const side = 'host' as const;
  return [
    ...agentSteps(directory, 'caps'),
    // O_WRONLY, O_CLOEXEC
    step('state', 'open', { path: marker, flags: 0o2000001, fd: mark }, `open ${marker}`, {
      side,
      // The record cannot go while somebody has it open.
      undo: undo('failure', 'close', { fd: mark }, closing),
    }),
    step('state', 'write_fd', { fd: mark, data: LAUNCHER }, doing, { side }),
    step('state', 'open', { path: follows, flags: 0o2000000, fd: lock }, `open ${follows}`, { side }),
    step('state', 'lock', { fd: lock }, 'wait until capability checks are recorded', { side }),
    step('state', 'close', { fd: lock }, `close ${follows}`, { side }),
    step('join', 'close', { fd: mark }, closing, { side }),
    // Before anybody closes what is not the command's. Its next exec makes it the command.
    step('identity', 'write_fd', { fd: mark, data: COMMAND }, doing),
    step('identity', 'close', { fd: mark }, closing),
  ];
}

const PREFIX = '/tmp/caps-drop-';

/** Start the agent, and give the steps that go with it; with `planned` start nothing. Throws `Failure` where nothing can be recorded. */
export function watchCapabilities(host: Host, { planned = false, userns = false } = {}): AnyStep[] {
  if (planned) return watchSteps(`${PREFIX}XXXXXX`);
  const directory = mkdtempSync(PREFIX);
  try {
    if (userns) writeFileSync(files(directory).userns, '');
    const args = ['--why', '--pid', String(process.ppid)];
    startAgent(
      { tool: 'caps-drop', args, directory, cwd: directory, doing: 'record capability checks' },
      host,
    );
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return watchSteps(directory);
}

/** Whether a working directory is that of such a meeting. */
export const isMeeting = (directory: string): boolean =>
  directory.startsWith(PREFIX) && !existsSync(files(directory).follows);
