/** Into which groups `exec` puts a process. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { needs, runTool, until } from '../../../test/support.ts';
import { hierarchiesOf } from '../../cg-limit/src/layout.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A container that runs, the directories of its groups, and where its first process can be moved to. */
function container(limit?: number) {
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.cgroupsPath = `/${id}`;
    if (limit !== undefined) spec.linux!.resources = { ...spec.linux!.resources, pids: { limit } };
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
  });
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, id)).toMatchObject({ status: 0, stderr: '' });
  const { pid } = JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number };
  const groups = hierarchiesOf().map((h) => ({
    ...h,
    own: `${h.mountPoint}/${id}`,
    aside: `${h.mountPoint}/${id}-aside`,
  }));
  ends.push(async () => {
    process.kill(pid, 'SIGKILL');
    await until('it has ended', () => !existsSync(`/proc/${pid}/exe`));
    runTool('ctr-run', ['delete', '--force', id]);
    for (const { aside } of groups) if (existsSync(aside)) rmdirSync(aside);
  });
  return {
    id,
    pid,
    groups,
    exec: (...argv: string[]) => runTool('ctr-run', ['exec', ...argv]),
    /** Move its first process to groups beside its own, as an administrator can. */
    move: () => {
      for (const { aside, mountPoint, controllers } of groups) {
        mkdirSync(aside);
        if (controllers.includes('cpuset'))
          for (const file of ['cpuset.cpus', 'cpuset.mems'])
            writeFileSync(`${aside}/${file}`, readFileSync(`${mountPoint}/${file}`));
        writeFileSync(`${aside}/cgroup.procs`, String(pid));
      }
    },
  };
}

test('after its first process was moved away, who comes is in its own groups, and counts for its limits', (context) => {
  needs(context, 'root');
  const c = container(5);
  c.move();
  const { stdout } = c.exec(c.id, '/bin/cat', '/proc/self/cgroup');
  for (const line of stdout.trim().split('\n')) expect(line.endsWith(`/${c.id}`), line).toBe(true);
  const limited = c.groups.some(({ own }) => existsSync(`${own}/pids.max`));
  if (!limited) return;
  // One process is the shell; under a limit of 5 it starts four more.
  const line = 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait';
  const many = c.exec(c.id, '/bin/sh', '-c', line);
  expect(many.stderr).toMatch(/can't fork/);
});

test('--cgroup is below its own groups wherever its first process is', (context) => {
  needs(context, 'root');
  const c = container();
  c.move();
  for (const { own, controllers } of c.groups) {
    mkdirSync(`${own}/below`);
    if (controllers.includes('cpuset'))
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        writeFileSync(`${own}/below/${file}`, readFileSync(`${own}/${file}`));
  }
  const { stdout, stderr } = c.exec('--cgroup', 'below', c.id, '/bin/cat', '/proc/self/cgroup');
  expect(stderr).toBe('');
  for (const line of stdout.trim().split('\n')) expect(line.endsWith(`/${c.id}/below`), line).toBe(true);
});

test('where its own group takes nobody, who comes is where its first process is', (context) => {
  needs(context, 'root');
  const c = container();
  const v2 = c.groups.find(({ version }) => version === 2)!;
  const [controller] = readFileSync(`${v2.own}/cgroup.controllers`, 'utf8').split(/\s/).filter(Boolean);
  mkdirSync(`${v2.own}/init`);
  writeFileSync(`${v2.own}/init/cgroup.procs`, String(c.pid));
  const seen = (): string => /^0::(.*)$/m.exec(c.exec(c.id, '/bin/cat', '/proc/self/cgroup').stdout)![1]!;
  expect(seen()).toBe(`/${c.id}`);
  if (controller === undefined) return;
  writeFileSync(`${v2.own}/cgroup.subtree_control`, `+${controller}`);
  expect(seen()).toBe(`/${c.id}/init`);
});
