/** `ctr-run harden`: what it writes is as tight as it says, and works; by other runtimes too. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, skip, slower, tempDir, toolPath } from '../../../../test/support.ts';
import { busyboxRoot } from '../bundles.ts';
import { withoutUnified } from '../peers.ts';

const root = () => busyboxRoot(tempDir('harden'));
const words = (rootfs: string, script: string, ...more: string[]) => [
  'harden',
  ...more,
  '--rootfs',
  rootfs,
  '--',
  'sh',
  '-c',
  script,
];
const harden = (...args: Parameters<typeof words>) =>
  runTool('ctr-run', words(...args), { timeout: 200_000 });
const written = (path: string): Spec => JSON.parse(readFileSync(path, 'utf8')) as Spec;
const namesOf = (spec: Spec): string[] => spec.linux!.seccomp!.syscalls!.flatMap(({ names }) => names);
const made = (): string[] => readdirSync('/tmp').filter((name) => name.startsWith('ctr-harden-'));
/** The script of a result may be another. */
function runs(spec: Spec, script: string) {
  const other = { ...spec, process: { ...spec.process!, args: ['sh', '-c', script] } };
  return runTool('ctr-run', ['run', '-'], { input: JSON.stringify(other) });
}
const file = () => `${tempDir('harden')}/config.json`;

test('what the command needs is left with its reason, all else is gone, and is refused', (context) => {
  needs(context, 'root', 'command:busybox');
  const before = made();
  const at = file();
  const { status, stdout, stderr } = harden(root(), 'echo hi; chown 7 /tmp', '--output', at);
  expect([status, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(/^ctr-run: taken away: .*capability kill.*mount \/sys/m);
  expect(stderr).toMatch(/^ctr-run: {3}capability chown: it .*: chown: \/tmp: Operation not permitted$/m);
  expect(stderr).toMatch(/^ctr-run: \d+ runs; the last, under the result, ended as the first$/m);
  const spec = written(at);
  expect(spec.process!.capabilities!.bounding).toEqual(['CAP_CHOWN']);
  expect(spec.mounts!.map(({ destination }) => destination)).toEqual(['/proc', '/dev']);
  expect(spec.annotations!['org.ctr-tools.harden.capability-chown']).toContain('Operation not permitted');
  expect(namesOf(spec)).toEqual(expect.arrayContaining(['execve', 'chown']));
  expect(namesOf(spec).length).toBeLessThan(80);
  expect(runs(spec, 'echo hi; chown 7 /tmp')).toMatchObject({ status: 0, stdout: 'hi\n', stderr: '' });
  // Under the default of `run` this works.
  expect(runs(spec, 'mkdir /tmp/other').status).not.toBe(0);
  expect(made().filter((name) => !before.includes(name))).toEqual([]);
});

test('a command that needs nothing has nothing; a code that is not 0 is held too', (context) => {
  needs(context, 'root', 'command:busybox');
  const { status, stdout, stderr } = harden(root(), 'exit 3');
  expect(status).toBe(0);
  expect(stderr).toContain('taken away: all capabilities, a root that can be written');
  const spec = JSON.parse(stdout) as Spec;
  expect(spec.process!.capabilities!.permitted).toEqual([]);
  expect(spec.root!.readonly).toBe(true);
  expect(runs(spec, 'exit 3').status).toBe(3);
});

test('an earlier result stays as open as it was', (context) => {
  needs(context, 'root', 'command:busybox');
  const [a, b] = [file(), file()];
  const rootfs = root();
  expect(harden(rootfs, 'chown 7 /tmp', '-o', a).status).toBe(0);
  expect(harden(rootfs, 'ls /sys/kernel', '--merge', a, '-o', b).status).toBe(0);
  const spec = written(b);
  expect(spec.process!.capabilities!.bounding).toEqual(['CAP_CHOWN']);
  expect(Object.keys(spec.annotations!)).toEqual(
    expect.arrayContaining(['org.ctr-tools.harden.capability-chown', 'org.ctr-tools.harden.mount-/sys']),
  );
  for (const script of ['chown 7 /tmp', 'ls /sys/kernel'])
    expect(runs(spec, script), script).toMatchObject({ status: 0, stderr: '' });
  expect(runs(written(a), 'ls /sys/kernel').status).not.toBe(0);
});

describe.for(['runc', 'crun'] as const)('--for %s', (name) => {
  test('what only that runtime calls is allowed, and it runs the result', (context) => {
    needs(context, 'root', 'command:busybox', `command:${name}`);
    if (slower > 1) skip(context, 'an emulated machine has no time for it');
    const at = file();
    const argv = [toolPath('ctr-run'), ...words(root(), 'echo hi', '--for', name, '-o', at)];
    const whole = name === 'crun' ? [...withoutUnified, ...argv] : argv;
    const ended = run(whole[0]!, whole.slice(1), { timeout: 200_000 });
    expect([ended.status, ended.stderr.includes('ended as the first')], ended.stderr).toEqual([0, true]);
    const bundle = tempDir('harden');
    const id = `ctr-test-harden-${process.pid}`;
    const through = name === 'crun' ? withoutUnified : [];
    const start = (spec: Spec) => {
      writeFileSync(`${bundle}/config.json`, JSON.stringify(spec));
      const line = [...through, name, 'run', '--bundle', bundle, id];
      const said = run(line[0]!, line.slice(1));
      const gone = [...through, name, 'delete', '--force', id];
      run(gone[0]!, gone.slice(1));
      return said;
    };
    expect(start(written(at))).toMatchObject({ status: 0, stdout: 'hi\n' });
    if (name === 'crun') return;
    // Ours needs none of that: the same without is enough for ctr-run, and not for this one.
    const own = file();
    expect(harden(written(at).root!.path, 'echo hi', '-o', own).status).toBe(0);
    expect(start({ ...written(own), ociVersion: '1.0.2' }).status).not.toBe(0);
  });
});

test('what cannot be hardened says why', (context) => {
  needs(context, 'root', 'command:busybox');
  const rootfs = root();
  expect(runTool('ctr-run', ['harden', '--rootfs', rootfs, '--', 'no-such'])).toMatchObject({
    status: 127,
    stderr: expect.stringContaining('the command does not begin (127)'),
  });
  expect(runTool('ctr-run', ['harden', '--for', 'runc', '--rootfs', 'host', '--', 'true'])).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('made of layers'),
  });
  expect(harden(rootfs, 'true', '--merge', '/no/such').stderr).toMatch(/--merge \/no\/such: .*no such file/i);
  expect(harden(rootfs, 'true', '--network', 'default')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('leave --network out'),
  });
  expect(harden(rootfs, 'true', '--for', 'podman').stderr).toContain('it can be runc or crun');
});
