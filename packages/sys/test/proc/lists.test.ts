import { expect, test } from 'vitest';
import { numberMask, parseNumberList } from '../../src/proc/index.ts';

test.each<[string, number[]]>([
  ['0', [0]],
  ['0-3,7', [0, 1, 2, 3, 7]],
  ['7,0-1,1', [0, 1, 7]],
  [' 2 , 4-5 ', [2, 4, 5]],
])('%s', (text, numbers) => {
  expect(parseNumberList(text)).toEqual(numbers);
});

test.each(['', '3-1', 'a', '1,,2', '-1', '0x1', '8192', '1-'])('"%s" is not a list', (text) => {
  expect(() => parseNumberList(text)).toThrow(RangeError);
});

test('a mask has a bit for each number, in whole words of 64', () => {
  expect([...numberMask([])]).toEqual([]);
  expect([...numberMask([0, 9])]).toEqual([1, 2, 0, 0, 0, 0, 0, 0]);
  expect(numberMask([64])).toHaveLength(16);
  expect(numberMask([64])[8]).toBe(1);
});
