/**
 * An agent: another process of a tool that watches a command beside the launcher, and tells at the end what it saw.
 * On Node alone. Agent and plan know each other by files of a directory of their own.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';
import { Failure } from './errors.ts';
import type { Host } from './host.ts';

export const meeting = (directory: string) => ({
  /** There once the agent is ready; it goes when the plan has ended. Of an agent that listens, its socket. */
  socket: `${directory}/listener`,
  /** Held by the agent until it has done all that it has to do; whoever gets it knows so. */
  lock: `${directory}/lock`,
});

/** The agent starts a Node of its own, which a busy or emulated machine does slowly: so long it may take (milliseconds). */
const PATIENCE = 60_000;

const sleep = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** Whether a child of ours runs: one that has ended is there until it is waited for, in state Z (proc_pid_stat(5)). */
function runs(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

/** An agent to be started: `TOOL ARGS`, maybe in the meeting's own directory. */
export interface Agent {
  tool: string;
  args: readonly string[];
  directory: string;
  /** Its working directory, where it is not the caller's. */
  cwd?: string;
  /** What is said where it does not get ready. */
  doing: string;
}

/** Start it beside the command, and wait until it is ready. Throws `Failure`. */
export function startAgent({ tool, args, directory, cwd, doing }: Agent, host: Host): void {
  const { socket } = meeting(directory);
  const child = spawn(join(dirname(host.launcher), tool), args, {
    detached: true,
    ...(cwd !== undefined && { cwd }),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: '/usr/bin:/bin' },
  });
  child.unref();
  for (let waited = 0; !existsSync(socket); waited += 5) {
    if (waited > PATIENCE || !runs(child.pid)) throw new Failure(`${doing}: it ended or did not get ready`);
    sleep(5);
  }
}

/** At the end of a plan: wait until the agent, `who`, has done its work, and remove the directory. */
export function agentSteps(directory: string, who: string): AnyStep[] {
  const { socket, lock } = meeting(directory);
  const open = (name: string, after: ReturnType<typeof undo>): AnyStep =>
    step('state', 'open', { path: lock, flags: 0o2000000, fd: slot(name) }, `open ${lock}`, {
      side: 'host',
      undo: after,
    });
  const waiting = slot(`${who}.wait`);
  // Undone backwards: the socket goes, so that an agent that nobody came to ends; then its
  // work is waited for; then all is removed.
  return [
    open(`${who}.lock`, undo('end', 'remove', { path: directory, what: 'tree' }, `remove ${directory}`)),
    open(`${who}.wait`, undo('end', 'lock', { fd: waiting }, `wait for the agent ${who}`)),
    open(`${who}.socket`, undo('end', 'remove', { path: socket }, `remove ${socket}`)),
  ];
}
