import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../src/facts.ts';
import { nsEnter } from '../src/index.ts';
import { factsOf, optionsOf } from './fixtures.ts';

const base: Spec = {
  ociVersion: '1.3.0',
  hostname: 'box',
  linux: {
    namespaces: [{ type: 'pid' }, { type: 'uts' }, { type: 'network', path: '/run/netns/a' }],
    sysctl: { 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '5' },
  },
};

function amend(line: string, spec: Spec = base, changed: Partial<Facts> = {}): Spec {
  const options = optionsOf(line);
  const before = structuredClone(spec);
  const amended = nsEnter.amend(spec, options, factsOf(options, changed));
  expect(spec).toEqual(before);
  return amended;
}

describe('amending', () => {
  test('nothing changes nothing', () => {
    expect(amend('', base)).toEqual(base);
    expect(amend('', { ociVersion: '1.0.0' })).toEqual({ ociVersion: '1.0.0' });
  });

  test('a new namespace replaces a joined one in its place, and others follow', () => {
    expect(amend('--new net,ipc').linux?.namespaces).toEqual([
      { type: 'pid' },
      { type: 'uts' },
      { type: 'network' },
      { type: 'ipc' },
    ]);
  });

  test("a target's namespaces become paths", () => {
    expect(amend('--target 42 --pid --ipc').linux?.namespaces).toEqual([
      { type: 'pid', path: '/proc/42/ns/pid' },
      { type: 'uts' },
      { type: 'network', path: '/run/netns/a' },
      { type: 'ipc', path: '/proc/42/ns/ipc' },
    ]);
  });

  test('sharing takes a namespace out, and what means nothing without it', () => {
    expect(amend('--share uts,net')).toEqual({
      ociVersion: '1.3.0',
      linux: { namespaces: [{ type: 'pid' }], sysctl: { 'kernel.shmmax': '5' } },
    });
  });

  test('names, maps, clocks, parameters and interfaces', () => {
    const maps = [{ containerID: 0, hostID: 1000, size: 1 }];
    const spec = amend(
      '--map-root-user --hostname a --domainname b --monotonic -1.5 --boottime 60 --netdev eth0=in0 --sysctl net.ipv4.tcp_syncookies=0',
      { ociVersion: '1.3.0' },
      { uidMappings: maps, gidMappings: maps },
    );
    expect(spec).toEqual({
      ociVersion: '1.3.0',
      hostname: 'a',
      domainname: 'b',
      linux: {
        namespaces: [{ type: 'user' }, { type: 'uts' }, { type: 'network' }, { type: 'time' }],
        uidMappings: maps,
        gidMappings: maps,
        timeOffsets: { monotonic: { secs: -2, nanosecs: 500_000_000 }, boottime: { secs: 60 } },
        sysctl: { 'net.ipv4.tcp_syncookies': '0' },
        netDevices: { eth0: { name: 'in0' } },
      },
    });
  });
});
