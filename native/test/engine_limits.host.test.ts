/** How a planner on the engine (native/engine) ends: with its number, or in one line where a limit ends it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundle, ended, engine, run } from './engine.ts';
import { work } from './launcher.ts';

describe('how a planner ends', () => {
  test('with the number of its main function, awaited', () => {
    expect(run('return 7;').status).toBe(7);
    expect(run('return Promise.resolve().then(() => null).then(() => 9);').status).toBe(9);
    expect(run('').status).toBe(0);
  });

  test.each([
    [
      'an error',
      'throw new TypeError("so it is");',
      /^engine-run: the planner failed: TypeError: so it is\n {4}at <anonymous> \(planner:1:\d+\)\n/,
    ],
    [
      'a rejection',
      'return Promise.reject(new Error("no"));',
      /^engine-run: the planner failed: Error: no\n/,
    ],
    [
      'a promise for ever',
      'return new Promise(() => {});',
      /^engine-run: the planner waits for something that cannot come\n$/,
    ],
    [
      'no memory',
      'const all = []; for (;;) all.push(new Uint8Array(1 << 16).fill(1));',
      /^engine-run: the planner ran out of memory\n$/,
    ],
    [
      'a string without end',
      'let s = "x"; for (;;) s = [s, s].join("");',
      /^engine-run: the planner ran out of memory\n$/,
    ],
    [
      'one array too large',
      'return new Uint8Array(2 ** 31 - 1).length;',
      /^engine-run: the planner ran out of memory\n$/,
    ],
    ['recursion', 'const f = () => 1 + f(); return f();', /^engine-run: the planner ran out of stack\n$/],
    [
      'JSON 100,000 deep',
      'JSON.parse("[".repeat(1e5) + "]".repeat(1e5));',
      /^engine-run: the planner ran out of stack\n$/,
    ],
    [
      'JSON to be written',
      'let v = 1; for (let i = 0; i < 1e5; i++) v = { v }; JSON.stringify(v);',
      /^engine-run: the planner ran out of stack\n$/,
    ],
    [
      'a regular expression 100,000 deep',
      'new RegExp("(?:".repeat(1e5) + ")".repeat(1e5));',
      /^engine-run: the planner ran out of stack\n$/,
    ],
  ])('%s is one line', (_, main, line) => {
    const { status, signal, stdout, stderr } = run(main, 64, 1024);
    expect(stderr).toMatch(line);
    expect([status, signal, stdout]).toEqual([125, null, '']);
  });

  test.each([
    ['a loop', 'for (;;);'],
    ['a loop of jobs', 'const f = () => Promise.resolve().then(f); return f();'],
    ['a regular expression that goes back for ever', '/^(a+)+$/.test("a".repeat(60) + "b");'],
    ['one long call', 'const a = new Array(3e7).fill(0); for (;;) a.lastIndexOf(1);'],
  ])('%s without end is one line', (_, main) => {
    const { status, signal, stderr } = run(main, 900, 1024, 1);
    expect([status, signal, stderr]).toEqual([
      125,
      null,
      'engine-run: the planner took too much processor time, and was ended\n',
    ]);
  });

  test('waiting is not processor time', () => {
    expect(run('__host.sleep(1500); return 4;', 64, 1024, 1).status).toBe(4);
  });

  test('what is deep and can be caught is caught, and the planner goes on', () => {
    const { status, stderr } = run(
      'let n = 0; for (let i = 0; i < 50; i++) try { JSON.parse("[".repeat(1e5)); } catch { n++; } return n;',
      64,
      1024,
    );
    expect([status, stderr]).toEqual([50, '']);
  });

  test('200 MB of JSON end in one line where the heap is smaller', () => {
    const path = join(work, 'large.json');
    writeFileSync(path, `[${'"x",'.repeat(50_000_000)}1]`);
    const { status, signal, stderr } = run(`JSON.parse(__host.readText(${JSON.stringify(path)}));`, 256);
    expect([status, signal, stderr]).toEqual([125, null, 'engine-run: the planner ran out of memory\n']);
  });

  test('a soft limit of the stack that is too low is raised, and a hard one kept to', () => {
    const script = bundle(
      'globalThis.main = () => { let n = 0; const f = () => { n++; f(); }; try { f(); } catch {} __host.write(1, __host.bytes(String(n)), 0); };',
    );
    const soft = ended('bash', ['-c', `ulimit -S -s 128; exec ${engine} ${script} 64 2048`]);
    const hard = ended('bash', ['-c', `ulimit -s 1024; exec ${engine} ${script} 64 2048`]);
    expect([soft.status, hard.status]).toEqual([0, 0]);
    expect(Number(hard.stdout)).toBeLessThan(Number(soft.stdout) * 0.6);
  });
});
