/** Limits over those that a group has already. */
import type { LinuxResources } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import type { Current } from '../src/setting.ts';
import { currentOf, settingsOf } from '../src/settings.ts';
import { steps } from '../src/steps.ts';
import { propertiesOf } from '../src/systemd/properties.ts';
import { lineBack } from '../src/unified.ts';
import { facts, lines, v1Abilities, v1Group, v2Abilities } from './fixtures.ts';

const files = (resources: LinuxResources, abilities = v1Abilities, current: Current = {}): string[] =>
  settingsOf(resources, abilities, current).map((s) => `${s.file} ${s.value}`);
const half: Current = { running: true, quota: 50_000n, period: 100_000n, burst: 0n, idle: false };
const tenOf20 = { cpu: { quota: 10_000, period: 20_000 } };

describe('quota and period', () => {
  test('v1: between the two there is no quota, so that no share is ever more than the group above has', () =>
    expect(files(tenOf20, v1Abilities, half)).toEqual([
      'cpu.cfs_quota_us -1',
      'cpu.cfs_period_us 20000',
      'cpu.cfs_quota_us 10000',
    ]));
  test('v1: a group without a quota, and one with that period, need no more than two writes', () => {
    const two = ['cpu.cfs_period_us 20000', 'cpu.cfs_quota_us 10000'];
    expect(files(tenOf20)).toEqual(two);
    expect(files(tenOf20, v1Abilities, { running: true, period: 100_000n })).toEqual(two);
    expect(files(tenOf20, v1Abilities, { ...half, period: 20_000n })).toEqual(two);
  });
  test('v1: an empty group that a container takes has a quota, too', () => {
    const groups = ['cpu', 'devices'].map((c) => v1Group([c], 'web', { exists: true, missing: [] }));
    const there = facts(groups, v1Abilities, {
      current: { ...half, running: false },
    });
    const spec = { ociVersion: '1.0.2', linux: { resources: tenOf20 } };
    expect(lines(steps(spec, there)).filter((l) => l.includes('cfs_'))).toEqual([
      expect.stringMatching(/cpu\.cfs_quota_us.*-1/),
      expect.stringMatching(/cpu\.cfs_period_us.*20000/),
      expect.stringMatching(/cpu\.cfs_quota_us.*10000/),
    ]);
  });
  test('v2: what is not given stays', () => {
    expect(files({ cpu: { period: 50_000 } }, v2Abilities, half)).toEqual(['cpu.max 50000 50000']);
    expect(files({ cpu: { quota: 10_000 } }, v2Abilities, { ...half, period: 20_000n })).toEqual([
      'cpu.max 10000 20000',
    ]);
  });
  test('systemd is told the pair, not the usual period', () => {
    const told = (resources: LinuxResources, abilities = v1Abilities) =>
      propertiesOf(settingsOf(resources, abilities, half), { ...half, period: 200_000n });
    const pair = [
      ['CPUQuotaPeriodUSec', 't', '200000'],
      ['CPUQuotaPerSecUSec', 't', '50000'],
    ];
    expect(told({ cpu: { quota: 10_000 } })).toEqual(pair);
    expect(told({ cpu: { period: 50_000 } })).toEqual([
      ['CPUQuotaPeriodUSec', 't', '50000'],
      ['CPUQuotaPerSecUSec', 't', '1000000'],
    ]);
  });
});

describe('the burst', () => {
  const current: Current = { ...half, burst: 20_000n };
  test.each([v1Abilities, v2Abilities])('a quota below it is refused by its name', (abilities) =>
    expect(() => files({ cpu: { quota: 10_000 } }, abilities, current)).toThrow(
      'a CPU quota of 10ms is below the burst of 20ms that the group has; give --cpu-burst as well',
    ),
  );
  test('goes first where it was more than the new quota, even without a quota before', () => {
    const { quota: _, ...unlimited } = current;
    expect(files({ cpu: { quota: 10_000, burst: 5000 } }, v1Abilities, unlimited)).toEqual([
      'cpu.cfs_burst_us 5000',
      'cpu.cfs_quota_us 10000',
    ]);
  });
  test('no quota, and one above it, are fine', () => {
    expect(files({ cpu: { quota: -1 } }, v1Abilities, current)).toEqual(['cpu.cfs_quota_us -1']);
    expect(files({ cpu: { quota: 20_000 } }, v1Abilities, current)).toEqual(['cpu.cfs_quota_us 20000']);
  });
});

describe('idle', () => {
  test('is written where it changes, before the weight', () => {
    expect(files({ cpu: { idle: 0, shares: 512 } }, v2Abilities, { ...half, idle: true })).toEqual([
      'cpu.idle 0',
      'cpu.weight 59',
    ]);
    expect(files({ cpu: { idle: 0 } }, v1Abilities, half)).toEqual([]);
  });
  test.each([v1Abilities, v2Abilities])('the hint for a weight says so', (abilities) =>
    expect(settingsOf({ cpu: { shares: 512 } }, abilities)[0]!.hints!.EINVAL).toContain('--cpu-idle=0'),
  );
  test('systemd takes the usual weight again, or the new one', () => {
    const told = (cpu: LinuxResources['cpu']) =>
      propertiesOf(settingsOf({ cpu: cpu! }, v2Abilities, { idle: true }));
    expect(told({ idle: 0 })).toEqual([['CPUWeight', 't', '18446744073709551615']]);
    expect(told({ idle: 0, shares: 512 })).toEqual([['CPUWeight', 't', '59']]);
  });
});

describe('0 takes off what a running group has, and says nothing to a new one', () => {
  test.each([
    ['v1 reservation', { memory: { reservation: 0 } }, v1Abilities, ['memory.soft_limit_in_bytes -1']],
    ['v2 reservation', { memory: { reservation: 0 } }, v2Abilities, ['memory.low 0']],
    ['realtime', { cpu: { realtimeRuntime: 0 } }, v1Abilities, ['cpu.rt_runtime_us 0']],
  ])('%s', (_name, resources, abilities, expected) => {
    expect(files(resources, abilities, half)).toEqual(expected);
    expect(files(resources, abilities)).toEqual([]);
  });
  test('-1 is what runc makes of it', () => {
    expect(files({ memory: { reservation: -1 } }, v2Abilities)).toEqual(['memory.low max']);
    expect(files({ memory: { reservation: -1 } })).toEqual(['memory.soft_limit_in_bytes -1']);
  });
});

describe('what stands in the files', () => {
  const read = (texts: Record<string, string>) => ({ read: (path: string) => texts[path] });
  test('v1', () =>
    expect(
      currentOf(
        [
          { version: 1, controllers: ['cpu'], directory: '/c' },
          { version: 1, controllers: ['memory'], directory: '/m' },
        ],
        read({
          '/c/cpu.cfs_quota_us': '-1',
          '/c/cpu.cfs_period_us': '50000',
          '/c/cpu.cfs_burst_us': '7',
          '/c/cpu.idle': '1',
          '/m/memory.limit_in_bytes': '4096',
        }),
      ),
    ).toEqual({ running: true, period: 50_000n, burst: 7n, idle: true, memory: 4096n }));
  test('v2', () =>
    expect(
      currentOf(
        [{ version: 2, controllers: ['cpu', 'memory'], directory: '/g' }],
        read({ '/g/cpu.max': '20000 50000', '/g/cpu.max.burst': '0', '/g/memory.max': 'max' }),
      ),
    ).toEqual({ running: true, quota: 20_000n, period: 50_000n, burst: 0n }));
});

test('memory and swap together, on v2 with the memory limit that stands', () => {
  const both = { memory: { swap: 96 << 20 } };
  expect(files(both, v2Abilities, { running: true, memory: 64n << 20n })).toEqual([
    `memory.swap.max ${32 << 20}`,
  ]);
  expect(() => files(both, v2Abilities, { running: true })).toThrow('needs a memory limit too');
  expect(() => files(both, v2Abilities, { running: true, memory: 128n << 20n })).toThrow(
    'below the memory limit',
  );
});

test('realtime: a period that gets shorter comes after the limit, else before it', () => {
  const realtime = { cpu: { realtimeRuntime: 1000, realtimePeriod: 10_000 } };
  const both = ['cpu.rt_period_us 10000', 'cpu.rt_runtime_us 1000'];
  expect(files(realtime)).toEqual(both);
  expect(files(realtime, v1Abilities, { running: true, rtPeriod: 5_000n })).toEqual(both);
  expect(files(realtime, v1Abilities, { running: true, rtPeriod: 500_000n })).toEqual(both.toReversed());
});

test.each([
  ['io.weight', '8:0 200', 'default 100\n8:16 50', '8:0 default'],
  ['io.weight', '8:16 200', 'default 100\n8:16 50', '8:16 50'],
  ['io.weight', '200', 'default 100\n8:16 50', 'default 100'],
  ['io.max', '8:0 rbps=1', '', '8:0 rbps=max wbps=max riops=max wiops=max'],
  ['rdma.max', 'mlx hca_handle=1', '', 'mlx hca_handle=max hca_object=max'],
  ['blkio.throttle.read_bps_device', '8:0 1', '', '8:0 0'],
  ['memory.high', '5', 'max', undefined],
])('what puts %s back after %s', (file, value, held, back) => expect(lineBack(file, value, held)).toBe(back));
