/** The runs side by side, as text. */
import { boots } from './qemu.ts';
import { count, type Nowhere, type Run, type Test } from './results.ts';

/**
 * Lines of the report: a table with a column a run, the skips by reason, the failures, and
 * what of these was run nowhere.
 */
export function renderReport(unordered: readonly Run[], missing: readonly Nowhere[]): string[] {
  const runs = unordered.toSorted((a, b) => column(a) - column(b) || (a.name < b.name ? -1 : 1));
  const lines = runs.length > 0 ? [...table(runs), ''] : [];
  for (const run of runs) {
    for (const [reason, tests] of byReason(run.tests)) {
      lines.push(`${run.name}: ${tests.length} skipped: ${reason}`);
    }
  }
  for (const run of runs) {
    for (const test of run.tests.filter((t) => t.status === 'failed')) {
      lines.push(`${run.name}: FAILED ${test.file}: ${test.name}: ${test.reason}`);
    }
    lines.push(...run.trouble.map((text) => `${run.name}: FAILED ${text}`));
  }
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

function byReason(tests: readonly Test[]): [string, Test[]][] {
  const groups = new Map<string, Test[]>();
  for (const test of tests) {
    if (test.status !== 'skipped') continue;
    const reason = test.reason ?? 'no reason given';
    groups.set(reason, [...(groups.get(reason) ?? []), test]);
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}
