import { expect, test } from 'vitest';
import { fitted } from '../src/act/watch.ts';

test('a table that is longer than the terminal keeps its top, and says how much more there is', () => {
  const text = 'head\nLIMIT ON\na\nb\nc\nd\n';
  expect(fitted(text, 24)).toBe(text);
  expect(fitted(text, 7)).toBe(text);
  expect(fitted(text, 6)).toBe('head\nLIMIT ON\na\nb\n… 2 more\n');
  expect(fitted(text, 0)).toBe(text);
});
