import { fitted } from '@ctr-tools/cli/screen';
import { expect, test } from 'vitest';
import { sorted } from '../src/act/watch-all.ts';

test('a table that is longer than the terminal keeps its top, and says how much more there is', () => {
  const text = 'head\nLIMIT ON\na\nb\nc\nd\n';
  expect(fitted(text, 24)).toBe(text);
  expect(fitted(text, 7)).toBe(text);
  expect(fitted(text, 6)).toBe('head\nLIMIT ON\na\nb\n… 2 more\n');
  expect(fitted(text, 0)).toBe(text);
});

test('all groups are a tree by name, and whole paths by what they use, the largest first', () => {
  const rows = [
    { label: '/', group: '/', processes: 3, memory: 5 },
    { label: '├ a', group: '/a', processes: 3 },
    { label: '└ b', group: '/b', processes: 4, memory: 9, cpu: 0.5 },
  ];
  const by = (key: 'name' | 'memory' | 'cpu' | 'processes') => sorted(rows, key).map(({ label }) => label);
  expect(by('name')).toEqual(['/', '├ a', '└ b']);
  expect(by('memory')).toEqual(['/b', '/', '/a']);
  expect(by('cpu')).toEqual(['/b', '/', '/a']);
  expect(by('processes')).toEqual(['/b', '/', '/a']);
});
