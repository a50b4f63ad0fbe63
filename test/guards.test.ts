/** The table of scripts/guards-table.ts, which scripts/guards.ts tries: what it takes out is there, and its page says who noticed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { guards } from '../scripts/guards-table.ts';
import { top } from './support.ts';

const textOf = (path: string): string => readFileSync(join(top, path), 'utf8');

test.each(guards)('$name', ({ file, text, instead, tests }) => {
  expect([file, textOf(file).split(text).length - 1]).toEqual([file, 1]);
  expect(instead).not.toBe(text);
  expect(tests.filter((path) => !existsSync(join(top, path)))).toEqual([]);
});

test('each has a name of its own, and where it was tried a test noticed', () => {
  const names = guards.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const rows = textOf('docs/guards.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.map(([, name]) => name)).toEqual(
    names.filter((name) => rows.some(([, tried]) => tried === name)),
  );
  expect(rows.filter(([, , , , noticed]) => !noticed!.startsWith('`'))).toEqual([]);
});
