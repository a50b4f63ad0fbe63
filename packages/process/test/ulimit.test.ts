import { RLIM_INFINITY } from '@ctr-tools/sys/constants';
import { expect, test } from 'vitest';
import { parseUlimit } from '../src/index.ts';

test('one number is both limits, two are soft and hard', () => {
  expect(parseUlimit('nofile=1024')).toEqual({ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 });
  expect(parseUlimit('RLIMIT_CORE=0:unlimited')).toEqual({
    type: 'RLIMIT_CORE',
    soft: 0,
    hard: RLIM_INFINITY,
  });
  expect(parseUlimit('memlock=-1').soft).toBe(RLIM_INFINITY);
  expect(parseUlimit('fsize=18446744073709551614').hard).toBe(18446744073709551614n);
});

test.each([
  ['nofile', 'write NAME=SOFT[:HARD]'],
  ['nosuch=1', 'there is no resource limit "nosuch"; there are cpu, fsize,'],
  ['nofile=many', '"many" in "nofile=many" is not a number'],
  ['nofile=1:2:3', '"2:3" in'],
  ['nofile=99999999999999999999', 'is not a number'],
])('%s is refused', (text, message) => {
  expect(() => parseUlimit(text)).toThrow(message);
});
