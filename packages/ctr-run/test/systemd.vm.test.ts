/** Containers whose groups a real systemd makes (`--systemd-cgroup`), through their whole life, beside runc's. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { type Ended, needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

const resources = {
  memory: { limit: 64 << 20, reservation: 32 << 20 },
  cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0' },
  pids: { limit: 33 },
  devices: [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
    { allow: true, type: 'b', major: 7, minor: 0, access: 'r' },
  ],
};
const files = ['memory.max', 'memory.low', 'cpu.weight', 'cpu.max', 'cpuset.cpus', 'pids.max'];
const properties = [
  'Slice',
  'Delegate',
  'MemoryMax',
  'MemoryLow',
  'CPUWeight',
  'CPUQuotaPerSecUSec',
  'TasksMax',
].concat(['AllowedCPUs', 'DevicePolicy', 'DeviceAllow', 'DefaultDependencies']);
/** The properties of a unit; the order of its devices says nothing. */
function propertiesOf(unit: string, names: readonly string[] = properties): Record<string, string> {
  const { stdout } = run('systemctl', ['show', ...names.flatMap((name) => ['-p', name]), unit]);
  const found: Record<string, string[]> = {};
  for (const line of stdout.trim().split('\n')) {
    const at = line.indexOf('=');
    const name = line.slice(0, at);
    found[name] = [...(found[name] ?? []), line.slice(at + 1)];
  }
  return Object.fromEntries(Object.entries(found).map(([name, values]) => [name, values.sort().join(', ')]));
}

const wait = (): Ended => run('sleep', ['0.2']);
const made: [runtime: string, id: string][] = [];
afterEach(() => {
  for (const [runtime, id] of made.splice(0)) run(runtime, ['--systemd-cgroup', 'delete', '--force', id]);
});

function containerBy(runtime: string, id: string, slice: string) {
  const bundle = makeBundle(
    ['/bin/sh', '-c', 'while :; do sleep 1; done'],
    (spec) => {
      // runc 1.1 asks for ambient ones that its spec makes impossible, of which ours warns.
      delete spec.process!.capabilities!.ambient;
      spec.linux!.cgroupsPath = `${slice}:ctr-test:${id}`;
      spec.linux!.resources = resources as never;
      if (!spec.linux!.namespaces!.some(({ type }) => type === 'cgroup'))
        spec.linux!.namespaces!.push({ type: 'cgroup' });
    },
    'runc',
  );
  const out = `${tempDir('out')}/out`;
  const tell = (...args: string[]): Ended =>
    run(runtime, ['--systemd-cgroup', ...args], { timeout: 120_000 });
  const create = (): Ended => {
    made.push([runtime, id]);
    const line = 'exec "$0" --systemd-cgroup create --bundle "$1" "$2" </dev/null >"$3" 2>&1';
    const ended = run('/bin/sh', ['-c', line, runtime, bundle, id, out], { timeout: 120_000 });
    return { ...ended, stderr: readFileSync(out, 'utf8') };
  };
  const unit = `ctr-test-${id}.scope`;
  const status = (): string => (JSON.parse(tell('state', id).stdout) as { status: string }).status;
  return { tell, create, status, unit, directory: `/sys/fs/cgroup/${slice || 'system.slice'}/${unit}` };
}

test('the unit has the properties and the files that it has with runc', (context) => {
  needs(context, 'root', 'systemd', 'cgroup-v2', 'command:runc');
  const [theirs, ours] = ['runc', toolPath('ctr-run')].map((runtime) => {
    const c = containerBy(runtime, testId(), '');
    expect(c.create()).toMatchObject({ status: 0, stderr: '' });
    const values = files.map((name) => `${name}: ${readFileSync(`${c.directory}/${name}`, 'utf8').trim()}`);
    const found: Record<string, unknown> = { ...propertiesOf(c.unit), values };
    expect(c.tell('delete', '--force', made.at(-1)![1])).toMatchObject({ status: 0, stderr: '' });
    return found;
  });
  // systemd takes a driver by its name or its number.
  const devices = (theirs!.DeviceAllow as string).replace('char-pts', 'char-136').split(/, | (?=[/bc])/);
  theirs!.DeviceAllow = devices.sort();
  ours!.DeviceAllow = (ours!.DeviceAllow as string).split(/, | (?=[/bc])/).sort();
  // 512 shares; runc before 1.3.2 has another formula for a weight.
  const weights = [ours!.CPUWeight, theirs!.CPUWeight];
  expect([
    ['59', '59'],
    ['59', '20'],
  ]).toContainEqual(weights);
  const text = JSON.stringify(theirs).replace('"CPUWeight":"20"', '"CPUWeight":"59"');
  expect(ours).toEqual(JSON.parse(text.replace('cpu.weight: 20', 'cpu.weight: 59')));
  expect(ours).toMatchObject({ MemoryMax: String(64 << 20), Delegate: 'yes', DevicePolicy: 'strict' });
});

test('its life: limits that change and stay, exec, pause, kill, delete, and the name is free at once', (context) => {
  needs(context, 'root', 'systemd', 'cgroup-v2');
  const id = testId();
  const c = containerBy(toolPath('ctr-run'), id, 'ctrtest.slice');
  const fine = { status: 0, stderr: '' };
  const file = (name: string): string => readFileSync(`${c.directory}/${name}`, 'utf8').trim();
  expect(c.create()).toMatchObject(fine);
  expect(c.status()).toBe('created');
  expect(c.tell('start', id)).toMatchObject(fine);
  expect(c.tell('update', '--memory', '100m', '--pids-limit', '44', id)).toMatchObject(fine);
  // Whatever makes systemd write the unit's files again writes what we said.
  run('systemctl', ['daemon-reload']);
  run('systemctl', [
    'set-property',
    '--runtime',
    c.unit,
    'MemoryLow=1M',
    'CPUWeight=77',
    'AllowedMemoryNodes=0',
  ]);
  expect([
    file('memory.max'),
    file('memory.low'),
    file('pids.max'),
    file('cpu.max'),
    file('cpuset.cpus'),
  ]).toEqual([String(100 << 20), String(1 << 20), '44', '50000 100000', '0']);
  // Born in the group, which is the root of its namespace; a device that no rule allows stays closed.
  const inside = c.tell(
    'exec',
    id,
    '/bin/sh',
    '-c',
    'cat /proc/self/cgroup; mknod /dev/x c 1 11 2>&1; : < /dev/null',
  );
  expect(inside.stdout).toContain('0::/\n');
  expect(file('cgroup.procs').split('\n').length).toBeGreaterThan(0);
  expect(c.tell('pause', id)).toMatchObject(fine);
  expect([c.status(), file('cgroup.freeze')]).toEqual(['paused', '1']);
  expect(c.tell('resume', id)).toMatchObject(fine);
  expect(c.tell('kill', id, 'KILL')).toMatchObject(fine);
  for (let n = 0; c.status() !== 'stopped' && n < 50; n++) wait();
  expect(c.tell('delete', id)).toMatchObject(fine);
  const gone = (): void => {
    expect(propertiesOf(c.unit, ['LoadState', 'ActiveState'])).toEqual({
      LoadState: 'not-found',
      ActiveState: 'inactive',
    });
    expect(existsSync(c.directory)).toBe(false);
  };
  gone();
  expect(c.create()).toMatchObject(fine);
  expect(c.tell('delete', '--force', id)).toMatchObject(fine);
  expect(c.create()).toMatchObject(fine);
  expect(c.tell('delete', '--force', id)).toMatchObject(fine);
  gone();
  run('systemctl', ['stop', 'ctrtest.slice']);
});

test('a path that is not a slice:prefix:name is refused, and nothing is made', (context) => {
  needs(context, 'root', 'systemd');
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.linux!.cgroupsPath = '/a/b';
  });
  const ended = run(toolPath('ctr-run'), ['--systemd-cgroup', 'run', '--bundle', bundle, testId()]);
  expect(ended).toMatchObject({
    status: 1,
    stderr:
      'ctr-run: with systemd a cgroupsPath is slice:prefix:name (as system.slice:ctr:web), not "/a/b"\n',
  });
});
