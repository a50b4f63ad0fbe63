/** cgroup v1: a cpuset that somebody made by mkdir and left so has no CPUs, and nothing below it can have any. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { hasCommand, needs, run, runTool } from '../../../test/support.ts';
import { hierarchiesOf } from '../../cg-limit/src/layout.ts';
import { makeBundle, testId } from './bundles.ts';

const mount = '/sys/fs/cgroup/cpuset';
const names: string[] = [];
afterEach(() => {
  // runc leaves what it made above its group in the other hierarchies.
  for (const name of names.splice(0))
    for (const { mountPoint } of hierarchiesOf())
      for (const path of [`${name}/pod/c`, `${name}/pod`, name])
        if (existsSync(`${mountPoint}/${path}`)) rmdirSync(`${mountPoint}/${path}`);
});

/** Two groups, one in the other, as `mkdir -p` leaves them; and the leaf too if `leaf`. */
function empty(leaf: boolean): string {
  const name = testId();
  names.push(name);
  mkdirSync(`${mount}/${name}/pod${leaf ? '/c' : ''}`, { recursive: true });
  return name;
}

const cpus = (path: string): string => readFileSync(`${mount}/${path}/cpuset.cpus`, 'utf8').trim();

test.for([false, true])(
  'a group below them is filled from above, and they too; the last is there: %s',
  (leaf, context) => {
    needs(context, 'root', 'file:/sys/fs/cgroup/cpuset/cpuset.cpus');
    const all = cpus('');
    const runtimes = ['ctr-run', ...(hasCommand('runc') ? ['runc'] : [])];
    for (const runtime of runtimes) {
      const name = empty(leaf);
      const bundle = makeBundle(
        ['/bin/grep', 'Cpus_allowed_list', '/proc/self/status'],
        (spec) => {
          spec.linux!.cgroupsPath = `/${name}/pod/c`;
        },
        runtime === 'runc' ? 'runc' : 'ctr-run',
      );
      const argv = ['run', '--bundle', bundle, testId()];
      const ended = runtime === 'runc' ? run('runc', argv) : runTool('ctr-run', argv);
      expect(ended, runtime).toMatchObject({ status: 0, stderr: '' });
      expect([cpus(name), cpus(`${name}/pod`)], runtime).toEqual([all, all]);
    }
    const name = empty(false);
    const limited = runTool('cg-limit', [
      '--cgroup',
      `/${name}/pod/c`,
      '--cpuset-cpus',
      '0',
      '--',
      'cat',
      `${mount}/${name}/pod/c/cpuset.cpus`,
    ]);
    expect(limited).toMatchObject({ status: 0, stdout: '0\n', stderr: '' });
  },
);
