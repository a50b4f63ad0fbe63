import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultSpec, type Process, type Spec } from '@ctr-tools/oci';
import { describe, expect, it } from 'vitest';
import { hasCommand, run, tempDir, toolPath } from '../../../test/support.ts';

const busybox = '/bin/busybox';
const possible = process.geteuid?.() === 0 && hasCommand('runc') && hasCommand('busybox');

/** A bundle whose command tells what privileges it has. */
function bundle(change: (process: Process, spec: Spec) => void): string {
  const dir = tempDir('caps-bundle');
  mkdirSync(join(dir, 'rootfs/bin'), { recursive: true });
  copyFileSync(busybox, join(dir, 'rootfs/bin/busybox'));
  symlinkSync('busybox', join(dir, 'rootfs/bin/grep'));
  const spec = defaultSpec();
  const command = spec.process!;
  command.terminal = false;
  command.args = ['/bin/grep', '-E', '^(Cap|NoNew|Groups|Uid|Gid)', '/proc/self/status'];
  // The limits and the cgroup files are others' business, and not every host lets runc do them.
  delete spec.linux!.resources;
  spec.mounts = spec.mounts!.filter(({ destination }) => destination !== '/sys/fs/cgroup');
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
  change(command, spec);
  writeFileSync(join(dir, 'config.json'), JSON.stringify(spec));
  return dir;
}

const under = (runtime: string, dir: string) => {
  const id = `ctr-test-caps-${process.pid}-${runtime === 'runc' ? 'peer' : 'ours'}`;
  return run(runtime, ['run', '--bundle', dir, id]);
};

describe.skipIf(!possible)('a container has the privileges that it has under runc', () => {
  it.each<[string, (process: Process, spec: Spec) => void]>([
    ['by default', () => {}],
    ['without the section', (p) => delete p.capabilities],
    [
      'without the section, as a user',
      (p) => {
        delete p.capabilities;
        p.user = { uid: 5, gid: 6 };
      },
    ],
    [
      'as a user with groups',
      (p) => {
        p.user = { uid: 5, gid: 6, additionalGids: [7, 8] };
      },
    ],
    [
      'as a user with ambient capabilities',
      (p) => {
        p.user = { uid: 5, gid: 6 };
        p.capabilities!.inheritable = ['CAP_KILL'];
        p.capabilities!.ambient = ['CAP_KILL'];
      },
    ],
    [
      'as a user that may gain',
      (p) => {
        p.user = { uid: 5, gid: 6 };
        p.noNewPrivileges = false;
      },
    ],
    [
      'with an inheritable set',
      (p) => {
        p.capabilities!.inheritable = ['CAP_KILL', 'CAP_AUDIT_WRITE'];
      },
    ],
    [
      'with a bounding set that is wider',
      (p) => {
        p.capabilities!.bounding!.push('CAP_CHOWN', 'CAP_NET_RAW');
      },
    ],
    [
      'with an effective set that is narrower',
      (p) => {
        p.capabilities!.effective = ['CAP_KILL'];
      },
    ],
    [
      'in a user namespace',
      (p, spec) => {
        p.user = { uid: 3, gid: 4, additionalGids: [5] };
        spec.linux!.namespaces!.push({ type: 'user' });
        spec.linux!.uidMappings = [{ containerID: 0, hostID: 0, size: 1000 }];
        spec.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 1000 }];
      },
    ],
  ])('%s', (_what, change) => {
    const dir = bundle(change);
    const theirs = under('runc', dir);
    expect([theirs.status, theirs.stderr]).toEqual([0, '']);
    const ours = under(toolPath('ctr-run'), dir);
    expect([ours.status, ours.stderr]).toEqual([0, '']);
    expect(ours.stdout).toBe(theirs.stdout);
  });
});
