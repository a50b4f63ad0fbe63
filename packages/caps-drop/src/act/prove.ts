/** A second run of a learned command, under the set without what is in doubt. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { err, type Host } from '@ctr-tools/cli';
import { shortNames } from '../capability-list.ts';

/** How the run went that was watched. */
export interface FirstRun {
  code: number;
  milliseconds: number;
  /** A signal ended it, or was passed on to it: a second run would not come to the same end by itself. */
  signalled: boolean;
}

/** The time that a second run gets: three times the first one's, and this (milliseconds). */
const SPARE = 10_000;

/**
 * What of `needed` is really missed. In doubt is what the command was granted once and refused another time, and
 * went on (`doubtful`): ping asks for CAP_SETPCAP before it drops its capabilities, and after. The command is run
 * again without that, with nothing on its stdin and what it prints thrown away; where it ends as before, the rest
 * is enough.
 */
export async function proven(
  needed: bigint,
  doubtful: bigint,
  first: FirstRun,
  command: readonly string[],
  host: Host,
): Promise<bigint> {
  if (doubtful === 0n) return needed;
  const names = shortNames(doubtful);
  if (first.signalled) {
    err(`caps-drop: ${names} was granted and later refused; as a signal ended the run, it stays\n`);
    return needed;
  }
  const rest = needed & ~doubtful;
  err(`caps-drop: ${names} was granted and later refused: runs the command again with ${shortNames(rest)}\n`);
  const limit = 3 * first.milliseconds + SPARE;
  const code = await again(['--only', shortNames(rest), '--', ...command], limit, host);
  if (code === first.code) return rest;
  const how = code === undefined ? 'does not end in time' : `ends with ${code}, not ${first.code}`;
  err(`caps-drop: without ${names} it ${how}: ${names} stays\n`);
  return needed;
}

/** The exit code of `caps-drop ARGS`, or undefined where a signal ended it, ours at the time limit too. */
function again(args: readonly string[], limit: number, host: Host): Promise<number | undefined> {
  const child = spawn(join(dirname(host.launcher), 'caps-drop'), args, {
    stdio: 'ignore',
    cwd: host.cwd,
    env: Object.fromEntries(host.env),
    // A group of its own, so that what it started ends with it.
    detached: true,
  });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(end, limit);
  return new Promise((done) => {
    child.on('error', () => done(undefined));
    child.on('exit', (code) => {
      clearTimeout(timer);
      done(code ?? undefined);
    });
  });
}
