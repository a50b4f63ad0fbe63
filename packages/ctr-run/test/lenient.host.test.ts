/** Documents that are not quite what the specification asks for, and that run under runc and crun all the same. */
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { searchable, testId } from './bundles.ts';
import { beside, call, commonBundle, type PeerName } from './peers.ts';

/** What is written there, whatever the types say. */
const set = (spec: Spec, path: readonly string[], value: unknown): void => {
  const last = path.at(-1)!;
  const at = path
    .slice(0, -1)
    .reduce((o, key) => o[key] as Record<string, unknown>, spec as never as Record<string, unknown>);
  at[last] = value;
};

const everybody: readonly PeerName[] = beside({ runc: '1.1', crun: '1.8' });
const cases: readonly (readonly [what: string, path: string[], value: unknown, by?: readonly PeerName[]])[] =
  [
    ['rlimits without numbers', ['process', 'rlimits'], [{ type: 'RLIMIT_CORE' }]],
    ['a console without a size, and no terminal', ['process', 'consoleSize'], {}],
    ['a null annotation', ['annotations'], { a: null }, ['ctr-run', 'runc']],
    ['an empty rootfsPropagation', ['linux', 'rootfsPropagation'], ''],
    [
      'an access that is more than rwm',
      ['linux', 'resources'],
      { devices: [{ allow: true, type: 'c', major: 1, minor: 3, access: 'rwma' }] },
    ],
    ['a rule that does not say that it allows', ['linux', 'resources'], { devices: [{ access: 'rwm' }] }],
    ['a limit on kernel memory', ['linux', 'resources'], { memory: { kernel: 1 << 26 } }],
    [
      'the same device twice in a throttle',
      ['linux', 'resources'],
      { blockIO: { throttleReadBpsDevice: [1, 2].map((n) => ({ major: 7, minor: 0, rate: n << 20 })) } },
    ],
    [
      'maps of no user namespace',
      ['linux', 'uidMappings'],
      [{ containerID: 0, hostID: 100_000, size: 10 }],
      ['ctr-run', 'crun'],
    ],
    ['an empty class of service', ['linux', 'intelRdt'], {}, ['ctr-run', 'crun']],
  ];

for (const [what, path, value, by = everybody] of cases)
  describe(what, () => {
    test.each(everybody.filter((name) => by.includes(name)))('%s', (runtime) => {
      const bundle = commonBundle(['/bin/true'], (spec) => set(spec, path, value));
      expect(call(runtime, ['run', '--bundle', bundle, testId()])).toMatchObject({ status: 0 });
    });
  });

describe.each(everybody)('%s', (runtime) => {
  test('a path of groups with dots that stays inside is the path without them', (context) => {
    needs(context, 'root');
    const name = testId();
    const bundle = commonBundle(['/bin/cat', '/proc/self/cgroup'], (spec) => {
      spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
      spec.linux!.cgroupsPath = `/./x/../${name}`;
    });
    const { status, stdout } = call(runtime, ['run', '--bundle', bundle, testId()]);
    expect({
      status,
      lines: stdout.split('\n').filter((line) => line.endsWith(`/${name}`)).length > 0,
    }).toEqual({
      status: 0,
      lines: true,
    });
  });
});

test.each(everybody)('an errno that the kernel would cut down is refused: %s', (runtime) => {
  const made = (errnoRet: number) => {
    const bundle = commonBundle(['/bin/mkdir', '/dev/shm/x'], (spec) => {
      spec.linux!.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet }],
      };
    });
    return call(runtime, ['run', '--bundle', bundle, testId()]);
  };
  expect(made(28).stderr).toMatch(/mkdir: .*No space left/);
  const refused = made(4096);
  expect(refused.status).toBe(1);
  // The command itself says nothing: it has not run.
  expect(refused.stderr).not.toMatch(/^mkdir: /m);
});

test.each(everybody)('message queues belong to root of the user namespace: %s', (runtime) => {
  const bundle = commonBundle(['/bin/stat', '-c', '%u', '/dev/mqueue', '/dev/shm'], (spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    for (const map of ['uidMappings', 'gidMappings'] as const)
      spec.linux![map] = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  });
  searchable(`${bundle}/rootfs`);
  expect(call(runtime, ['run', '--bundle', bundle, testId()])).toMatchObject({ status: 0, stdout: '0\n0\n' });
});
