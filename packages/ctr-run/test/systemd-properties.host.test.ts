/** What a container's annotations say of its unit, beside runc. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasCommand, tempDir, toolPath } from '../../../test/support.ts';
import { systemdMachine } from '../../../test/systemd.ts';
import { makeBundle, testId } from './bundles.ts';

const annotated = (annotations: Record<string, string>, id: string): string =>
  makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.annotations = Object.fromEntries(
      Object.entries(annotations).map(([name, value]) => [`org.systemd.property.${name}`, value]),
    );
    spec.linux!.cgroupsPath = `system.slice:ctr-test:${id}`;
    spec.ociVersion = '1.0.2'; // what an old runc knows
    spec.process!.capabilities!.ambient = [];
  });

test('properties of the unit are as annotations name them, as with runc', (context) => {
  const machine = systemdMachine(context);
  const shown = (runtime: string): string[] => {
    const id = testId();
    const annotations = {
      TimeoutStopUSec: 'uint64 123456789',
      RuntimeMaxSec: '5000',
      CollectMode: "'inactive'",
      After: "['bed.target']",
      Description: "'a box'",
    };
    const out = `${tempDir('out')}/out`;
    const line = 'out=$1; shift; exec "$@" </dev/null >"$out" 2>&1';
    const argv = [runtime, '--systemd-cgroup', 'run', '--detach', '--bundle', annotated(annotations, id), id];
    const { status } = machine.run('/bin/sh', ['-c', line, 'sh', out, ...argv], { timeout: 60_000 });
    expect(status, readFileSync(out, 'utf8')).toBe(0);
    const names = 'TimeoutStopUSec,RuntimeMaxUSec,CollectMode,Description';
    const unit = `ctr-test-${id}.scope`;
    const { stdout } = machine.run('systemctl', ['show', '-p', names, unit]);
    const after = machine.run('systemctl', ['show', '-p', 'After', unit]).stdout.includes('bed.target');
    machine.run(runtime, ['--systemd-cgroup', 'delete', '--force', id], { timeout: 60_000 });
    return [...stdout.trim().split('\n').toSorted(), String(after)];
  };
  const ours = shown(toolPath('ctr-run'));
  expect(ours).toEqual([
    'CollectMode=inactive',
    'Description=a box',
    'RuntimeMaxUSec=1h 23min 20s',
    'TimeoutStopUSec=2min 3.456789s',
    'true',
  ]);
  if (hasCommand('runc')) expect(shown('runc')).toEqual(ours);
});

test('a container in a slice that nobody used before has all controllers, as with runc', (context) => {
  const machine = systemdMachine(context);
  const controllers = (at: string): string =>
    machine
      .run('cat', [`/sys/fs/cgroup${at}/cgroup.controllers`])
      .stdout.trim()
      .split(' ')
      .toSorted()
      .join(' ');
  const runtimes = [toolPath('ctr-run'), ...(hasCommand('runc') ? ['runc'] : [])];
  for (const [n, runtime] of runtimes.entries()) {
    const [id, slice] = [testId(), `ctrtestfresh${process.pid}n${n}.slice`];
    const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
      spec.linux!.cgroupsPath = `${slice}:ctr-test:${id}`;
      spec.ociVersion = '1.0.2';
      spec.process!.capabilities!.ambient = [];
    });
    const line = 'exec "$@" </dev/null >/dev/null 2>&1';
    const argv = [runtime, '--systemd-cgroup', 'run', '--detach', '--bundle', bundle, id];
    expect(machine.run('/bin/sh', ['-c', line, 'sh', ...argv], { timeout: 60_000 }).status).toBe(0);
    expect(controllers(`/${slice}/ctr-test-${id}.scope`), runtime).toBe(controllers(''));
    machine.run(runtime, ['--systemd-cgroup', 'delete', '--force', id], { timeout: 60_000 });
    machine.run('systemctl', ['stop', slice]);
  }
});

test('a value that is none, and a property that systemd does not know, are an error, and nothing is left', (context) => {
  const machine = systemdMachine(context);
  for (const [annotations, words] of [
    [
      { After: '[' },
      /^ctr-run: the annotation org.systemd.property.After: "\[" is not a value for a property: it ends too early\n$/,
    ],
    [{ Nonsense: '1' }, /^ctr-run: have systemd make the unit ctr-test-.*: .*Nonsense.*\n$/],
  ] as const) {
    const id = testId();
    const bundle = annotated(annotations as Record<string, string>, id);
    const ended = machine.run(toolPath('ctr-run'), ['--systemd-cgroup', 'run', '--bundle', bundle, id]);
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringMatching(words) });
    expect(machine.run(toolPath('ctr-run'), ['state', id]).status).toBe(1);
  }
});
