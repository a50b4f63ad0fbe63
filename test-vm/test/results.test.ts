import { describe, expect, test } from 'vitest';
import { fullName } from '../../test/skips.ts';
import { renderReport } from '../src/report.ts';
import { count, nowhere, parseRun, type Run, sumUp } from '../src/results.ts';

const reportOf = (
  tests: readonly [string, string, string?][],
  file = '/top/packages/a/test/a.host.test.ts',
) =>
  JSON.stringify({
    success: true,
    testResults: [
      {
        name: file,
        status: tests.some(([, status]) => status === 'failed') ? 'failed' : 'passed',
        assertionResults: tests.map(([fullName, status, message]) => ({
          fullName,
          status,
          duration: 5,
          failureMessages: message ? [message] : [],
        })),
      },
    ],
  });

/** As test/skips.ts writes it. */
const skipsOf = (...lines: [file: string, test: string, reason: string][]): string =>
  lines.map(([file, test, reason]) => `${JSON.stringify({ file, test, reason })}\n`).join('');
const skips = skipsOf(['/top/packages/a/test/a.host.test.ts', 'suite two', 'no AppArmor']);

describe('a run', () => {
  test('has its tests by file, with why they were skipped or failed', () => {
    const run = parseRun(
      'host',
      reportOf([
        ['suite one', 'passed'],
        ['suite two', 'skipped'],
        ['suite three', 'failed', 'AssertionError: 1 is not 2\n    at here'],
        ['suite four', 'pending'],
      ]),
      skips,
      '/top',
      1,
    );
    expect(run.tests.map(({ name, status, reason }) => [name, status, reason])).toEqual([
      ['suite one', 'passed', undefined],
      ['suite two', 'skipped', 'no AppArmor'],
      ['suite three', 'failed', 'AssertionError: 1 is not 2'],
      ['suite four', 'skipped', 'skipped where it is declared'],
    ]);
    expect(run.tests[0]!.file).toBe('packages/a/test/a.host.test.ts');
    expect(count(run)).toEqual({ passed: 1, failed: 1, skipped: 2 });
  });

  test('has the reason of each skip for that test alone', () => {
    const [a, b] = ['/top/a.test.ts', '/top/b.test.ts'];
    const known = skipsOf([a, 'a limit', 'no v1'], [b, 'a limit', 'no v2'], [a, 'suite a limit', 'no root']);
    const reasons = (file: string): (string | undefined)[] =>
      parseRun(
        'host',
        reportOf(
          [
            ['a limit', 'skipped'],
            ['suite a limit', 'skipped'],
            ['limit', 'skipped'],
          ],
          file,
        ),
        known,
        '/top',
        0,
      ).tests.map(({ reason }) => reason);
    const none = 'skipped where it is declared';
    expect([reasons(a), reasons(b)]).toEqual([
      ['no v1', 'no root', none],
      ['no v2', none, none],
    ]);
  });

  test('says what was left over, and which tests passed only when they were tried again', () => {
    const notes = [
      { left: 'mount /tmp/x' },
      { file: '/top/a.test.ts', test: 'one', retried: 'Error: late' },
      { file: '/top/a.test.ts', test: 'two', retried: 'Error: wrong' },
    ].map((line) => `${JSON.stringify(line)}\n`);
    const run = parseRun(
      'host',
      reportOf(
        [
          ['one', 'passed'],
          ['two', 'failed', 'Error: wrong'],
        ],
        '/top/a.test.ts',
      ),
      notes.join(''),
      '/top',
      1,
    );
    expect(run.trouble).toEqual(['left over: mount /tmp/x']);
    expect(run.retried).toEqual(['a.test.ts: one: Error: late']);
    expect(sumUp([run], [])).toMatchObject({
      failed: 2,
      failures: ['host: a.test.ts: two: Error: wrong', 'host: left over: mount /tmp/x'],
      retried: ['host: a.test.ts: one: Error: late'],
    });
    expect(renderReport([run], [])).toContain('tried again: host: a.test.ts: one: Error: late');
  });

  describe('is named as vitest names it', () => {
    describe('in > a suite', () => {
      test('with > a mark', ({ task }) => {
        expect(fullName(task)).toBe('a run is named as vitest names it in > a suite with > a mark');
        expect(task.file.filepath).toBe(import.meta.filename);
      });
    });
  });

  test('that fails without a failed test is trouble all the same', () => {
    expect(count(parseRun('vm', reportOf([['one', 'passed']]), '', '/top', 1))).toMatchObject({ failed: 1 });
    const broken = JSON.stringify({
      success: false,
      testResults: [
        { name: '/top/b.test.ts', status: 'failed', message: 'no module\nx', assertionResults: [] },
      ],
    });
    expect(parseRun('vm', broken, '', '/top', 1).trouble).toEqual(['b.test.ts: no module']);
  });

  test.each([['{"a":1}'], ['not json'], ['']])('that is no report is an error: %s', (text) => {
    expect(() => parseRun('vm', text, '', '/top', 0)).toThrow();
  });
});

describe('several runs', () => {
  const run = (name: string, ...tests: [string, 'passed' | 'skipped' | 'failed', string?][]): Run => ({
    name,
    tests: tests.map(([test, status, reason]) => ({ file: 'f', name: test, status, reason })),
    trouble: [],
  });
  const host = run(
    'host',
    ['one', 'passed'],
    ['two', 'skipped', 'no v2'],
    ['three', 'skipped', 'no SELinux'],
  );
  const vm = run(
    'unified',
    ['one', 'skipped', 'no v1'],
    ['two', 'passed'],
    ['three', 'skipped', 'no SELinux'],
  );

  test('what is skipped in all of them is run nowhere', () => {
    expect(nowhere([host, vm])).toEqual([
      { test: 'f: three', reasons: ['host: no SELinux', 'unified: no SELinux'] },
    ]);
  });

  test('a failed test was run', () => {
    expect(nowhere([run('host', ['x', 'skipped']), run('vm', ['x', 'failed', 'why'])])).toEqual([]);
  });

  test('stand in one order, whichever ended first, and in no table where there are none', () => {
    const names = ['selinux root', 'hybrid root', 'unified vagrant', 'host', 'unified root'];
    const [header] = renderReport(
      names.map((name) => run(name)),
      [],
    );
    expect(header!.trim().split(/ {2,}/)).toEqual([
      'host',
      'unified root',
      'unified vagrant',
      'hybrid root',
      'selinux root',
    ]);
    expect(renderReport([], [])).toEqual([]);
  });

  test('stand side by side', () => {
    const missing = nowhere([host, vm]);
    const text = renderReport([{ ...vm, seconds: 61.4 }, host], missing);
    expect(text.slice(0, 6)).toEqual([
      '         host  unified',
      'tests       3        3',
      'passed      1        1',
      'failed      0        0',
      'skipped     2        2',
      'seconds             61',
    ]);
    expect(text).toContain('skipped: host: f: two: no v2');
    expect(text).toContain('RUN NOWHERE f: three');
    const declared = missing.map((one) => ({ ...one, declared: 'no such hardware' }));
    expect(renderReport([host, vm], declared)).toContain(
      'run nowhere, as declared: f: three: no such hardware',
    );
    expect([sumUp([vm], missing).failed, sumUp([vm], declared).failed]).toEqual([1, 0]);
    expect(sumUp([vm], missing).failures).toEqual([
      'run nowhere: f: three: host: no SELinux; unified: no SELinux',
    ]);
  });

  test('as one: what failed by its name, what was skipped once for each reason', () => {
    const many = run(
      'host',
      ['one', 'failed', 'it is 2'],
      ['two', 'skipped', 'no v2'],
      ['three', 'skipped', 'no v2'],
    );
    expect(sumUp([{ ...many, trouble: ['a mount was left'] }], [])).toEqual({
      passed: 0,
      failed: 2,
      skipped: 2,
      retried: [],
      failures: ['host: f: one: it is 2', 'host: a mount was left'],
      reasons: ['host: 2 tests: no v2'],
    });
  });
});
