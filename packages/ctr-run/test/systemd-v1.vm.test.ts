/** Containers whose groups a real systemd makes on cgroup v1, and what it leaves alone there by files. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Ended, needs, run, toolPath } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

test('a scope holds the container in every hierarchy, and keeps its limits', (context) => {
  needs(context, 'root', 'systemd', 'cgroup-v1');
  const [id, fine] = [testId(), { status: 0, stderr: '' }];
  const unit = `ctr-test-${id}.scope`;
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.cgroupsPath = `system.slice:ctr-test:${id}`;
    spec.linux!.resources = {
      memory: { limit: 64 << 20 },
      cpu: { shares: 512, cpus: '0' },
      pids: { limit: 33 },
      devices: [{ allow: false, access: 'rwm' }],
    };
  });
  const ctr = (...args: string[]): Ended => run(toolPath('ctr-run'), args, { timeout: 120_000 });
  const read = (controller: string, file: string): string =>
    readFileSync(`/sys/fs/cgroup/${controller}/system.slice/${unit}/${file}`, 'utf8').trim();
  const status = (): string => (JSON.parse(ctr('state', id).stdout) as { status: string }).status;
  expect(ctrLeaving('--systemd-cgroup', 'run', '--detach', '--bundle', bundle, id)).toMatchObject(fine);
  try {
    const { pid } = JSON.parse(ctr('state', id).stdout) as { pid: number };
    // cpuset and freezer are not systemd's.
    for (const name of ['memory', 'pids', 'devices', 'cpuset', 'freezer'])
      expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toMatch(
        new RegExp(`:([\\w,]+,)?${name}(,\\w+)*:/system.slice/${unit}\n`),
      );
    const devices = read('devices', 'devices.list');
    expect(devices).not.toContain('a *:* rwm');
    expect(ctr('pause', id)).toMatchObject(fine);
    expect(status()).toBe('paused');
    expect(ctr('resume', id)).toMatchObject(fine);
    expect(ctr('update', '--memory', '32m', id)).toMatchObject(fine);
    run('systemctl', ['daemon-reload']);
    run('systemctl', ['set-property', '--runtime', unit, 'CPUShares=700', 'TasksMax=40']);
    expect([
      read('memory', 'memory.limit_in_bytes'),
      read('cpuset', 'cpuset.cpus'),
      read('pids', 'pids.max'),
      read('devices', 'devices.list'),
    ]).toEqual([String(32 << 20), '0', '40', devices]);
    expect(ctr('exec', id, 'cat', '/proc/self/cgroup')).toMatchObject(fine);
  } finally {
    expect(ctr('delete', '--force', id)).toMatchObject(fine);
  }
  expect(run('systemctl', ['show', '--value', '-p', 'LoadState', unit]).stdout).toBe('not-found\n');
  for (const name of ['memory', 'cpuset', 'freezer'])
    expect(existsSync(`/sys/fs/cgroup/${name}/system.slice/${unit}`)).toBe(false);
});
