import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeDirectories } from '../src/node.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-directories-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('all that are missing are made, with their mode, and those that are there left', () => {
  makeDirectories(join(dir, 'a/b/c'), 0o700);
  expect(['a', 'a/b', 'a/b/c'].map((path) => statSync(join(dir, path)).mode & 0o777)).toEqual([
    0o700, 0o700, 0o700,
  ]);
  makeDirectories(join(dir, 'a/b/c'));
  symlinkSync('a', join(dir, 'link'));
  makeDirectories(join(dir, 'link/d'));
  expect(statSync(join(dir, 'a/d')).isDirectory()).toBe(true);
  makeDirectories('/');
});

test('where none can be made it says so, and ends', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => makeDirectories(join(dir, 'file'))).toThrow('EEXIST');
  expect(() => makeDirectories(join(dir, 'file/below'))).toThrow('ENOTDIR');
  // In procfs nothing is made, whatever is asked for.
  expect(() => makeDirectories('/proc/none')).toThrow('ENOENT');
  expect(() => makeDirectories('/proc/none/below')).toThrow('ENOENT');
  expect(() => makeDirectories('/proc/self/fd/below')).toThrow(/ENOENT|EACCES|EPERM/);
});
