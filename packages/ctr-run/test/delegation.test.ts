/** Who owns a container's group (config-linux.md, Cgroup ownership). */
import { writeFileSync } from 'node:fs';
import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { defaultSpec, type Spec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { delegatedFiles, delegationSteps, wantsDelegation } from '../src/container/delegation.ts';

const v2: CgroupRecord = { manager: 'files', paths: { unified: '/sys/fs/cgroup/c1' } };

/** A container whose root is another user outside, and whose groups can be written. */
function asking(change: (spec: Spec) => void = () => {}): Spec {
  const spec = defaultSpec();
  spec.linux!.namespaces!.push({ type: 'user' });
  spec.linux!.uidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }];
  for (const mount of spec.mounts!)
    if (mount.destination === '/sys/fs/cgroup') mount.options = mount.options!.filter((o) => o !== 'ro');
  change(spec);
  return spec;
}

test('only of a group of its own in v2', () => {
  expect(wantsDelegation(asking(), v2)).toBe(true);
  expect(wantsDelegation(asking(), undefined)).toBe(false);
  expect(wantsDelegation(asking(), { manager: 'files', paths: { memory: '/m/c1' } })).toBe(false);
  expect(wantsDelegation(asking(), { manager: 'files', paths: { ...v2.paths, memory: '/m/c1' } })).toBe(
    false,
  );
});

test('only with a cgroup namespace of its own', () => {
  const without = asking(
    (s) => (s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'cgroup')),
  );
  expect(wantsDelegation(without, v2)).toBe(false);
  const joined = asking((s) => {
    for (const n of s.linux!.namespaces!) if (n.type === 'cgroup') n.path = '/proc/1/ns/cgroup';
  });
  expect(wantsDelegation(joined, v2)).toBe(false);
});

test('only where the groups are mounted to be written', () => {
  expect(wantsDelegation(defaultSpec(), v2)).toBe(false);
  expect(
    wantsDelegation(
      asking((s) => (s.mounts = [])),
      v2,
    ),
  ).toBe(false);
});

test('the directory and the files that the kernel names', () => {
  const steps = delegationSteps(asking(), v2, ['cgroup.procs', 'memory.oom.group']);
  expect(steps.map(({ op, args }) => [op, args])).toEqual([
    ['chown', { path: '/sys/fs/cgroup/c1', uid: 100_000, gid: -1 }],
    ['chown', { path: '/sys/fs/cgroup/c1/cgroup.procs', uid: 100_000, gid: -1 }],
    ['chown', { path: '/sys/fs/cgroup/c1/memory.oom.group', uid: 100_000, gid: -1 }],
  ]);
  for (const { unless } of steps) expect(unless).toContain('ENOENT');
  const user = asking((s) => (s.process!.user = { uid: 7, gid: 7 }));
  expect(delegationSteps(user, v2, [])[0]!.args).toMatchObject({ uid: 100_007 });
  const root = asking((s) => (s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'user')));
  expect(delegationSteps(root, v2, [])).toEqual([]);
});

test('three files where the kernel names none', () => {
  expect(delegatedFiles('/no/such/file')).toEqual([
    'cgroup.procs',
    'cgroup.subtree_control',
    'cgroup.threads',
  ]);
  const file = `${tempDir('delegate')}/delegate`;
  writeFileSync(file, 'cgroup.procs\nmemory.reclaim\n');
  expect(delegatedFiles(file)).toEqual(['cgroup.procs', 'memory.reclaim']);
});
