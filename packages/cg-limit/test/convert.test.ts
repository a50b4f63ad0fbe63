import { describe, expect, test } from 'vitest';
import { cpuMaxOf, ioWeightOf, swapMaxOf, weightOfShares } from '../src/convert.ts';

describe('cpu shares to weight', () => {
  test.each([
    [2, 1n],
    [3, 2n],
    [100, 17n],
    [512, 59n],
    [1024, 100n],
    [2048, 174n],
    [262_143, 10_000n],
    [262_144, 10_000n],
  ])('%d becomes %d', (shares, weight) => expect(weightOfShares(shares)).toBe(weight));

  test.each([0, 1, 262_145, -1])('%d is out of range', (shares) =>
    expect(() => weightOfShares(shares)).toThrow('out of range: 2 to 262144'),
  );
});

describe('block I/O weight', () => {
  test.each([
    [10, 1],
    [500, 4950],
    [1000, 10_000],
  ])('%d becomes %d', (weight, io) => expect(ioWeightOf(weight)).toBe(io));

  test.each([9, 1001, 10.5])('%d is out of range', (weight) =>
    expect(() => ioWeightOf(weight)).toThrow('10 to 1000'),
  );
});

describe('memory+swap to swap', () => {
  const M = 1 << 20;
  test.each([
    ['more than memory', 100 * M, 64 * M, BigInt(36 * M)],
    ['the same as memory: no swap', 64 * M, 64 * M, 0n],
    ['unlimited', -1, 64 * M, -1n],
    ['not given', undefined, 64 * M, undefined],
    ['0 is not given', 0, 64 * M, undefined],
    ['not given beside unlimited memory', undefined, -1, -1n],
    ['64-bit', (1n << 62n) + 1n, 1n, 1n << 62n],
  ])('%s', (_name, swap, limit, expected) => expect(swapMaxOf(swap, limit)).toBe(expected));

  test('below memory', () => expect(() => swapMaxOf(63 * M, 64 * M)).toThrow('below the memory limit'));
  test('without a memory limit', () =>
    expect(() => swapMaxOf(64 * M, undefined)).toThrow('needs a memory limit too'));
  // v1's kernel refuses it as well, since the sum would be below memory.
  test('beside unlimited memory', () =>
    expect(() => swapMaxOf(64 * M, -1)).toThrow('includes memory, which is not limited'));
  test('negative', () => expect(() => swapMaxOf(-2, 64 * M)).toThrow('-1 for none'));
});

test.each([
  [50_000, 100_000, '50000 100000'],
  [50_000, undefined, '50000 100000'],
  [-1, undefined, 'max 100000'],
  [0, 20_000, 'max 20000'],
  [undefined, 20_000, 'max 20000'],
])('cpu.max of quota %s and period %s', (quota, period, expected) =>
  expect(cpuMaxOf(quota, period)).toBe(expected),
);

test.each([
  [undefined, 50_000, { quota: 20_000n, period: 100_000n }, '20000 50000'],
  [undefined, 50_000, { period: 100_000n }, 'max 50000'],
  [10_000, undefined, { quota: 20_000n, period: 50_000n }, '10000 50000'],
  [-1, undefined, { quota: 20_000n, period: 50_000n }, 'max 50000'],
  [10_000, 20_000, { quota: 20_000n, period: 50_000n }, '10000 20000'],
])('cpu.max of quota %s and period %s over %o', (quota, period, current, expected) =>
  expect(cpuMaxOf(quota, period, current)).toBe(expected),
);
