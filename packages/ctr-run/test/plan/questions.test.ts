/** What `ctr-run plan` is asked beside the plan itself, without a machine. */
import { describe, expect, test } from 'vitest';
import { differing } from '../../src/plan/diff.ts';
import { changed, lineOf, type Pointer, spelled, valueAt } from '../../src/plan/pointer.ts';
import { asWaterfall, timingsOf } from '../../src/plan/timings.ts';
import { waterfallSvg } from '../../src/plan/timings-svg.ts';
import { causesOf } from '../../src/plan/why.ts';

describe('lines of config.json', () => {
  const text =
    '{\n  "a": [1, {\n    "b": "}]\\",",\n    "c": [\n      2,\n      3\n    ]\n  }],\n  "d": {}, "e": null\n}\n';
  test.for<[Pointer, number | undefined]>([
    [['a'], 2],
    [['a', 0], 2],
    [['a', 1, 'b'], 3],
    [['a', 1, 'c', 1], 6],
    [['d'], 9],
    [['e'], 9],
    [['f'], undefined],
    [['a', 7], undefined],
    [['d', 'a'], undefined],
  ])('%s', ([pointer, line]) => {
    expect(lineOf(text, pointer)).toBe(line);
  });
  test('a changed copy leaves the original and has the rest', () => {
    const value = { a: [1, { b: 2, c: 3 }], d: 4 };
    expect(changed(value, ['a', 1, 'b'])).toEqual({ a: [1, { c: 3 }], d: 4 });
    expect(changed(value, ['a', 0])).toEqual({ a: [{ b: 2, c: 3 }], d: 4 });
    expect(changed(value, ['a', 1, 'c'], { value: 9 })).toEqual({ a: [1, { b: 2, c: 9 }], d: 4 });
    expect(value).toEqual({ a: [1, { b: 2, c: 3 }], d: 4 });
    expect(valueAt(value, ['a', 1, 'b'])).toBe(2);
    expect(spelled(['linux', 'namespaces', 3, 'type'])).toBe('linux.namespaces[3].type');
  });
});

describe('what is behind a step', () => {
  interface Made {
    version: string;
    name?: string;
    mounts?: { to: string; type?: string }[];
    process?: { caps?: { effective?: string[]; permitted?: string[] } };
    root?: { path?: string };
  }
  const spec: Made = {
    version: '1',
    name: 'box',
    mounts: [{ to: '/a', type: 'x' }, { to: '/b' }],
    process: { caps: { effective: ['kill'], permitted: ['kill'] } },
    root: { path: 'r' },
  };
  const plans = async ({ version, name, mounts = [], process, root }: Made) => {
    if (version !== '1' || root?.path === undefined) return undefined;
    return [
      'mkdir',
      ...mounts.map(({ to, type }) => `mount ${to} ${type} in ${root.path}`),
      ...(name === undefined ? [] : [`hostname ${name}`]),
      ...(process?.caps ? [`capset ${process.caps.effective} ${process.caps.permitted}`] : []),
    ];
  };
  test.for<[string, string[]]>([
    // It goes with the mount alone, and with the root all mounts go.
    ['mount /b', ['mounts[1]', 'root.path']],
    ['hostname', ['name']],
    ['capset', ['process.caps']],
    ['mkdir', []],
  ])('%s', async ([begin, expected]) => {
    const steps = (await plans(spec))!;
    const at = steps.findIndex((step) => step.startsWith(begin));
    const causes = await causesOf(spec, steps, at, plans);
    expect(causes.map(({ pointer }) => spelled(pointer))).toEqual(expected);
  });
});

test('two plans: the steps of one alone, and those whose bytes alone differ', () => {
  const of = (...texts: string[]) => texts.map((text) => ({ text, bytes: '' }));
  expect(differing(of('a', 'b', 'c'), of('a', 'b', 'c'))).toBe('');
  expect(differing(of('a', 'b', 'c'), of('a', 'x', 'c', 'd'))).toBe('- 1  b\n+ 1  x\n+ 3  d\n');
  expect(differing(of('a'), of('\x1b]0;a'))).toBe('- 0  a\n+ 0  \\x1b]0;a\n');
  const filter = (bytes: string) => [{ text: 'seccomp <8 bytes>', bytes }];
  expect(differing(filter('1'), filter('2'))).toBe(
    '- 0  seccomp <8 bytes>   [other bytes]\n+ 0  seccomp <8 bytes>   [other bytes]\n',
  );
});

describe('the times of a log', () => {
  const said = (step: number, process: number, at: string, took: string, text: string): string =>
    `step ${step} of process ${process} at ${at} ms took ${took} ms: ${text}`;
  const told = [
    said(0, 0, '1.000', '9.000', 'mkdir path=/old'),
    said(0, 0, '4.000', '1.000', 'mkdir path=/a'),
    said(1, 0, '5.000', '4.000', 'clone process=1'),
    said(4, 1, '9.000', '10.000', 'mount target="/\\u001b[31m<b>"'),
    said(3, 0, '9.100', '10.100', 'await process=1 point=5'),
    said(5, 1, '19.000', '0.001', 'umask mask=022'),
    said(6, 0, '19.500', '0.500', 'await_exec process=1'),
    said(7, 0, '20.000', '0.000', 'supervise process=1'),
    said(9, 0, '900.000', '2.000', 'remove'),
  ];
  const text = told.map((m) => `time="t" level=debug msg=${JSON.stringify(m)}`).join('\n');
  const json = told.map((msg) => JSON.stringify({ level: 'debug', msg, time: 't' })).join('\n');

  test('in both forms, of the last run alone, with the planning before it and the end apart', () => {
    const found = timingsOf(`${text}\ntime="t" level=error msg="other"\n{"half\n`)!;
    expect(timingsOf(json)).toEqual(found);
    expect(found.start.map(({ step }) => step)).toEqual([undefined, 0, 1, 4, 3, 5, 6]);
    expect(found.start[0]).toMatchObject({ at: 0, took: 4, text: 'planning' });
    expect(found.start[4]).toMatchObject({ process: 0, at: 9.1, took: 10.1, waits: true });
    expect(found.end.map(({ step }) => step)).toEqual([9]);
    expect(timingsOf('nothing\n')).toBeUndefined();
  });

  test('as a waterfall: bars where the time went, a line for what is short, no line too long', () => {
    const found = timingsOf(text)!;
    const drawn = asWaterfall(found, { width: 80, cut: true, color: false });
    expect(drawn).toMatch(/^START {2}20\.0 ms, 6 steps until the command ran\n/);
    expect(drawn).toMatch(/^ {3}0\.00 {4}4\.00 {2}host {7}████ {2,}planning$/m);
    expect(drawn).toMatch(/^ {3}9\.00 {4}10\.0 {2}container {2} {9}█{10} {2,}4 mount/m);
    expect(drawn).toMatch(/^ {3}9\.10 {4}10\.1 {2}host {7} {9}░{10} {2,}3 await/m);
    expect(drawn).toContain('1 shorter steps took 0.00 ms together\n');
    expect(drawn).toContain('\nEND  2.00 ms, 1 steps after the command\n');
    expect(drawn).not.toContain('\x1b');
    for (const line of drawn.split('\n')) expect([...line].length).toBeLessThanOrEqual(80);
    const whole = asWaterfall(found, { width: 80, cut: false, color: false });
    expect(whole).toContain('mount target="/\\u001b[31m<b>"');
    expect(asWaterfall(found, { width: 200, cut: true, color: true })).toContain('\x1b[');
  });

  test('as a picture, in which no name is markup', () => {
    const svg = waterfallSvg(timingsOf(text)!);
    expect(svg.match(/<rect [^>]*data-step/g)).toHaveLength(6);
    expect(svg).toContain('&lt;b&gt;');
    expect(svg).not.toMatch(/<b>|\x1b/);
  });
});
