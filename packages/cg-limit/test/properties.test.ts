/** Files by their name, and v1's, as properties of a unit. */
import type { LinuxResources } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { settingsOf } from '../src/settings.ts';
import { propertiesOf } from '../src/systemd/properties.ts';
import { v1Abilities, v2Abilities } from './fixtures.ts';

const of = (resources: LinuxResources, abilities = v2Abilities, current = {}): unknown[] =>
  propertiesOf(settingsOf(resources, abilities, current), current);

test('v1: what systemd hears whatever else the unit has', () => {
  expect(of({ memory: { limit: 1 << 26 }, cpu: { shares: 512 } }, v1Abilities)).toEqual([
    ['MemoryMax', 't', '67108864'],
    ['CPUShares', 't', '512'],
    ['CPUWeight', 't', '18446744073709551615'],
  ]);
});

test('a quota without a period has the one that stands', () => {
  const unified = { 'cpu.max': '50000' };
  const quota = (period: string, share: string) => [
    ['CPUQuotaPeriodUSec', 't', period],
    ['CPUQuotaPerSecUSec', 't', share],
  ];
  expect(of({ unified })).toEqual(quota('100000', '500000'));
  expect(of({ unified }, v2Abilities, { running: true, period: 500_000n })).toEqual(
    quota('500000', '100000'),
  );
});

test('the default weight of I/O, as its file words it', () =>
  expect(of({ unified: { 'io.weight': 'default 200' } })).toEqual([['IOWeight', 't', '200']]));

// It is written to the file, and what the kernel answers is the error.
test.for([
  ['cpu.max', 'abc'],
  ['cpu.max', '1.5'],
  ['cpu.max', '50000 0'],
  ['cpuset.cpus', 'nonsense'],
  ['cpuset.cpus', 'all'],
  ['cpuset.cpus', '5-2'],
  ['cpuset.cpus', '0-4000000000'],
  ['io.max', '254:0 rbps=1M'],
  ['io.max', '254:0 rbps'],
  ['io.weight', 'default many'],
])('what is not a number is nothing for systemd: %s %s', ([file, value]) =>
  expect(of({ unified: { [file!]: value! } })).toEqual([]),
);
