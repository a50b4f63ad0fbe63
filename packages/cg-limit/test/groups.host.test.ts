/** Where the command's group is, who may enter it, and that nothing is left of it. */
import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { needs, runShell, runTool, start, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const here = hierarchiesOf();
/** The directory of a controller's group with this absolute path. */
const groupOf = (controller: string, path: string): string => {
  const h = here.find((x) => carriedBy(x).includes(controller)) ?? here.find((x) => x.version === 2)!;
  return join(h.mountPoint, path);
};
const cg = (...args: string[]) => runTool('cg-limit', args, { timeout: 120_000 });
/** A line of /proc/PID/cgroup for a group with this path, in a hierarchy that every host has. */
const lineOf = (path: string): string => (here.some((h) => h.version === 1) ? `pids:${path}` : `0::${path}`);

describe('the group', () => {
  const path = `/ctr-test-${process.pid}`;
  afterAll(() => {
    for (const h of here) if (existsSync(join(h.mountPoint, path))) rmdirSync(join(h.mountPoint, path));
  });

  test('the command is in it everywhere from its first moment, and nothing is left', (context) => {
    needs(context, 'root');
    const ended = cg('--cgroup', path, '--', 'cat', '/proc/self/cgroup');
    // In every hierarchy that is mounted; one may live that is mounted for somebody else alone.
    expect(ended.stdout.split('\n').filter((line) => line.endsWith(`:${path}`))).toHaveLength(here.length);
    for (const h of here) expect(existsSync(join(h.mountPoint, path))).toBe(false);
  });

  test('--keep leaves it, --join enters it, --remove removes it; the PID stays the same', (context) => {
    needs(context, 'root');
    const kept = start(toolPath('cg-limit'), [
      '--keep',
      '--pids-limit',
      '7',
      '--cgroup',
      path,
      '--',
      'sh',
      '-c',
      'echo $$',
    ]);
    return kept.ended.then((ended) => {
      expect(ended.stderr).toBe('');
      expect(Number(ended.stdout)).toBe(kept.child.pid);
      expect(readFileSync(join(groupOf('pids', path), 'pids.max'), 'utf8')).toBe('7\n');
      expect(cg('--cgroup', path, '--', 'true').stderr).toBe(
        `cg-limit: the cgroup ${join(here[0]!.mountPoint, path)} exists already; --join enters it, --remove removes it\n`,
      );
      const joined = cg('--join', '--cgroup', path, '--', 'cat', '/proc/self/cgroup');
      expect(joined.stdout).toContain(`${lineOf(path)}\n`);
      const byVariable = runTool('cg-limit', ['--join', '--', 'sh', '-c', 'cat /proc/self/cgroup'], {
        env: { PATH: process.env.PATH!, CTR_CGROUP: path },
        timeout: 120_000,
      });
      expect(byVariable.stdout).toContain(`${lineOf(path)}\n`);
      expect(existsSync(groupOf('pids', path))).toBe(true);
      expect(cg('--remove', path)).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(groupOf('pids', path))).toBe(false);
    });
  });

  test('a limit inside a limit makes a child group, fused or not', (context) => {
    needs(context, 'root');
    const show = 'cat /proc/self/cgroup';
    const fused = runShell(
      `cg-limit --pids-limit 20 --cgroup ${path} -- cg-limit --pids-limit 9 --cgroup inner -- sh -c '${show}'`,
    );
    const apart = runShell(
      `cg-limit --pids-limit 20 --cgroup ${path} -- sh -c 'cg-limit --pids-limit 9 --cgroup inner -- ${show}'`,
    );
    expect(fused).toMatchObject({ status: 0, stderr: '' });
    expect(fused.stdout).toMatch(new RegExp(`${lineOf(path)}/inner\n`));
    expect(apart).toEqual(fused);
    for (const h of here) expect(existsSync(join(h.mountPoint, path))).toBe(false);
  });

  test('groups above it that were made on the way go with it', (context) => {
    needs(context, 'root');
    expect(cg('--cgroup', `${path}/a/b`, '--', 'true')).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(groupOf('pids', path))).toBe(false);
  });

  test('after a limit that the kernel refuses nothing is left', (context) => {
    needs(context, 'root');
    const ended = cg('--cgroup', path, '--pids-limit', '5', '--cpuset-mems', '63', '--', 'true');
    expect(ended.status).toBe(125);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    for (const h of here) expect(existsSync(join(h.mountPoint, path))).toBe(false);
  });

  test('one that is in use is refused', async (context) => {
    needs(context, 'root');
    const first = start(toolPath('cg-limit'), ['--cgroup', path, '--', 'sleep', '600']);
    await until(
      'it runs',
      () =>
        existsSync(groupOf('pids', path)) &&
        readFileSync(join(groupOf('pids', path), 'cgroup.procs'), 'utf8') !== '',
    );
    expect(cg('--cgroup', path, '--', 'true').stderr).toContain('is in use; --join enters it');
    expect(cg('--remove', path).stderr).toBe(
      `cg-limit: remove ${path}: 1 process is in it; --kill ends them, --to-parent moves them to the group above, or wait for their end\n`,
    );
    first.child.kill('SIGTERM');
    expect((await first.ended).signal).toBe('SIGTERM');
    expect(existsSync(groupOf('pids', path))).toBe(false);
  });
});
