import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chaptersOf, partsOf } from '../packages/ctr-run/src/tour/page.ts';
import { agrees, fencedBlocks, indentedBlocks } from './blocks.ts';
import { top } from './support.ts';

test.each<[expected: string[], printed: string, same: boolean]>([
  [[], '', true],
  [[], 'words\n', false],
  [['pid 4711  x'], 'pid 12 x\n', true],
  [['  123 x'], '1 x\n', false],
  [['  1234 x'], '     1 x\n', true],
  [['pid 12'], 'pid 13\n', false],
  [['00000000a80425fb'], '00000000a80425ff\n', false],
  [['a…z'], 'abcz\n', true],
  [['a…z'], 'ab\ncz\n', false],
  [['a', '…', 'z'], 'a\nz\n', true],
  [['a', '…', 'z'], 'a\nb\nc\nz', true],
  [['a', '…', 'z'], 'a\nb\nzz\n', false],
  [['a.b'], 'a_b\n', false],
])('%j of %j: %s', (expected, printed, same) => {
  expect(agrees(expected, printed)).toBe(same);
});

test('blocks of both kinds, with what belongs to them', () => {
  expect(indentedBlocks('text\n\n    a \\\n      b\n    c\n\ntext\n    d')).toEqual([['a b', 'c'], ['d']]);
  expect(partsOf('one\n\n```console needs=x,y undo\n$ a\nb\n$ c\n```\n\n```ts\nno\n```\n')).toEqual([
    { kind: 'prose', lines: ['one'] },
    {
      kind: 'block',
      needs: ['x', 'y'],
      undo: true,
      steps: [
        { command: 'a', output: ['b'] },
        { command: 'c', output: [] },
      ],
    },
  ]);
  expect(() => partsOf('```console\n$ a')).toThrow('line 1');
  expect(() => partsOf('\n```console\na\n```')).toThrow('line 2');
});

test('the tour says the same in every language', () => {
  const page = (name: string): string => readFileSync(join(top, 'docs', name), 'utf8');
  const [english, vietnamese] = [page('tour.md'), page('tour.vi.md')];
  expect(fencedBlocks(vietnamese)).toEqual(fencedBlocks(english));
  const shape = (text: string) => chaptersOf(text).map(({ parts }) => parts.map(({ kind }) => kind));
  expect(shape(vietnamese)).toEqual(shape(english));
  expect(chaptersOf(english)).toHaveLength(7);
});
