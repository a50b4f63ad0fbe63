import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterAll, expect, test } from 'vitest';
import { chunkLoader, packChunk } from '../src/chunks.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-chunks-'));
afterAll(() => rmSync(dir, { recursive: true }));

const wrapped = (body: string): string =>
  `(function (exports, require, module, __filename, __dirname) {${body}\n})`;
const write = (name: string, body: string, code?: Uint8Array): void =>
  writeFileSync(join(dir, name), packChunk(wrapped(body), code));

test('a chunk is loaded once, and requires others and what Node has', () => {
  write(
    'a.chunk',
    "exports.b = require('./b.chunk'); exports.path = require('node:path').join(__dirname, 'x');",
  );
  write('b.chunk', 'exports.loads = globalThis.loads = (globalThis.loads ?? 0) + 1;');
  const load = chunkLoader(dir);
  const a = load('./a.chunk') as { b: { loads: number }; path: string };
  expect(a.path).toBe(join(dir, 'x'));
  expect(load('./b.chunk')).toBe(a.b);
  expect(a.b.loads).toBe(1);
});

test('compiled code is taken, and code of another source is refused and compiled anew', () => {
  const body = 'exports.f = () => 42;';
  const code = new Script(wrapped(body)).createCachedData();
  const rejected: (boolean | undefined)[] = [];
  const load = chunkLoader(dir, ({ script }) => rejected.push(script.cachedDataRejected));
  write('fits.chunk', body, code);
  write('other.chunk', 'exports.f = () => 4242;', code);
  write('broken.chunk', body, Buffer.from('no code at all'));
  const call = (name: string): number => (load(name) as { f(): number }).f();
  expect([call('./fits.chunk'), call('./other.chunk'), call('./broken.chunk')]).toEqual([42, 4242, 42]);
  expect(rejected).toEqual([false, true, true]);
});

test('a chunk that is missing is an error that names it', () => {
  expect(() => chunkLoader(dir)('./none.chunk')).toThrow('none.chunk');
});
