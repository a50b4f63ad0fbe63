import { expect, test } from 'vitest';
import { inodeOfLink, parseStat } from '../src/proc.ts';

test('a name with parentheses and spaces does not shift the fields', () => {
  const rest = Array.from({ length: 40 }, (_, i) => String(i + 100));
  rest[0] = 'S';
  rest[1] = '7';
  rest[19] = '4711';
  expect(parseStat(`42 (a) b (c) ${rest.join(' ')}\n`)).toEqual({
    pid: 42,
    command: 'a) b (c',
    state: 'S',
    ppid: 7,
    startTime: 4711,
  });
});

test('a link names an inode', () => {
  expect(inodeOfLink('net:[4026531840]')).toBe(4026531840);
  expect(inodeOfLink('/some/file')).toBeUndefined();
});
