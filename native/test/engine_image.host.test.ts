/** The image of the engine's heap (native/engine): it goes on where the bundle ended, and is used only where it is whole. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { top } from '../../test/support.ts';
import { bundle, type Ended, ended, engine } from './engine.ts';
import { work } from './launcher.ts';

let count = 0;

describe('the image', () => {
  const whole = join(work, 'whole');
  const script =
    bundle(`const table = new Map(Array.from({ length: 2000 }, (_, i) => ['key ' + i, { i, text: 'value ' + i }]));
    class Thing { constructor(i) { this.i = i; } get twice() { return this.i * 2; } }
    const symbols = [Symbol('a'), Symbol.for('b')], pattern = /v(\\d+)/g, big = 2n ** 70n, date = new Date(5e11);
    const weak = new WeakMap([[table, 1]]), things = Array.from({ length: 100 }, (_, i) => new Thing(i));
    function* count() { for (let i = 0; ; i++) yield i; }
    const counter = count(); counter.next(); counter.next();
    let starts = 0;
    globalThis.main = async () => {
      starts++;
      await null;
      for (let i = 0; i < 3000; i++) { table.set('more ' + i, i); things.push(new Thing(i)); table.delete('key ' + i); }
      const said = [starts, table.size, things.at(-1).twice, symbols[1] === Symbol.for('b'), 'v1 v22'.match(pattern).join(),
        String(big * big), date.toISOString(), weak.get(table), counter.next().value, __host.readText('/proc/sys/kernel/ostype').trim()];
      __host.write(1, __host.bytes(JSON.stringify(said)), 0);
      return 3;
    };`);
  const expected = JSON.stringify([
    1,
    3000,
    5998,
    true,
    'v1,v22',
    String(2n ** 140n),
    new Date(5e11).toISOString(),
    1,
    2,
    'Linux',
  ]);
  const core = '/bin/true';
  const made = ended(engine, ['--make-image', script, core, whole]);

  test('goes on where the bundle ended', () => {
    expect(made).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    expect(ended(whole, [])).toEqual({ status: 3, signal: null, stdout: expected, stderr: '' });
    expect(ended(engine, [script]).stdout).toBe(expected);
    expect(ended(whole, ['--check-image'])).toMatchObject({ status: 0, stderr: '' });
    expect(ended(engine, ['--check-image', whole])).toMatchObject({ status: 0, stderr: '' });
  });

  test('is collected with what came after it, and nothing of it is lost', () => {
    const cycles = bundle(`const kept = new Map(), list = [], proto = { hello() { return this.n; } };
      for (let i = 0; i < 500; i++) { const o = Object.create(proto); o.n = i; o.self = o; list.push(o); kept.set('k' + i, o); }
      const s = 'constant ' + list.length;
      globalThis.main = () => {
        let sum = 0;
        for (let round = 0; round < 15; round++) {
          for (let i = 0; i < 20000; i++) {
            const a = { i, of: list[i % 500], text: s + i }, b = { a };
            a.b = b; a.bytes = new Uint8Array(100);
            if (i % 5000 === 0) { kept.set('round ' + round + ' ' + i, a); list[i % 500].last = a; }
          }
          let t = s; t += round; t += '!'; sum += t.length;
          list[round].more = { round }; delete list[round].self;
          Object.defineProperty(list[round + 100], 'n', { get: () => round });
        }
        for (const [k, v] of kept) sum += k.length + (v.i ?? v.n);
        for (const o of list) sum += o.hello() + (o.last?.i ?? 0) + (o.more?.round ?? 0);
        __host.write(1, __host.bytes(sum + ' ' + s), 0);
      };`);
    const at = join(work, 'cycles');
    expect(ended(engine, ['--make-image', cycles, core, at]).status).toBe(0);
    let said = '';
    const node = new Function('__host', `${readFileSync(cycles, 'utf8')}; globalThis.main();`);
    node({
      bytes: (text: string) => text,
      write: (_: number, text: string) => {
        said = text;
      },
    });
    // 200 MB of garbage, in a heap of 128 MB too.
    expect(ended(at, [])).toEqual({ status: 0, signal: null, stdout: said, stderr: '' });
    expect(ended(engine, [cycles, '128'])).toEqual({ status: 0, signal: null, stdout: said, stderr: '' });
  });

  test('is the same however often it is made, and by a program that has one already', () => {
    const again = join(work, 'again');
    expect(ended(whole, ['--make-image', script, core, again]).status).toBe(0);
    expect(readFileSync(again).equals(readFileSync(whole))).toBe(true);
  });

  test('knows which pages are written from requests that it answers', () => {
    const learnt = join(work, 'learnt');
    const request = join(work, 'request');
    writeFileSync(request, 'anything');
    expect(ended(engine, ['--make-image', script, core, learnt, request])).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(ended(learnt, ['--check-image']).stdout).toMatch(/; [1-9]\d* of \d+ pages are written/);
    expect(ended(learnt, [])).toEqual({ status: 3, signal: null, stdout: expected, stderr: '' });
  });

  test('holds nothing of the process that made it', () => {
    // The environment, and what was read and forgotten.
    const secret = `secret-${process.pid}`;
    const at = join(work, 'forgetful');
    const forgetful = bundle(
      `(() => { const all = []; for (let i = 0; i < 100; i++) all.push(__host.readText('/proc/self/environ') + i); })(); globalThis.main = () => 0;`,
    );
    spawnSync(engine, ['--make-image', forgetful, core, at], { env: { SECRET: secret } });
    expect(readFileSync(at).includes(secret)).toBe(false);
  });

  test('is not made of what is different each time', () => {
    const at = join(work, 'different');
    const { status, stderr } = ended(engine, [
      '--make-image',
      bundle('globalThis.x = __host.pid(); globalThis.main = () => 0;'),
      core,
      at,
    ]);
    expect([status, existsSync(at)]).toEqual([125, false]);
    expect(stderr).toMatch(
      /^ctr-launcher: the planner's heap is not the same in two processes, at offset \d+: /,
    );
  });

  test('is not made of what fails', () => {
    const at = join(work, 'failing');
    const { status, stderr } = ended(engine, [
      '--make-image',
      bundle('throw new Error("not so");'),
      core,
      at,
    ]);
    expect([status, existsSync(at)]).toEqual([125, false]);
    expect(stderr).toMatch(/^ctr-launcher: the planner failed: Error: not so\n/);
  });

  const parts = () => {
    const [, program, image, length] = /program (\d+) bytes, image (\d+), core (\d+)/.exec(
      ended(whole, ['--check-image']).stdout,
    )!;
    return { program: Number(program), image: Number(image), core: Number(length) };
  };

  /** A copy of it, changed, and what comes of starting it. */
  function changed(change: (file: Buffer) => number | undefined): Ended & { checked: Ended } {
    const copy = join(work, `changed-${count++}`);
    copyFileSync(whole, copy);
    const file = readFileSync(copy);
    const length = change(file) ?? file.length;
    writeFileSync(copy, file);
    truncateSync(copy, length);
    chmodSync(copy, 0o755);
    return { ...ended(copy, []), checked: ended(engine, ['--check-image', copy]) };
  }

  const refused = (why: string) => ({
    status: 125,
    signal: null,
    stdout: '',
    stderr: `engine-run: this program's file cannot be used: ${why}\n`,
  });

  test('is refused where it was cut off', () => {
    const size = statSync(whole).size;
    const notWhole = 'it is not whole: the planner is missing at its end, or was cut off';
    const { program, image } = parts();
    for (const length of [size - 1, size - 4096, program, program + image, program + 4096])
      expect(changed(() => length)).toMatchObject(refused(notWhole));
    expect(ended(engine, [])).toEqual(refused(notWhole));
  });

  test('is refused where a part is missing or more in its middle', () => {
    const { program } = parts();
    const missing = changed((file) => {
      file.copy(file, program + 4096, program + 8192);
      return file.length - 4096;
    });
    expect(missing).toMatchObject(refused('it is not whole: its parts do not come to its length'));
  });

  test('is refused where one bit was changed, anywhere', () => {
    const { program, image, core: length } = parts();
    const imageAt = Math.ceil(program / 4096) * 4096;
    const file = readFileSync(whole);
    const copy = join(work, 'flipped');
    // Each 4096th byte is tried in turn by --check-image, which reads the whole; some are started too.
    for (let at = 0, n = 0; at < file.length; at += 4096 + (n % 7), n++) {
      file[at]! ^= 1 << (n % 8);
      writeFileSync(copy, file);
      const { status, stderr } = ended(engine, ['--check-image', copy]);
      expect([at, status, stderr.split('\n').length]).toEqual([at, 125, 2]);
      file[at]! ^= 1 << (n % 8);
    }
    for (const at of [imageAt, imageAt + 100_001, imageAt + image - 1]) {
      const one = changed((whole) => {
        whole[at]! ^= 4;
      });
      expect(one).toMatchObject(refused('it is damaged: the planner in it was changed'));
    }
    const inCore = changed((whole) => {
      whole[imageAt + image + length - 1]! ^= 1;
    });
    expect(inCore).toMatchObject(
      refused('it is damaged: the part of it from which containers run was changed'),
    );
    for (const back of [9, 100, 900, 968]) {
      const one = changed((whole) => {
        whole[whole.length - back]! ^= 0x10;
      });
      expect([one.status, one.stderr.split('\n').length, one.checked.status]).toEqual([125, 2, 125]);
    }
  }, 120_000);

  test('is refused where another build of the program made it', () => {
    const other = changed((file) => {
      // The build ID as the linker left it: a note of the type 3 of 20 bytes for "GNU".
      const note = file.indexOf(Buffer.from([4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0]));
      expect(note).toBeGreaterThan(0);
      file[note + 16]! ^= 1;
    });
    expect(other).toMatchObject(refused('the planner in it was made by another build of this program'));
  });

  test('needs its place in memory', () => {
    const hold = bundle('globalThis.main = () => 0;');
    // A stack of 200 GB, as far as addresses go, and the kernel's old layout reach into it.
    const { status, stderr } = ended('bash', ['-c', `ulimit -v 100000; exec ${engine} ${hold} 64`]);
    expect([status, stderr]).toEqual([0, '']);
    const none = ended('bash', ['-c', `ulimit -v 2000; exec ${engine} ${hold} 64`]);
    expect(none).toEqual({
      status: 125,
      signal: null,
      stdout: '',
      stderr: "engine-run: the planner's memory cannot be had: Out of memory\n",
    });
  });
});

test('what is installed comes to at most 6 MB without Node', () => {
  const size = (path: string): number => statSync(join(top, 'dist', path)).size;
  expect(size('bin/ctr-run') + size('lib/ctr-layers')).toBeLessThan(6_000_000);
});
