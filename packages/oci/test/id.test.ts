import { expect, it } from 'vitest';
import { invalidId } from '../src/runtime/id.ts';

it.each(['a', 'web-1', 'a.b+c_D', '0', 'x'.repeat(1024)])('%s is an ID', (id) => {
  expect(invalidId(id)).toBeUndefined();
});

it.each([
  ['', 'empty'],
  ['.', 'dot'],
  ['...', 'dot'],
  ['.hidden', 'dot'],
  ['..', 'dot'],
  ['a/b', '"/"'],
  ['../x', '"/"'],
  ['a b', '" "'],
  ['ä', '"ä"'],
  ['a\n', '"\\n"'],
  ['x'.repeat(1025), 'longer than 1024'],
])('%j is not an ID', (id, words) => {
  expect(invalidId(id)).toContain(words);
});
