import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { chunkLoader, packChunk } from '../../planner/src/chunks.ts';
import { SEEN } from '../src/observe.ts';

type Fs = typeof import('node:fs');

interface Planner extends Pick<typeof import('../src/observe.ts'), 'observe' | 'whatWasSeen' | 'giveUp'> {
  fs: Fs;
}

const dir = mkdtempSync(join(tmpdir(), 'ctr-observe-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A chunk as the planner's are, with what is tested and the `node:fs` that it sees. */
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export * from './observe.ts'; export { default as fs } from 'node:fs';",
      resolveDir: join(import.meta.dirname, '../src'),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const source = `(function (exports, require, module, __filename, __dirname) {${outputFiles[0]!.text}\n})`;
  writeFileSync(join(dir, 'planner.chunk'), packChunk(source));
  writeFileSync(join(dir, 'file'), 'text');
  mkdirSync(join(dir, 'names'));
  writeFileSync(join(dir, 'names/b'), '');
  mkdirSync(join(dir, 'names/a'));
  symlinkSync('file', join(dir, 'link'));
});

let planner: Planner;
const { getBuiltinModule, dlopen } = process;
const { random } = Math;
const { Date: Clock } = globalThis;
const { now } = Clock;
beforeEach(() => {
  planner = chunkLoader(dir)('./planner.chunk') as Planner;
  planner.observe(4321);
  return () => {
    Object.assign(process, { getBuiltinModule, dlopen });
    Object.assign(Math, { random });
    Object.assign(globalThis, { Date: Object.assign(Clock, { now }) });
  };
});

/** What was seen, as it is encoded. */
function seen(): [kind: number, path: string, answer: string][] | undefined {
  const bytes = planner.whatWasSeen();
  if (!bytes) return undefined;
  const view = Buffer.from(bytes);
  const found: [number, string, string][] = [];
  for (let at = 0; at < view.length; ) {
    const [kind, path, answer] = [0, 4, 8].map((field) => view.readUInt32LE(at + field));
    const from = at + 12;
    expect(view[from + path!]).toBe(0);
    at = from + path! + 1 + answer!;
    found.push([kind!, view.toString('utf8', from, from + path!), view.toString('utf8', at - answer!, at)]);
  }
  return found;
}

const caught = (ask: () => unknown): void => void expect(ask).toThrow();

test('each question is noted with its answer, once', () => {
  const { fs } = planner;
  fs.readFileSync(`${dir}/file`);
  fs.readFileSync(`${dir}/file`, 'utf8');
  caught(() => fs.readFileSync(`${dir}/none`));
  caught(() => fs.readFileSync(dir));
  fs.existsSync(`${dir}/file`);
  fs.existsSync(`${dir}/none`);
  fs.accessSync(`${dir}/file`, fs.constants.R_OK);
  caught(() => fs.accessSync(`${dir}/file`, fs.constants.X_OK));
  fs.readdirSync(`${dir}/names`);
  fs.readdirSync(`${dir}/names`, { withFileTypes: true });
  fs.readlinkSync(`${dir}/link`);
  fs.readlinkSync('/proc/self');
  fs.realpathSync(`${dir}/link`);
  fs.statfsSync('/proc');
  fs.statSync(`${dir}/none`, { throwIfNoEntry: false });
  caught(() => fs.lstatSync(`${dir}/file/none`));
  expect(seen()).toEqual([
    [SEEN.CONTENT, `${dir}/file`, 'text'],
    [SEEN.UNREADABLE, `${dir}/none`, 'ENOENT'],
    [SEEN.UNREADABLE, dir, 'EISDIR'],
    [SEEN.ACCESS, `${dir}/file`, '0 '],
    [SEEN.ACCESS, `${dir}/none`, '0 ENOENT'],
    [SEEN.ACCESS, `${dir}/file`, '4 '],
    [SEEN.ACCESS, `${dir}/file`, '1 EACCES'],
    [SEEN.NAMES, `${dir}/names`, 'a\0b\0'],
    [SEEN.ENTRIES, `${dir}/names`, '-b\0da\0'],
    [SEEN.LINK, `${dir}/link`, 'file'],
    [SEEN.OWN_PROC, '/proc/self', ''],
    [SEEN.REALPATH, `${dir}/link`, fs.realpathSync(`${dir}/file`)],
    [SEEN.FILESYSTEM, '/proc', String(0x9fa0)],
    [SEEN.STAT, `${dir}/none`, ''],
    [SEEN.LSTAT, `${dir}/file/none`, ''],
  ]);
});

test('of a file when it was changed, of a directory that it is the same', () => {
  const { fs } = planner;
  const file = fs.statSync(`${dir}/file`);
  fs.lstatSync(dir);
  const [[, , ofFile], [, , ofDirectory]] = seen() as [[number, string, string], [number, string, string]];
  expect(ofFile).toMatch(/^\d+ \d+ \d+ \d+ \d+ 0 4 \d{19}$/);
  expect(ofFile.split(' ')[1]).toBe(String(file.ino));
  expect(ofDirectory).toMatch(/^\d+ \d+ \d+ \d+ \d+ 0$/);
});

test('the caller’s process is itself, and of our own only what both have', () => {
  const { fs } = planner;
  fs.readFileSync('/proc/self/uid_map', 'latin1');
  expect(seen()?.map(([kind, path]) => [kind, path])).toEqual([[SEEN.CONTENT, '/proc/self/uid_map']]);
  caught(() => fs.readFileSync('/proc/4321/oom_score_adj'));
  expect(seen()?.[1]).toEqual([SEEN.UNREADABLE, '/proc/self/oom_score_adj', 'ENOENT']);
  fs.readFileSync('/proc/self/status');
  expect(seen()).toBeUndefined();
});

test.each<[string, (fs: Fs) => unknown]>([
  ['what another module of Node says', () => process.getBuiltinModule('node:crypto')],
  ['a random number', () => Math.random()],
  ['the time', () => new Date()],
  ['the time in milliseconds', () => Date.now()],
  ['the time as text', () => (Date as unknown as () => string)()],
  ['a system call', () => expect(() => process.dlopen({ exports: {} }, '/none.node')).toThrow()],
  ['a message', (fs) => fs.writeSync(fs.openSync('/dev/null', 'w'), 'x')],
  ['a file by its descriptor', (fs) => fs.readFileSync(fs.openSync(`${dir}/file`, 'r'))],
  ['two answers to one question', (fs) => [1, 2].map((n) => n && fs.readFileSync('/proc/uptime'))],
  ['another’s variables', (fs) => fs.readFileSync(`/proc/${process.pid}/environ`)],
  ['the caller’s start', (fs) => fs.readFileSync('/proc/self/stat')],
  ['something to be written', (fs) => fs.mkdirSync(`${dir}/made`)],
])('%s is given up for good', async (_, ask) => {
  planner.fs.readFileSync(`${dir}/file`);
  expect(seen()).toBeDefined();
  ask(planner.fs);
  if (_ === 'two answers to one question') {
    await new Promise((resolve) => setTimeout(resolve, 30));
    ask(planner.fs);
  }
  planner.fs.readFileSync(`${dir}/link`);
  expect(seen()).toBeUndefined();
});

test('a time that is given is none of the clock’s', () => {
  planner.fs.existsSync(dir);
  expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
  expect(planner.whatWasSeen()).toBeDefined();
  expect(new Date() instanceof Date).toBe(true);
});

test('a chunk that takes another module of Node’s is not watched, nor who comes after it', () => {
  const chunk = (body: string) => packChunk(`(function (exports, require) {${body}\n})`);
  writeFileSync(join(dir, 'os.chunk'), chunk("exports.os = require('node:os');"));
  writeFileSync(join(dir, 'path.chunk'), chunk("exports.path = require('node:path');"));
  const load = chunkLoader(dir);
  const loaded = load('./planner.chunk') as Planner;
  loaded.observe(1);
  loaded.fs.existsSync(dir);
  load('./path.chunk');
  expect(loaded.whatWasSeen()).toBeDefined();
  load('./os.chunk');
  expect(loaded.whatWasSeen()).toBeUndefined();
  loaded.observe(1);
  expect(loaded.whatWasSeen()).toBeUndefined();
});

test('of another process when it started, and what it may do', () => {
  const { fs } = planner;
  const stat = fs.readFileSync('/proc/1/stat', 'latin1');
  const status = fs.readFileSync('/proc/1/status', 'latin1');
  expect(seen()).toEqual([
    [SEEN.STARTED, '/proc/1/stat', stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]],
    [SEEN.STATUS, '/proc/1/status', status],
  ]);
});

test('who does not watch has seen nothing', () => {
  const other = chunkLoader(dir)('./planner.chunk') as Planner;
  other.fs.readFileSync(`${dir}/file`);
  expect(other.whatWasSeen()).toBeUndefined();
});
