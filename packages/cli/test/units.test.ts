import { describe, expect, test } from 'vitest';
import * as units from '../src/units.ts';

test.each([
  ['0', 0n],
  ['512', 512n],
  ['64M', 67108864n],
  ['64m', 67108864n],
  ['64MiB', 67108864n],
  ['64mb', 67108864n],
  ['1.5G', 1610612736n],
  ['.5k', 512n],
  ['1 KiB', 1024n],
  ['10B', 10n],
  ['18446744073709551615', 18446744073709551615n],
  ['15.999999999999999999E', 18446744073709551614n],
])('parseSize %s', (text, bytes) => expect(units.parseSize(text)).toBe(bytes));

test.each(['', 'M', '-1', '1e3', '64Q', '1.2.3', '0x10', '64 M B', '16E', 'max', '1,5G', '١'])(
  'parseSize refuses %j',
  (text) => expect(() => units.parseSize(text, 'memory limit')).toThrow(/memory limit/),
);

test.each([
  ['1MB/s', 1048576n],
  ['100', 100n],
  ['1G', 1073741824n],
])('parseRate %s', (text, rate) => expect(units.parseRate(text)).toBe(rate));

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [67108864n, '64 MiB'],
  [1048575, '1 MiB'],
  [123456789, '118 MiB'],
  [18446744073709551615n, '16 EiB'],
])('formatSize %s', (bytes, text) => expect(units.formatSize(bytes)).toBe(text));

describe('durations', () => {
  test.each([
    ['1', 1_000_000_000n],
    ['100ms', 100_000_000n],
    ['1.5s', 1_500_000_000n],
    ['1h30m', 5_400_000_000_000n],
    ['250us', 250_000n],
  ])('parse %s', (text, ns) => expect(units.parseDuration(text)).toBe(ns));
  test('a bare number is in the given unit', () => expect(units.parseDuration('5', 'ms')).toBe(5_000_000n));
  test.each(['', '5x', 'ms', '1h 30m', '-1s'])('refuse %j', (text) =>
    expect(() => units.parseDuration(text)).toThrow(),
  );
  test.each([
    [0, '0s'],
    [1500, '1.5us'],
    [120_000_000, '120ms'],
    [2_500_000_000, '2.5s'],
    [5_400_000_000_000, '1h30m'],
    [90_061_000_000_000, '1d1h'],
    [-1_000_000, '-1ms'],
  ])('format %s', (ns, text) => expect(units.formatDuration(ns)).toBe(text));
});

test('shares', () => {
  expect([units.parseShare('50%'), units.parseShare('1.5'), units.formatShare(0.123)]).toEqual([
    0.5,
    1.5,
    '12.3%',
  ]);
  expect(() => units.parseShare('half')).toThrow('"half" is not a share');
});

test('integers keep to their bounds', () => {
  expect(units.parseInteger('0x10', 'ID')).toBe(16n);
  expect(() => units.parseInteger('70000', 'port', 1n, 65535n)).toThrow('it lies between 1 and 65535');
  expect(() => units.parseInteger('1.5', 'ID')).toThrow('give a whole number');
});
