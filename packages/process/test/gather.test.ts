import { readFileSync } from 'node:fs';
import { defaultSpec } from '@ctr-tools/oci';
import { RLIM_INFINITY } from '@ctr-tools/sys/constants';
import { expect, test } from 'vitest';
import { hardLimits } from '../src/gather.ts';
import { gatherProcess, preservedDescriptors } from '../src/index.ts';
import { container, hostOf } from './support/container.ts';

const activated = new Map([
  ['LISTEN_PID', String(process.pid)],
  ['LISTEN_FDS', '2'],
]);

test('socket activation counts only where it names us, and preserved descriptors follow it', () => {
  const fds = [0, 1, 2, 3, 4, 5, 6];
  expect(preservedDescriptors(hostOf({ fds, env: activated }), 1)).toEqual({
    keepFds: [3, 4, 5],
    listenFds: 2,
  });
  expect(preservedDescriptors(hostOf({ fds, env: activated, pid: 1 }), 1)).toEqual({
    keepFds: [3],
    listenFds: 0,
  });
});

test('of descriptors that are to be preserved those that are open go in, and gaps stay gaps', () => {
  expect(preservedDescriptors(hostOf({ fds: [0, 1, 2, 4, 7, 8] }), 5)).toEqual({
    keepFds: [4, 7],
    listenFds: 0,
  });
  expect(preservedDescriptors(hostOf({ fds: [0, 2] }), 1_000_000_000)).toEqual({ keepFds: [], listenFds: 0 });
});

test('a descriptor that systemd announces and that is not open is named', () => {
  expect(() => preservedDescriptors(hostOf({ env: activated, fds: [0, 1, 2, 3] }), 0)).toThrow(
    'descriptor 4 is not open, though LISTEN_FDS=2 announces it',
  );
});

test("hard limits are read from the kernel's table", () => {
  const limits = hardLimits(readFileSync('/proc/self/limits', 'latin1'));
  expect(limits.size).toBe(16);
  expect(limits.get('RLIMIT_CPU')).toBe(RLIM_INFINITY);
});

test('in a user namespace limits above the caller own are found; elsewhere nobody cares', () => {
  const spec = defaultSpec();
  spec.process!.rlimits = [
    { type: 'RLIMIT_NOFILE', soft: 1, hard: RLIM_INFINITY },
    { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
  ];
  const host = hostOf({ container });
  expect(gatherProcess(spec, host).raised).toEqual([]);
  spec.linux!.namespaces!.push({ type: 'user' });
  expect(gatherProcess(spec, host).raised).toEqual(['RLIMIT_NOFILE']);
});

test('a container gets a keyring of its own unless told not to', () => {
  expect(gatherProcess(defaultSpec(), hostOf({ container })).keyring).toBe('_ses.ctr-test');
  const without = gatherProcess(defaultSpec(), hostOf({ container: { ...container, noNewKeyring: true } }));
  expect(without.keyring).toBeUndefined();
  expect(gatherProcess(defaultSpec(), hostOf())).toMatchObject({ mode: 'apply', keepFds: [] });
});
