/** docs/conformance.md names tests; this holds it to them, so that the table cannot rot. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { top } from '../../../test/support.ts';

const lines = readFileSync(join(top, 'docs/conformance.md'), 'utf8').split('\n');
/** Rows of the tables of clauses, without heads and rulers. */
const rows = lines.filter((line) => /^\| (?!clause |what +\||---)/.test(line));

function fileOf(name: string): string {
  const [room, rest] = [name.slice(0, name.indexOf('/')), name.slice(name.indexOf('/') + 1)];
  const directory = room === 'native' ? 'native/test' : `packages/${room}/test`;
  return join(top, directory, `${rest}.test.ts`);
}

const named = rows.flatMap((row) =>
  [...row.matchAll(/`([a-z-]+\/[\w./-]+)` "([^"]+)"/g)].map(([, file, title]) => ({
    row,
    file: file!,
    title: title!,
  })),
);

/** A string of the source, with whatever quotes. */
function has(source: string, title: string): boolean {
  const spellings = [title, title.replaceAll("'", "\\'"), title.replaceAll('"', '\\"')];
  return spellings.some((text) =>
    [`'${text}'`, `"${text}"`, `\`${text}\``].some((quoted) => source.includes(quoted)),
  );
}

test('every test that the table names is there', () => {
  const missing = named
    .filter(({ file, title }) => !existsSync(fileOf(file)) || !has(readFileSync(fileOf(file), 'utf8'), title))
    .map(({ file, title }) => `${file}: ${title}`);
  expect([...new Set(missing)]).toEqual([]);
  expect(named.length).toBeGreaterThan(300);
});

test('every clause has a test, or says why it has none', () => {
  const bare = rows.filter((row) => !named.some((n) => n.row === row) && !row.includes('not held'));
  expect(bare).toEqual([]);
});

test('as many clauses are there as are said to be', () => {
  const said = Number(lines.find((line) => / clauses\.$/.test(line))?.split(' ')[0]);
  const end = lines.findIndex((line) => line.startsWith('## Beyond'));
  const clauses = lines.slice(0, end).filter((line) => /^\| (?!clause |---)/.test(line));
  expect(clauses).toHaveLength(said);
});
