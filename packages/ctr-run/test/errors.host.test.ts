/** Each line of docs/errors.md: the failure is provoked, and everybody says of it what stands there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCommand, needs, run, slower, top } from '../../../test/support.ts';
import { failures } from './errors.ts';
import type { PeerName } from './peers.ts';

const rows = readFileSync(join(top, 'docs/errors.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

/** The versions whose words stand there, where they are installed. An emulated machine has no time for them. */
const isHere = (name: 'runc' | 'crun', version: string): boolean =>
  slower === 1 &&
  hasCommand(name) &&
  run(name, ['--version']).stdout.startsWith(`${name} version ${version}.`);
const names: readonly PeerName[] = ['ctr-run', 'runc', 'crun'];
const here = names.filter((name) => name === 'ctr-run' || isHere(name, { runc: '1.1', crun: '1.8' }[name]));

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** The words of a cell, as they may stand in what was said: runc quotes them in its log's way. */
const pattern = (cell: string): RegExp =>
  new RegExp(
    escaped(
      cell.replace(/^(`+ ?)(.*?) ?`+$/, (_, begin: string, words: string) =>
        begin.length > 1 ? words : cell.slice(1, -1),
      ),
    ).replaceAll('…', '.*'),
  );

test('each failure has its line, and each line its failure', () => {
  expect(rows.map(([title]) => title).sort()).toEqual(Object.keys(failures).sort());
  expect(rows.filter((row) => row.length !== 5 || row[4] === '')).toEqual([]);
});

describe.each(rows)('%s', (title, ...cells) => {
  test.for(here)('%s', (name, context) => {
    needs(context, 'root', 'command:busybox');
    const { status, stderr } = failures[title]!(name);
    const said = stderr.replaceAll('\\"', '"').replaceAll('unable to start container process: ', '');
    const cell = cells[names.indexOf(name)]!;
    if (name === 'ctr-run') expect(status).not.toBe(0);
    if (cell === '–') expect(said).toBe('');
    else expect(said.replaceAll('error during container init: ', '')).toMatch(pattern(cell));
  });
});
