/** systemd tells everybody on its private socket what happens to every unit; none of it may disturb who asks it for one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasCommand, slower, tempDir, toolPath } from '../../../test/support.ts';
import { systemdMachine } from '../../../test/systemd.ts';
import { makeBundle, testId } from './bundles.ts';

const STARTS = slower > 1 ? 60 : 160;

/**
 * Starts one after the other while units come and go as fast as systemd makes them, with properties of many types
 * (their exit codes are of type `i`). Prints what fails.
 */
const script = (directory: string): string => {
  const path = `${directory}/storm.sh`;
  const lines = [
    'n=$1; shift',
    `storm() { while :; do systemd-run --quiet --wait --collect -p CPUWeight=7 sh -c "exit 3"; echo $? >>${directory}/units; done; }`,
    'storm & trap "kill $!" EXIT',
    'for i in $(seq $n); do eval "$@" </dev/null || echo "start $i: $?"; done 2>&1',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
};

test('starts beside a storm of other units', { timeout: 600_000 }, (context) => {
  const machine = systemdMachine(context);
  const directory = tempDir('storm');
  const storm = script(directory);
  const bundle = makeBundle(['/bin/true']);
  const id = testId();
  const beside = (n: number, line: string) =>
    machine.run('/bin/sh', [storm, String(n), line], { timeout: 500_000 });
  const run = (runtime: string) => `${runtime} --systemd-cgroup run --bundle ${bundle} ${id}-$i`;
  if (hasCommand('runc')) expect(beside(10, run('runc')).stdout).toBe('');
  expect(beside(STARTS, run(toolPath('ctr-run'))).stdout).toBe('');
  expect(beside(STARTS / 4, 'cg-limit --manager systemd --device /dev/null -- true').stdout).toBe('');
  // There was a storm, and its units ended as they were to.
  const units = readFileSync(`${directory}/units`, 'utf8').trim().split('\n');
  expect(new Set(units)).toEqual(new Set(['3']));
  expect(units.length).toBeGreaterThan(STARTS / 4);
});

test('a unit is made and ended without waiting for a time limit', { timeout: 600_000 }, (context) => {
  const machine = systemdMachine(context);
  const runtime = toolPath('ctr-run');
  const bundle = makeBundle(['/bin/sleep', '1000']);
  const line = 'exec "$@" </dev/null >/dev/null 2>&1';
  const took: number[] = [];
  for (let n = 0; n < 20; n++) {
    const id = testId();
    const made = ['-c', line, 'sh', runtime, '--systemd-cgroup', 'run', '--detach', '--bundle', bundle, id];
    expect(machine.run('/bin/sh', made).status).toBe(0);
    const begun = Date.now();
    const ended = machine.run(runtime, ['--systemd-cgroup', 'delete', '--force', id], { timeout: 60_000 });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    took.push(Date.now() - begun);
  }
  // systemd's answer is waited for 30 s at most.
  expect(Math.max(...took)).toBeLessThan(20_000 * slower);
});
