import type { LinuxResources } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { settingsOf } from '../src/settings.ts';
import { v1Abilities, v2Abilities } from './fixtures.ts';

const files = (resources: LinuxResources, abilities = v1Abilities, current = {}): string[] =>
  settingsOf(resources, abilities, current).map((s) => `${s.file} ${s.value}`);
const v2 = (resources: LinuxResources): string[] => files(resources, v2Abilities);
const M = 1 << 20;

const everything: LinuxResources = {
  memory: { limit: 64 * M, swap: 100 * M, reservation: 32 * M },
  cpu: { shares: 1024, quota: 50_000, period: 100_000, burst: 10_000, cpus: '0-1', mems: '0' },
  pids: { limit: 10 },
  blockIO: {
    weight: 500,
    weightDevice: [{ major: 8, minor: 0, weight: 10 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0 }],
  },
  hugepageLimits: [{ pageSize: '2MB', limit: 4 * M }],
  rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 } },
};

test('the last throttle of a device holds', () => {
  const throttleReadBpsDevice = [1, 2].map((rate) => ({ major: 8, minor: 0, rate }));
  const wanted = { blockIO: { throttleReadBpsDevice } };
  expect(files(wanted)).toEqual(['blkio.throttle.read_bps_device 8:0 2']);
  expect(v2(wanted)).toEqual(['io.max 8:0 rbps=2']);
});

test('everything on v1', () => {
  expect(
    files({ ...everything, network: { classID: 0x100001, priorities: [{ name: 'eth0', priority: 5 }] } }),
  ).toEqual([
    'memory.limit_in_bytes 67108864',
    'memory.memsw.limit_in_bytes 104857600',
    'memory.soft_limit_in_bytes 33554432',
    'cpu.shares 1024',
    'cpu.cfs_period_us 100000',
    'cpu.cfs_quota_us 50000',
    'cpu.cfs_burst_us 10000',
    'cpuset.cpus 0-1',
    'cpuset.mems 0',
    'pids.max 10',
    'blkio.bfq.weight 500',
    'blkio.bfq.weight_device 8:0 10',
    'blkio.throttle.read_bps_device 8:0 1048576',
    'blkio.throttle.write_iops_device 8:16 0',
    'hugetlb.2MB.limit_in_bytes 4194304',
    'hugetlb.2MB.rsvd.limit_in_bytes 4194304',
    'net_cls.classid 1048577',
    'net_prio.ifpriomap eth0 5',
    'rdma.max mlx5_1 hca_handle=3 hca_object=10000',
  ]);
});

test('everything on v2', () => {
  expect(
    v2({ ...everything, unified: { 'memory.high': '50331648', 'io.max': '8:0 rbps=1\n8:16 wiops=2' } }),
  ).toEqual([
    'memory.swap.max 37748736',
    'memory.max 67108864',
    'memory.low 33554432',
    'cpu.weight 100',
    'cpu.max 50000 100000',
    'cpu.max.burst 10000',
    'cpuset.cpus 0-1',
    'cpuset.mems 0',
    'pids.max 10',
    'io.weight 4950',
    'io.weight 8:0 1',
    'io.max 8:0 rbps=1048576',
    'io.max 8:16 wiops=max',
    'hugetlb.2MB.max 4194304',
    'hugetlb.2MB.rsvd.max 4194304',
    'rdma.max mlx5_1 hca_handle=3 hca_object=10000',
    'io.max 8:0 rbps=1',
    'io.max 8:16 wiops=2',
    'memory.high 50331648',
  ]);
});

test('BFQ takes the weight as it is', () => {
  expect(files({ blockIO: { weight: 500 } }, { ...v2Abilities, ioWeightFile: 'io.bfq.weight' })).toEqual([
    'io.bfq.weight 500',
  ]);
});

describe('no limit', () => {
  test('v1', () =>
    expect(files({ memory: { limit: -1 }, pids: { limit: -1 }, cpu: { quota: -1 } })).toEqual([
      'memory.memsw.limit_in_bytes -1',
      'memory.limit_in_bytes -1',
      'cpu.cfs_quota_us -1',
      'pids.max max',
    ]));
  test('v2', () =>
    expect(v2({ memory: { limit: -1 }, pids: { limit: -1 }, cpu: { quota: -1 } })).toEqual([
      'memory.swap.max max',
      'memory.max max',
      'cpu.max max 100000',
      'pids.max max',
    ]));
});

test('what is 0 is not set', () => {
  expect(
    files({
      memory: { limit: 0, swap: 0, reservation: 0, kernel: 0 },
      cpu: { shares: 0, quota: 0 },
      pids: { limit: 0 },
    }),
  ).toEqual([]);
});

describe('the order in which v1 takes memory and swap', () => {
  const limits = { memory: { limit: 64 * M, swap: 64 * M } };
  const order = (current: object) => files(limits, v1Abilities, current).map((f) => f.split(' ')[0]);
  test('a new group: memory first, below the unlimited sum', () =>
    expect(order({})).toEqual(['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']));
  test('raising: the sum first', () =>
    expect(order({ memory: BigInt(32 * M) })).toEqual([
      'memory.memsw.limit_in_bytes',
      'memory.limit_in_bytes',
    ]));
  test('lowering: memory first', () =>
    expect(order({ memory: BigInt(128 * M) })).toEqual([
      'memory.limit_in_bytes',
      'memory.memsw.limit_in_bytes',
    ]));
});

test('a quota that falls lets the burst go first', () => {
  const found = files({ cpu: { quota: 20_000, burst: 20_000 } }, v1Abilities, { quota: 50_000n });
  expect(found).toEqual(['cpu.cfs_burst_us 20000', 'cpu.cfs_quota_us 20000']);
});

test('an idle group has no weight of its own', () => {
  expect(v2({ cpu: { idle: 1, shares: 512 } })).toEqual(['cpu.idle 1']);
});

describe('what cannot be expressed is an error', () => {
  test.each([
    ['swappiness', { memory: { swappiness: 10 } }],
    ['disableOOMKiller', { memory: { disableOOMKiller: true } }],
    ['kernelTCP', { memory: { kernelTCP: M } }],
    ['realtimeRuntime', { cpu: { realtimeRuntime: 1000 } }],
    ['realtimePeriod', { cpu: { realtimePeriod: 1000 } }],
    ['leafWeight', { blockIO: { leafWeight: 10 } }],
  ])('%s on v2', (name, resources) =>
    expect(() => v2(resources)).toThrow(`${name} cannot be expressed in cgroup v2`),
  );

  test.each([
    ['net_cls on v2', { network: { classID: 1 } }, v2Abilities, 'net_cls controller of cgroup v1'],
    ['unified on v1', { unified: { 'memory.high': '1' } }, v1Abilities, 'on cgroup v1'],
    [
      'a controller that is missing',
      { pids: { limit: 3 } },
      { ...v2Abilities, carriers: {} },
      'pids controller, which is not to be had',
    ],
    [
      'pages of a size that is missing',
      { hugepageLimits: [{ pageSize: '64KB', limit: 1 }] },
      v1Abilities,
      'no huge pages of 64KB here; this machine has 2MB, 1GB',
    ],
    ['a file that climbs', { unified: { 'memory./../x': '1' } }, v2Abilities, 'not a file of a cgroup'],
    ['a file that moves processes', { unified: { 'cgroup.procs': '0' } }, v2Abilities, 'is no limit'],
    ['a burst above the quota', { cpu: { quota: 1000, burst: 2000 } }, v2Abilities, 'more than the quota'],
    ['swap below memory', { memory: { limit: 2 * M, swap: M } }, v1Abilities, 'below the memory limit'],
  ] as const)('%s', (_name, resources, abilities, words) =>
    expect(() => files(resources as LinuxResources, abilities)).toThrow(words),
  );
});

describe('how often a limit was hit is counted', () => {
  const reports = (resources: LinuxResources, abilities = v2Abilities) =>
    settingsOf(resources, abilities)
      .filter((s) => s.report)
      .map((s) => `${s.file}: ${s.report!.file} ${s.report!.key}; ${s.report!.text}`);
  const hugetlb = { hugepageLimits: [{ pageSize: '2MB', limit: 2 * M }] };
  const words = 'the limit of 2 MiB in huge pages of 2MB was reached; times refused:';
  test('huge pages on v2, where one file counts use and reservations', () =>
    expect(reports(hugetlb)).toEqual([`hugetlb.2MB.max: hugetlb.2MB.events max; ${words}`]));
  test('huge pages on v1, where each has a file of its own', () =>
    expect(reports(hugetlb, v1Abilities)).toEqual([
      `hugetlb.2MB.limit_in_bytes: hugetlb.2MB.failcnt ; ${words}`,
      `hugetlb.2MB.rsvd.limit_in_bytes: hugetlb.2MB.rsvd.failcnt ; ${words}`,
    ]));
  test('no limit on huge pages is not', () =>
    expect(reports({ hugepageLimits: [{ pageSize: '2MB', limit: (1n << 63n) - 1n }] })).toEqual([]));
  test('limits by the name of their file, and once where they are given twice', () =>
    expect(
      reports({
        ...hugetlb,
        unified: { 'hugetlb.2MB.max': '0', 'memory.max': String(M), 'pids.max': '3', 'memory.high': '1' },
      }),
    ).toEqual([
      'hugetlb.2MB.max: hugetlb.2MB.events max; the limit of 0 B in huge pages of 2MB was reached; times refused:',
      'memory.max: memory.events oom_kill; the memory limit of 1 MiB was exceeded; processes killed for it:',
      'pids.max: pids.events max; the limit of 3 processes was reached; forks refused:',
    ]));
});

test('a device without a scheduler that has weights is no puzzle', () => {
  const [setting] = settingsOf(
    { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 100 }] } },
    v1Abilities,
  );
  expect(setting!.hints!.EOPNOTSUPP).toContain('the scheduler bfq');
});

test('files of v1 by their names are for a command of ours, and not for a spec', () => {
  const unified = { 'memory.swappiness': '10' };
  expect(() => settingsOf({ unified }, v1Abilities)).toThrow(/here the memory controller is on cgroup v1/);
  expect(settingsOf({ unified }, { ...v1Abilities, anyVersion: true })).toMatchObject([
    { controller: 'memory', version: 1, file: 'memory.swappiness', value: '10' },
  ]);
  for (const file of ['freezer.state', 'cgroup.procs', 'memory.force_empty'])
    expect(() => settingsOf({ unified: { [file]: '1' } }, { ...v1Abilities, anyVersion: true })).toThrow(
      'is no limit',
    );
});
