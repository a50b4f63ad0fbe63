/** What vitest reported, here or there, and what follows from several reports together. */
import { existsSync, readFileSync } from 'node:fs';
import type { LeftOver, Retried, Skip } from '../../test/skips.ts';
import { whyNowhere } from './impossible.ts';

export type Status = 'passed' | 'failed' | 'skipped';

export interface Test {
  /** Path of the file from the top of the repository, and the test's full name. */
  file: string;
  name: string;
  status: Status;
  /** Why it was skipped, or the first line of its failure. */
  reason?: string;
  ms?: number;
}

export interface Run {
  /** Column of the report: `host`, `unified root` … */
  name: string;
  tests: Test[];
  /** What failed outside of any test: something left over, a file that cannot be loaded. */
  trouble: string[];
  /** Tests that passed only when they were tried again, each with its first failure. */
  retried?: string[];
  seconds?: number;
}

interface Report {
  success: boolean;
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: {
      fullName: string;
      status: string;
      duration?: number | null;
      failureMessages?: string[] | null;
    }[];
  }[];
}

/** What test/skips.ts wrote, a line each. */
export interface Notes {
  /** Reasons of skips, by file and test. */
  reasons: Map<string, string>;
  retried: Retried[];
  left: string[];
}

export function parseNotes(text: string): Notes {
  const notes: Notes = { reasons: new Map(), retried: [], left: [] };
  for (const line of text.split('\n').filter(Boolean)) {
    const note = JSON.parse(line) as Skip | Retried | LeftOver;
    if ('left' in note) notes.left.push(note.left);
    else if ('retried' in note) notes.retried.push(note);
    else notes.reasons.set(skipKey(note.file, note.test), note.reason);
  }
  return notes;
}

const skipKey = (file: string, test: string): string => `${file}\0${test}`;

/**
 * A run from vitest's JSON report. `top` is the directory that was tested, which file names
 * begin with; `status` is vitest's exit status, which may tell of trouble that no test had.
 */
export function parseRun(name: string, report: string, notes: string, top: string, status: number): Run {
  const { testResults } = parseReport(report);
  const { reasons, retried, left } = parseNotes(notes);
  const tests: Test[] = [];
  const trouble: string[] = left.map((trace) => `left over: ${trace}`);
  const within = (path: string): string => (path.startsWith(`${top}/`) ? path.slice(top.length + 1) : path);
  for (const result of testResults) {
    const file = within(result.name);
    const failures = result.assertionResults.filter((a) => a.status === 'failed');
    if (result.status === 'failed' && failures.length === 0) {
      trouble.push(`${file}: ${firstLine(result.message) || 'could not be run'}`);
    }
    for (const { fullName, status, duration, failureMessages } of result.assertionResults) {
      const test: Test = { file, name: fullName, status: statusOf(status) };
      if (duration != null) test.ms = duration;
      if (test.status === 'failed') test.reason = firstLine(failureMessages?.[0]);
      if (test.status === 'skipped')
        test.reason = reasons.get(skipKey(result.name, fullName)) ?? 'skipped where it is declared';
      tests.push(test);
    }
  }
  if (status !== 0 && trouble.length === 0 && tests.every((test) => test.status !== 'failed')) {
    trouble.push(`vitest exited ${status} though no test failed`);
  }
  const passed = new Set(tests.filter(({ status }) => status === 'passed').map(keyOf));
  const again = retried
    .filter(({ file, test }) => passed.has(keyOf({ file: within(file), name: test })))
    .map(({ file, test, retried: why }) => `${keyOf({ file: within(file), name: test })}: ${why}`);
  return { name, tests, trouble, retried: [...new Set(again)] };
}

function parseReport(text: string): Report {
  const report = JSON.parse(text) as Report;
  if (!Array.isArray(report.testResults))
    throw new Error("this is no report of vitest's: it has no testResults");
  return report;
}

const firstLine = (text = ''): string => text.split('\n')[0]!.trim();

const statusOf = (status: string): Status =>
  status === 'passed' || status === 'failed' ? status : 'skipped';

/** A run's report where its files lie, or undefined where it has not been run. */
export function readRun(
  name: string,
  report: string,
  skips: string,
  top: string,
  status = 0,
): Run | undefined {
  if (!existsSync(report)) return undefined;
  return parseRun(
    name,
    readFileSync(report, 'utf8'),
    existsSync(skips) ? readFileSync(skips, 'utf8') : '',
    top,
    status,
  );
}

const keyOf = ({ file, name }: Pick<Test, 'file' | 'name'>): string => `${file}: ${name}`;

/**
 * Tests that no run has run, each with the reasons: on a machine that was made for the
 * tests, whatever is skipped there as well as here is tested nowhere. (What the machine leaves
 * to the host, see vitest.config.ts, is not meant.)
 */
export function nowhere(runs: readonly Run[]): Nowhere[] {
  const ran = new Set<string>();
  const inMachine = new Set<string>();
  const skipped = new Map<string, string[]>();
  for (const run of runs) {
    for (const test of run.tests) {
      if (run.name !== 'host') inMachine.add(keyOf(test));
      if (test.status !== 'skipped') ran.add(keyOf(test));
      else skipped.set(keyOf(test), [...(skipped.get(keyOf(test)) ?? []), `${run.name}: ${test.reason}`]);
    }
  }
  return [...skipped]
    .filter(([test]) => !ran.has(test) && inMachine.has(test))
    .map(([test, reasons]) => ({ test, reasons, declared: whyNowhere(test) }));
}

/** A test that no run has run. */
export interface Nowhere {
  test: string;
  /** What each run said. */
  reasons: string[];
  /** Why that is not a failure. */
  declared?: string | undefined;
}

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export function count(run: Run): Counts {
  const of = (status: Status): number => run.tests.filter((test) => test.status === status).length;
  return { passed: of('passed'), failed: of('failed') + run.trouble.length, skipped: of('skipped') };
}

/** Runs of the same name are parts of one. */
export function mergeParts(runs: readonly Run[]): Run[] {
  const merged = new Map<string, Run>();
  for (const run of runs) {
    const sofar = merged.get(run.name);
    merged.set(run.name, {
      name: run.name,
      tests: [...(sofar?.tests ?? []), ...run.tests],
      trouble: [...(sofar?.trouble ?? []), ...run.trouble],
      retried: [...(sofar?.retried ?? []), ...(run.retried ?? [])],
      // They ran beside each other.
      seconds: Math.max(sofar?.seconds ?? 0, run.seconds ?? 0),
    });
  }
  return [...merged.values()];
}

/** What ran, and in words what failed and why what was skipped was skipped. */
export interface Summary extends Counts {
  failures: string[];
  reasons: string[];
  retried: string[];
}

/** All runs as one count; what was run nowhere counts as failed, unless it is declared. */
export function sumUp(runs: readonly Run[], missing: readonly Nowhere[]): Summary {
  const undeclared = missing.filter(({ declared }) => declared === undefined);
  const sum: Summary = { passed: 0, failed: 0, skipped: 0, failures: [], reasons: [], retried: [] };
  for (const run of runs) {
    const { passed, failed, skipped } = count(run);
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    sum.failures.push(...failureLines(run));
    sum.reasons.push(...skipLines(run));
    sum.retried.push(...(run.retried ?? []).map((text) => `${run.name}: ${text}`));
  }
  sum.failed += undeclared.length;
  sum.failures.push(...undeclared.map(({ test, reasons }) => `run nowhere: ${test}: ${reasons.join('; ')}`));
  return sum;
}

/** Each failure of a run in a line. */
export function failureLines(run: Run): string[] {
  return [
    ...run.tests
      .filter(({ status }) => status === 'failed')
      .map((test) => `${run.name}: ${keyOf(test)}: ${test.reason}`),
    ...run.trouble.map((text) => `${run.name}: ${text}`),
  ];
}

/** Why tests of a run were skipped: a line for each reason, with the test where it is a single one. */
export function skipLines(run: Run): string[] {
  const byReason = new Map<string, Test[]>();
  for (const test of run.tests) {
    if (test.status !== 'skipped') continue;
    const reason = test.reason ?? 'no reason given';
    byReason.set(reason, [...(byReason.get(reason) ?? []), test]);
  }
  return [...byReason]
    .sort((a, b) => b[1].length - a[1].length)
    .map(([reason, tests]) => {
      const what = tests.length === 1 ? keyOf(tests[0]!) : `${tests.length} tests`;
      return `${run.name}: ${what}: ${reason}`;
    });
}
