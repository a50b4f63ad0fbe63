/**
 * `node bench/chart.ts`: `docs/bench.svg`, drawn from `bench/results/*.json`. A bar is the time of a call of ours as a part of
 * what runc, or the tool of the system, takes for the same in the same run.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from './results.ts';

interface Bar {
  label: string;
  rows: { name: string; ms: number }[];
}

const result = (name: string): Result | undefined => {
  const path = join(import.meta.dirname, 'results', `${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Result) : undefined;
};

/** Which rows of which result stand together, and what they are called in the chart. */
const groups: readonly [string, string, Record<string, string>][] = [
  ['start', 'run', { 'ctr-run': 'ctr-run run', runc: 'runc run', crun: 'crun run' }],
  [
    'start',
    'run, with Docker’s filter',
    { 'ctr-run': 'ctr-run run, filtered', runc: 'runc run, filtered', crun: 'crun run, filtered' },
  ],
  ...['create', 'exec', 'delete'].map(
    (command) =>
      [
        'commands',
        command,
        Object.fromEntries(['ctr-run', 'runc', 'crun'].map((name) => [name, `${name} ${command}`])),
      ] as [string, string, Record<string, string>],
  ),
  ...['podman', 'docker', 'ctr'].map(
    (engine) =>
      [
        `engine-${engine}`,
        `${engine} run`,
        Object.fromEntries(['ctr-run', 'runc', 'crun'].map((name) => [name, `${engine} run, ${name}`])),
      ] as [string, string, Record<string, string>],
  ),
];

const bars: Bar[] = groups.flatMap(([file, label, names]) => {
  const measured = result(file);
  if (!measured) return [];
  const rows = Object.entries(names).flatMap(([name, row]) => {
    const found = measured.rows.find((each) => each.name === row);
    return found ? [{ name, ms: found.median }] : [];
  });
  return rows.length > 1 ? [{ label, rows }] : [];
});

const colours: Record<string, string> = { 'ctr-run': '#2f6fdb', runc: '#9aa4b2', crun: '#c9ced6' };
const inXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const WIDTH = 720;
const LEFT = 180;
const RIGHT = 150;
const ROW = 14;
const parts: string[] = [];
let y = 34;
for (const { label, rows } of bars) {
  const longest = Math.max(...rows.map(({ ms }) => ms));
  parts.push(
    `<text x="${LEFT - 10}" y="${y + (rows.length * ROW) / 2 + 4}" text-anchor="end">${inXml(label)}</text>`,
  );
  for (const { name, ms } of rows) {
    const width = Math.max(1, (ms / longest) * (WIDTH - LEFT - RIGHT));
    parts.push(
      `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 2}" rx="2" fill="${colours[name]}"/>`,
      `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 10}" class="n">${name} ${ms.toFixed(1)} ms</text>`,
    );
    y += ROW;
  }
  y += 12;
}
const title = 'One call from start to end: the median of one interleaved run. Shorter is better.';
const style =
  'text{font:13px system-ui,sans-serif;fill:#24292f}.n{font-size:11px}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}';
writeFileSync(
  join(import.meta.dirname, '../docs/bench.svg'),
  `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${title}">
<style>${style}</style>
<text x="8" y="18">${title}</text>
${parts.join('\n')}
</svg>
`,
);
process.stdout.write(`docs/bench.svg: ${bars.length} groups\n`);
