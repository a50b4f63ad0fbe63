import { chmodSync, copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rootlessSpec, type Spec } from '@ctr-tools/oci';
import { parseMountinfo } from '@ctr-tools/sys/proc';
import { expect, test } from 'vitest';
import { run } from '../../../test/support.ts';
import {
  busyboxBundle,
  cloneSteps,
  container,
  hostOf,
  launcher,
  planOf,
  processOf,
} from '../../process/test/support/container.ts';
import { gatherRootfs, rootfsSteps } from '../src/index.ts';

/** Somebody with no rights at all, in a user namespace where they are root: as podman calls a runtime. */
const somebody = 65534;

test('without root, inside a user namespace of ones own: everything is made by what is allowed there', () => {
  const bundle = busyboxBundle(['touch']);
  chmodSync(dirname(bundle), 0o755);
  run('chown', ['-R', `${somebody}:${somebody}`, bundle]);
  const rootless = rootlessSpec({ uid: somebody, gid: somebody });
  const line =
    'cat /proc/self/mountinfo; echo ===; echo x > /dev/null && stat -c %F /dev/zero; touch /sys/x /x; id -u';
  const spec: Spec = {
    ...rootless,
    process: { ...rootless.process!, terminal: false, args: ['/bin/sh', '-c', line] },
    linux: {
      ...rootless.linux!,
      namespaces: [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, { type: 'cgroup' }],
    },
  };
  const host = hostOf({ container: { ...container, bundle } });
  const facts = { ...gatherRootfs(spec, host), userNamespace: true };
  const plan = planOf([...cloneSteps(spec), ...rootfsSteps(spec, facts), ...processOf(spec, bundle)]);
  for (const path of [dirname(plan), plan]) chmodSync(path, 0o755);
  chmodSync(bundle, 0o755);
  // Where the launcher was built may be out of their reach.
  const reachable = join(bundle, 'ctr-launcher');
  copyFileSync(launcher, reachable);
  const id = String(somebody);
  const ended = run('setpriv', [
    '--reuid',
    id,
    '--regid',
    id,
    '--clear-groups',
    'unshare',
    '-Ur',
    reachable,
    '--plan',
    plan,
  ]);
  expect(ended.stderr.trim().split('\n')).toEqual([
    'touch: /sys/x: Read-only file system',
    'touch: /x: Read-only file system',
  ]);
  const [mounts, rest] = ended.stdout.split('===\n') as [string, string];
  expect(rest).toBe('character special file\n0\n');
  const points = parseMountinfo(mounts).map((m) => m.mountPoint);
  expect(points).toEqual(
    expect.arrayContaining(['/', '/proc', '/dev', '/dev/null', '/sys', '/proc/sys', '/proc/keys']),
  );
});
