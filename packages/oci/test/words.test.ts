import { expect, it } from 'vitest';
import { nearest } from '../src/words.ts';

it.each([
  ['memroy', 'memory'],
  ['Memory', 'memory'],
  ['mem', undefined],
  ['pidss', 'pids'],
  ['zzzzzz', undefined],
])('%s is probably %s', (word, meant) => {
  expect(nearest(word, ['memory', 'pids', 'cpu'])).toBe(meant);
});
