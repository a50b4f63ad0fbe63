/** A container's own group under cgroup v2 (config-linux.md, Cgroup ownership). */
import { expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { makeBundle, searchable } from './bundles.ts';
import { runBundle } from './runtimes.ts';

test('root of a user namespace can make groups below its own', (context) => {
  needs(context, 'root', 'cgroup-v2');
  const look =
    'mkdir /sys/fs/cgroup/inner && echo 0 > /sys/fs/cgroup/inner/cgroup.procs && echo inside; echo x > /sys/fs/cgroup/memory.max';
  const bundle = makeBundle(['/bin/sh', '-c', look], (spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    spec.linux!.uidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }];
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }];
    for (const mount of spec.mounts!)
      if (mount.destination === '/sys/fs/cgroup') mount.options = mount.options!.filter((o) => o !== 'ro');
  });
  searchable(bundle);
  const ended = runBundle('ctr-run', bundle);
  expect(ended.stdout, ended.stderr).toBe('inside\n');
  // Its limits stay what it was given.
  expect(ended.stderr).toMatch(/memory\.max.*(Permission denied|can't create)/);
});
