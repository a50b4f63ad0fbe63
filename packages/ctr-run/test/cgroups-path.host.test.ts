/** What linux.cgroupsPath can look like, with groups by files and by a systemd, beside runc and crun. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { findCommand, needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { here, type Machine, systemdMachine } from '../../../test/systemd.ts';
import { makeBundle, testId } from './bundles.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Have a runtime start a container with this path; the group of its first process, or what it says. */
function placed(
  machine: Machine,
  runtime: string,
  flags: readonly string[],
  path: string,
  id: string,
): string {
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.cgroupsPath = path;
    spec.ociVersion = '1.0.2'; // what old peers know
    spec.process!.capabilities!.ambient = [];
  });
  const out = `${tempDir('out')}/out`;
  const line = 'out=$1; shift; exec "$@" </dev/null >"$out" 2>&1';
  const argv = [runtime, ...flags, 'run', '--detach', '--bundle', bundle, id];
  const ended = machine.run('/bin/sh', ['-c', line, 'sh', out, ...argv], { timeout: 60_000 });
  ends.push(() => void machine.run(runtime, [...flags, 'delete', '--force', id]));
  if (ended.status !== 0) return readFileSync(out, 'utf8');
  const { pid } = JSON.parse(machine.run(runtime, ['state', id]).stdout) as { pid: number };
  const [, group] = /^0::(.*)$/m.exec(machine.run('cat', [`/proc/${pid}/cgroup`]).stdout) ?? [];
  return group ?? '';
}

const peers = (): string[] => ['runc', 'crun'].flatMap((name) => findCommand(name) ?? []);

test.for([
  ['', (id: string) => new RegExp(`^/system.slice/[a-z-]+-${id}.scope`)],
  ['ctrtest.slice:p:NAME', (id: string) => new RegExp(`^/ctrtest.slice/p-${id}.scope`)],
  ['ctrtest.slice::NAME', (id: string) => new RegExp(`^/ctrtest.slice/-${id}.scope`)],
  [':p:NAME', (id: string) => new RegExp(`^/system.slice/p-${id}.scope`)],
] as const)('with systemd "%s" is the unit that it is for runc and crun', ([path, expected], context) => {
  const machine = systemdMachine(context);
  for (const runtime of [toolPath('ctr-run'), ...peers()]) {
    const id = testId();
    const group = placed(machine, runtime, ['--systemd-cgroup'], path.replace('NAME', id), id);
    // crun needs CAP_SYS_RESOURCE for its device filter, which root of a machine may lack; and it has no unit for no slice.
    const unable = /setrlimit \(RLIM_MEMLOCK\)|Invalid unit name ''/.test(group);
    if (runtime.endsWith('/crun') && unable) continue;
    expect(group, runtime).toMatch(expected(id));
  }
});

test('with systemd a path that says more than slice, prefix and name is refused, as by runc', (context) => {
  const machine = systemdMachine(context);
  const path = 'ctrtest.slice:p:one:more';
  expect(placed(machine, toolPath('ctr-run'), ['--systemd-cgroup'], path, testId())).toBe(
    `ctr-run: with systemd a cgroupsPath is slice:prefix:name (as system.slice:ctr:web), not "${path}"\n`,
  );
  const [runc] = peers().filter((name) => name.endsWith('runc'));
  if (runc)
    expect(placed(machine, runc, ['--systemd-cgroup'], path, testId())).toContain('slice:prefix:name');
});

test.for(['system.slice:cri-containerd:NAME', '/ctr-test-pod.slice:cri:NAME', 'a.slice:b:NAME:d', ''])(
  'without systemd "%s" is a path, as for runc; and what looks like a unit is told to the log',
  (path, context) => {
    needs(context, 'root');
    for (const runtime of [toolPath('ctr-run'), ...peers().filter((name) => name.endsWith('runc'))]) {
      const id = testId();
      const log = `${tempDir('log')}/log`;
      const group = placed(here, runtime, ['--log', log], path.replace('NAME', id), id);
      const last = path === '' ? id : path.replace('NAME', id);
      expect(group.endsWith(last), `${runtime}: ${group}`).toBe(true);
      if (runtime !== toolPath('ctr-run')) continue;
      const told = path.startsWith('system') ? /it is taken as a path/ : /^$/;
      expect(run('cat', [log]).stdout).toMatch(told);
    }
  },
);
