/** Where a tour works: a directory of its own, with the containers and layers of its commands, all of which goes at its end. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '@ctr-tools/cli';

export interface Place {
  directory: string;
  env: Readonly<Record<string, string>>;
}

/** `bin`: where the tools are. */
export function makePlace(env: Readonly<Record<string, string>>, bin: string): Place {
  const directory = mkdtempSync(join(env.TMPDIR || '/tmp', 'ctr-tour-'));
  const own = { CTR_STATE_ROOT: join(directory, 'state'), CTR_STORE: join(directory, 'store') };
  const rest = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { directory, env: { ...env, ...own, PATH: `${bin}:${env.PATH ?? rest}`, LC_ALL: 'C.UTF-8' } };
}

/** What of this is missing here, or undefined. `engine` is Docker, answering, or podman; every other word is a command. */
export function lacks({ env }: Place, needs: readonly string[]): string | undefined {
  const works = (line: string): boolean =>
    spawnSync('sh', ['-c', line], { env, stdio: 'ignore' }).status === 0;
  return needs.find((need) =>
    need === 'engine' ? !works('command -v podman') && !works('docker info') : !works(`command -v ${need}`),
  );
}

/** Mount points below the directory, the innermost first (proc_pid_mountinfo(5), field 5). */
const mountsBelow = (directory: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((at) => at.startsWith(`${directory}/`))
    .reverse();

const tool = ({ env }: Place, name: string, ...args: string[]) =>
  spawnSync(name, args, { env, encoding: 'utf8' });

/** Take away the containers of a tour; what was said of one that stays, or undefined. */
export function removeContainers(place: Place): string | undefined {
  const ids = (tool(place, 'ctr-run', 'list', '--quiet').stdout ?? '').split('\n').filter(Boolean);
  const ended = ids.map((id) => tool(place, 'ctr-run', 'delete', '--force', id));
  return ended.find(({ status }) => status !== 0)?.stderr.trim();
}

/**
 * Take away the containers, mounts and files of a tour, whatever its commands have come to. Throws a `Failure` that
 * names what stays: nothing is removed through a mount that could not be taken away.
 */
export function clear(place: Place): void {
  const { directory } = place;
  const trouble = removeContainers(place);
  if (trouble !== undefined) throw new Failure(`${trouble}; the tour's directory ${directory} stays`);
  for (const at of mountsBelow(directory))
    if (tool(place, 'ufs-mount', '--unmount', at).status !== 0) tool(place, 'umount', at);
  const [left] = mountsBelow(directory);
  if (left !== undefined) throw new Failure(`${left} is still mounted; umount it, then remove ${directory}`);
  // What was ended a moment ago may still have written something while this went through the directory.
  for (let tries = 0; existsSync(directory) && tries < 50; tries++)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  if (existsSync(directory)) throw new Failure(`${directory} cannot be removed; rm -r it`);
}
