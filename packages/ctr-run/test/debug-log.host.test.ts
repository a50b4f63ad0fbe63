/** What `--debug --log FILE` tells: the plan, step by step, as runc's tells its steps. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

interface Line {
  level: string;
  msg: string;
  time: string;
}

/** The lines of a log, in either form of logrus. */
function linesOf(path: string, format: 'text' | 'json'): Line[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  if (format === 'json') return lines.map((line) => JSON.parse(line) as Line);
  return lines.map((line) => {
    const [, time, level, msg] = /^time="([^"]+)" level=(\w+) msg="?(.*?)"?$/.exec(line)!;
    return { time: time!, level: level!, msg: msg! };
  });
}

const logged = (runtime: 'runc' | 'ctr-run', format: 'text' | 'json', ...argv: string[]) => {
  const log = `${tempDir('log')}/log`;
  const ended = run(program(runtime), ['--debug', '--log', log, '--log-format', format, ...argv]);
  return { ended, lines: linesOf(log, format) };
};

describe.for(['text', 'json'] as const)('as %s', (format) => {
  test.for(runtimes)(
    '%s tells the steps of what succeeds, as debug, each with its time',
    (runtime, context) => {
      needsRuntime(context, runtime);
      const before = Date.now() - 1000;
      const { ended, lines } = logged(
        runtime,
        format,
        'run',
        '--bundle',
        makeBundle(['/bin/true']),
        testId(),
      );
      expect(ended.status).toBe(0);
      expect(lines.length).toBeGreaterThan(5);
      for (const { level, time } of lines) {
        expect(level).toMatch(/^(debug|info)$/);
        expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
        expect(Date.parse(time)).toBeLessThanOrEqual(Date.now() + 1000);
      }
    },
  );

  test('ours are the steps of the plan, of the container too, in its order, with what each took', (context) => {
    needs(context, 'root');
    const bundle = makeBundle(['/bin/true']);
    const { ended, lines } = logged('ctr-run', format, 'run', '--bundle', bundle, testId());
    expect(ended).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    const steps = lines.map(
      ({ msg }) => /^step \d+ of process (\d) at \d+\.\d{3} ms took \d+\.\d{3} ms: (\w+)/.exec(msg)!,
    );
    const names = (process: string) => steps.filter(([, of]) => of === process).map(([, , op]) => op);
    const plan = run(toolPath('ctr-run'), ['plan', '--bundle', bundle, testId()]).stdout;
    const planned = (side: string) =>
      [...plan.matchAll(/^ *\d+ +(host|container) +(\w+)/gm)]
        .filter(([, of]) => of === side)
        .map(([, , op]) => op);
    expect(names('1')).toEqual(planned('container'));
    // What is undone at the end follows.
    expect(names('0').slice(0, planned('host').length)).toEqual(planned('host'));
    expect(names('1').at(-1)).toBe('exec_path');
  });
});

test('what fails tells the steps before it as debug, and itself as the error; without --debug there is only that', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.mounts!.push({ destination: '/x', type: 'nosuchfs', source: 'x' });
  });
  const { ended, lines } = logged('ctr-run', 'json', 'run', '--bundle', bundle, testId());
  expect(ended.status).toBe(1);
  expect(lines.filter(({ level }) => level === 'debug').length).toBeGreaterThan(20);
  expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
    { msg: expect.stringContaining('nosuchfs') },
  ]);
  const log = `${tempDir('log')}/log`;
  run(toolPath('ctr-run'), ['--log', log, 'run', '--bundle', bundle, testId()]);
  expect(linesOf(log, 'text').map(({ level }) => level)).toEqual(['error']);
});

test('a filter that refuses all calls of telling does not hinder the container', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['sendmsg', 'sendto', 'clock_gettime'], action: 'SCMP_ACT_KILL' }],
    };
  });
  const { ended, lines } = logged('ctr-run', 'text', 'run', '--bundle', bundle, testId());
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(lines.length).toBeGreaterThan(20);
});
