import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { until } from '../../test/support.ts';
import { findBox } from '../src/box.ts';
import { cacheDir, lock, makeDir, needSpace, runDir } from '../src/cache.ts';
import { definition, hashOf } from '../src/definition.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-vm-cache-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('where the cache is', () => {
  test.each([
    [{ CTR_VM_CACHE: '/x' }, 0, '/x'],
    [{}, 0, '/var/cache/ctr-tools'],
    [{ XDG_CACHE_HOME: '/home/me/c' }, 1000, '/home/me/c/ctr-tools'],
  ])('%j as %i: %s', (env, uid, path) => {
    expect(cacheDir(env, uid)).toBe(path);
  });

  test('a relative XDG_CACHE_HOME is ignored, as its specification says', () => {
    expect(cacheDir({ XDG_CACHE_HOME: 'c' }, 1000)).toMatch(/^\/.*\/\.cache\/ctr-tools$/);
  });

  test('a relative CTR_VM_CACHE is an error', () => {
    expect(() => cacheDir({ CTR_VM_CACHE: 'c' }, 0)).toThrow('absolute path');
  });

  test('one that cannot be made is an error with a way out', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(() => makeDir(join(dir, 'file/cache'))).toThrow(/file\/cache.*CTR_VM_CACHE/);
  });
});

test('a box that is half made is none', () => {
  const box = join(dir, 'boxes', hashOf(definition({})));
  mkdirSync(box, { recursive: true });
  writeFileSync(join(box, 'box.img'), '');
  expect(findBox(dir, definition({}))).toBeUndefined();
  writeFileSync(join(box, 'manifest.json'), '{}');
  expect(findBox(dir, definition({}))?.dir).toBe(box);
});

test('too little room is said before anything is made', () => {
  expect(() => needSpace(dir, 1, 'this')).not.toThrow();
  expect(() => needSpace(dir, 1 << 30, 'this')).toThrow(/^this needs 1073741824 MiB in .* MiB are free/);
});

test('a lock has one holder, and is free again', async () => {
  const path = join(dir, 'lock');
  const free = await lock(path);
  expect(await lock(path, { wait: false })).toBeUndefined();
  let waited = false;
  const second = lock(path, {
    waiting: () => {
      waited = true;
      free!();
    },
  });
  (await second)!();
  expect(waited).toBe(true);
});

test('who is interrupted while it waits for a lock leaves nobody waiting', async () => {
  const path = join(dir, 'waited-for');
  const free = await lock(path);
  const script = `import { lock } from '${join(import.meta.dirname, '../src/cache.ts')}';
    await lock('${path}', { waiting: () => console.log('waiting') });`;
  const waiter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(waiter.stdout, 'data');
  await until('flock waits', () => holding(path).length === 2);
  waiter.kill('SIGINT');
  await once(waiter, 'exit');
  await until('only the holder is left', () => holding(path).length === 1);
  expect(holding(path)).toHaveLength(1);
  free!();
});

/** The processes that wait for a lock or hold it: each has its file open. */
const holding = (path: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
    } catch {
      return false;
    }
  });

test('directories of runs that are gone are removed, those of runs that go on are not', () => {
  const gone = spawnSync('true').pid;
  for (const name of [`${gone}-x`, `${process.ppid}-y`])
    mkdirSync(join(dir, 'run', name), { recursive: true });
  const mine = runDir(dir);
  expect(existsSync(join(dir, 'run', `${gone}-x`))).toBe(false);
  expect(existsSync(join(dir, 'run', `${process.ppid}-y`))).toBe(true);
  expect(mine).toContain(`/run/${process.pid}-`);
});
