import { expect, test } from 'vitest';
import { progress, progressLine } from '../src/progress.ts';
import { paint } from '../src/style.ts';
import { printable, renderTable, treeLines, truncate, visibleWidth } from '../src/table.ts';

const columns = [
  { title: 'KIND' },
  { title: 'PIDS', align: 'right' as const },
  { title: 'PATH', shrink: true },
];
const rows = [
  ['mnt', '12', '/proc/1/ns/mnt'],
  ['network', '3', '/x'],
];

test('columns are aligned and lines end where their text ends', () => {
  expect(renderTable(columns, rows)).toBe(
    'KIND     PIDS  PATH\nmnt        12  /proc/1/ns/mnt\nnetwork     3  /x\n',
  );
});

test('nothing is cut but on a terminal, and there what may shrink', () => {
  expect(renderTable(columns, rows, { width: 24 }).split('\n')[1]).toBe('mnt        12  /proc/1/…');
});

test('what others need at least takes the place of spare columns, and of no others', () => {
  const many = [
    { title: 'NS' },
    { title: 'ONS', spare: 2 },
    { title: 'PNS', spare: 1 },
    { title: 'HELD', shrink: true },
    { title: 'COMMAND', shrink: true, least: 25 },
  ];
  const row = ['4026531837', '4026531837', '4026531837', 'mount /run/netns/blue', `sleep ${'1'.repeat(60)}`];
  const titles = (width: number) => renderTable(many, [row], { width }).split('\n')[0]!.split(/ +/);
  const line = (width: number) => renderTable(many, [row], { width }).split('\n')[1]!;
  expect(titles(200)).toEqual(['NS', 'ONS', 'PNS', 'HELD', 'COMMAND']);
  expect(titles(64)).toEqual(['NS', 'ONS', 'HELD', 'COMMAND']);
  expect(titles(50)).toEqual(['NS', 'HELD', 'COMMAND']);
  for (const width of [50, 64, 80, 120]) {
    expect(visibleWidth(line(width))).toBeLessThanOrEqual(width);
    expect(/sleep.*/.exec(line(width))![0].length).toBeGreaterThanOrEqual(25);
  }
  // In a pipe nothing is left out.
  expect(renderTable(many, [row])).toContain(row[4]);
});

test('colour takes no width', () => {
  const { flag } = paint(true);
  const table = renderTable([{ title: 'A' }, { title: 'B' }], [[flag('red'), 'x']], { color: true });
  expect(visibleWidth(table.split('\n')[1]!)).toBe(6);
  expect(table).toContain('\x1b[36mred\x1b[39m  x');
  expect(paint(false).flag('red')).toBe('red');
});

test('no rows are a line of titles, or nothing', () => {
  expect(renderTable(columns, [])).toBe('KIND  PIDS  PATH\n');
  expect(renderTable(columns, [], { bare: true })).toBe('');
});

test('trees', () => {
  const leaf = (value: string) => ({ value, children: [] });
  const tree = [{ value: 'a', children: [{ value: 'b', children: [leaf('c')] }, leaf('d')] }, leaf('e')];
  expect([...treeLines(tree)].map(({ prefix, value }) => prefix + value)).toEqual([
    'a',
    '├─b',
    '│ └─c',
    '└─d',
    'e',
  ]);
});

test('names that would command a terminal do not', () => {
  expect(printable('a\x1b[2Jb\n')).toBe('a\\x1b[2Jb\\x0a');
  expect(truncate('abcdef', 4)).toBe('abc…');
});

test('progress is drawn on a terminal, not too often, and goes away', () => {
  const written: string[] = [];
  let time = 0;
  const options = {
    terminal: true,
    columns: 60,
    now: () => time,
    write: (text: string) => written.push(text),
  };
  const bar = progress('layer', 2048, options);
  bar.update(0);
  bar.update(1);
  time = 1000;
  bar.update(1024);
  bar.done();
  expect(written).toHaveLength(3);
  expect(written[1]).toContain('1 KiB of 2 KiB');
  expect(written[2]).toBe('\r\x1b[K');
  written.length = 0;
  const silent = progress('layer', 1, { ...options, terminal: false });
  silent.update(1);
  silent.done();
  expect(written).toEqual([]);
});

test('a progress line fits its terminal', () => {
  for (const width of [10, 20, 40, 80]) {
    expect(progressLine('a label', 5, 10, width, String).length).toBeLessThanOrEqual(width);
    expect(progressLine('a label', 5, undefined, width, String).length).toBeLessThanOrEqual(width);
  }
});
