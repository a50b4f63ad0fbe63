/** The runs side by side, as text. */
import { boots } from './qemu.ts';
import { count, failureLines, type Nowhere, type Run, skipLines } from './results.ts';

/**
 * Lines of the report: a table with a column a run, the skips by reason, what was tried again, the failures, and
 * what of these was run nowhere.
 */
export function renderReport(unordered: readonly Run[], missing: readonly Nowhere[]): string[] {
  const runs = unordered.toSorted((a, b) => column(a) - column(b) || (a.name < b.name ? -1 : 1));
  const lines = runs.length > 0 ? [...table(runs), ''] : [];
  for (const run of runs) lines.push(...skipLines(run).map((line) => `skipped: ${line}`));
  for (const { name, retried = [] } of runs)
    lines.push(...retried.map((line) => `tried again: ${name}: ${line}`));
  for (const run of runs) lines.push(...failureLines(run).map((line) => `FAILED: ${line}`));
  for (const { test, reasons, declared } of missing) {
    if (declared !== undefined) lines.push(`run nowhere, as declared: ${test}: ${declared}`);
    else lines.push(`RUN NOWHERE ${test}`, ...reasons.map((reason) => `  ${reason}`));
  }
  return lines;
}

/** The host first, then the boots in their order: runs end in another each time. */
const column = ({ name }: Run): number => ['host', ...boots].findIndex((word) => name.startsWith(word));

function table(runs: readonly Run[]): string[] {
  const rows = [
    ['', ...runs.map((run) => run.name)],
    ['tests', ...runs.map((run) => `${run.tests.length}`)],
    ...(['passed', 'failed', 'skipped'] as const).map((what) => [
      what,
      ...runs.map((run) => `${count(run)[what]}`),
    ]),
    ['seconds', ...runs.map((run) => (run.seconds === undefined ? '' : run.seconds.toFixed(0)))],
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
}
