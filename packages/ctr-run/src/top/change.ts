/** What top does to a container: cg-limit's acts, by a launcher of our own that says itself what went wrong. On Node alone. */
import { spawn } from 'node:child_process';
import { type Host, printable } from '@ctr-tools/cli';

export type Change = 'freeze' | 'thaw' | 'kill';

/** As long as `cg-limit` may wait for a process that cannot be stopped, and some more. */
const PATIENCE_MS = 15_000;

/** Carry a change out; what is to be said of it. The launcher is every tool, by the name that it is called by. */
export function change(host: Host, what: Change, group: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(host.launcher, [`--${what}`, group], {
      argv0: 'cg-limit',
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: PATIENCE_MS,
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.on('error', ({ message }) => resolve(`${what} ${printable(group)}: ${message}`));
    child.on('close', (code, signal) => {
      if (code === 0) resolve('');
      else
        resolve(
          printable(said.trim()) || `${what} ${printable(group)}: ended by ${signal ?? `exit code ${code}`}`,
        );
    });
  });
}
