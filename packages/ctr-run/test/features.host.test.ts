/** The document of `ctr-run features` (features.md, features-linux.md), and that its words are true. */
import { expect, test } from 'vitest';
import { needs, runTool } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);

test('features says what there is, in properties of the specification alone', () => {
  const features = JSON.parse(ctr('features').stdout) as Record<string, unknown> & {
    linux: Record<string, unknown>;
  };
  expect(Object.keys(features).toSorted()).toEqual([
    'annotations',
    'hooks',
    'linux',
    'mountOptions',
    'ociVersionMax',
    'ociVersionMin',
    'potentiallyUnsafeConfigAnnotations',
  ]);
  expect(features).toMatchObject({ ociVersionMin: '1.0.0', ociVersionMax: '1.3.0' });
  expect(features.annotations).toMatchObject({ 'org.opencontainers.runc.checkpoint.enabled': 'true' });
  expect(Object.keys(features.linux).toSorted()).toEqual([
    'apparmor',
    'capabilities',
    'cgroup',
    'intelRdt',
    'memoryPolicy',
    'mountExtensions',
    'namespaces',
    'netDevices',
    'seccomp',
    'selinux',
  ]);
  expect(features.linux).toMatchObject({
    cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
    mountExtensions: { idmap: { enabled: true } },
    netDevices: { enabled: true },
  });
});

test('no null is written, and no mount option that is a file system’s own', () => {
  const { stdout } = ctr('features');
  expect(stdout).not.toMatch(/[:[,]\s*null\b/);
  const { mountOptions } = JSON.parse(stdout) as { mountOptions: string[] };
  expect(mountOptions).toContain('nosuid');
  for (const own of [
    'size',
    'mode',
    'size=64m',
    'mode=755',
    'gid',
    'uid',
    'nr_inodes',
    'newinstance',
    'ptmxmode',
  ])
    expect(mountOptions).not.toContain(own);
});

test('every word that features lists is recognized', (context) => {
  needs(context, 'root');
  const { linux, mountOptions, hooks, ociVersionMin, ociVersionMax } = JSON.parse(ctr('features').stdout) as {
    mountOptions: string[];
    hooks: string[];
    ociVersionMin: string;
    ociVersionMax: string;
    linux: {
      namespaces: string[];
      capabilities: string[];
      seccomp: { actions: string[]; archs: string[]; operators: string[]; knownFlags: string[] };
      memoryPolicy: { modes: string[]; flags: string[] };
    };
  };
  for (const ociVersion of [ociVersionMin, ociVersionMax]) {
    const bundle = makeBundle(['/bin/true'], (spec) => {
      Object.assign(spec, { ociVersion });
      spec.hooks = Object.fromEntries(hooks.map((kind) => [kind, []]));
      spec.linux!.namespaces = linux.namespaces.map((type) => ({ type: type as 'pid' }));
      spec.linux!.uidMappings = [{ containerID: 0, hostID: 0, size: 10 }];
      spec.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 10 }];
      spec.process!.capabilities = { bounding: linux.capabilities };
      spec.linux!.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: linux.seccomp.archs as never,
        flags: linux.seccomp.knownFlags as never,
        listenerPath: '/run/no-such-agent.sock',
        syscalls: linux.seccomp.actions.map((action) => ({
          names: ['swapoff'],
          action: action as never,
          args: linux.seccomp.operators.map((op, index) => ({ index: index % 6, value: 1, op: op as never })),
        })),
      };
      for (const option of mountOptions)
        spec.mounts!.push({ destination: '/x', type: 'tmpfs', source: '/tmp', options: [option] });
      for (const mode of linux.memoryPolicy.modes)
        spec.linux!.memoryPolicy = { mode: mode as never, flags: linux.memoryPolicy.flags as never };
    });
    // What it cannot do here it may refuse to plan; but no word may be unknown to it.
    const ended = ctr('--debug', 'plan', '--bundle', bundle, testId());
    expect(ended.stderr).not.toMatch(/allowed is|is not a capability|probably meant|did you mean/);
  }
});
