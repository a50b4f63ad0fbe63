import {
  closeSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mknod, mount, SysError, tryFlock, umount } from '../src/index.ts';
import { ioctl } from '../src/ioctl.ts';
import { getXattr, listXattr, removeXattr, setXattr } from '../src/xattr.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ctr-sys-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('extended attributes', () => {
  test('are set, listed, read back whole and removed', () => {
    const file = join(dir, 'f');
    writeFileSync(file, '');
    const value = Buffer.from([0, 1, 255, 10]);
    setXattr(file, 'trusted.ctr-test', value);
    expect(listXattr(file)).toContain('trusted.ctr-test');
    expect(getXattr(file, 'trusted.ctr-test')).toEqual(value);
    removeXattr(file, 'trusted.ctr-test');
    expect(getXattr(file, 'trusted.ctr-test')).toBeUndefined();
  });

  test('of a link are its own', () => {
    writeFileSync(join(dir, 'f'), '');
    symlinkSync('f', join(dir, 'l'));
    setXattr(join(dir, 'l'), 'trusted.ctr-test', Buffer.from('x'));
    expect(getXattr(join(dir, 'f'), 'trusted.ctr-test')).toBeUndefined();
  });
});

describe('mounts', () => {
  test('a tmpfs comes and goes', () => {
    mount('none', dir, 'tmpfs', 0, 'size=64k');
    try {
      writeFileSync(join(dir, 'inside'), 'x');
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` ${dir} `);
    } finally {
      umount(dir);
    }
    expect(readdirSync(dir)).toEqual([]);
  });

  test('a failure names call, arguments and errno', () => {
    let caught: unknown;
    try {
      umount(join(dir, 'missing'));
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(SysError);
    const error = caught as SysError;
    expect([error.call, error.args, error.code]).toEqual(['umount2', [join(dir, 'missing'), 0], 'ENOENT']);
    expect(error.message).toBe(`umount2("${dir}/missing", 0): ENOENT (no such file or directory)`);
  });
});

test('mknod makes a whiteout of overlayfs, paths need not be UTF-8', () => {
  const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x41])]);
  mknod(path, 0o020000, 0n);
  const found = lstatSync(path);
  expect([found.isCharacterDevice(), found.rdev]).toEqual([true, 0]);
  expect(() => mknod(`${dir}/a\0b`, 0o020000, 0n)).toThrow('NUL');
});

test('ioctl gives the kind of a namespace', () => {
  const NS_GET_NSTYPE = 0xb703; // linux/nsfs.h
  const fd = openSync('/proc/self/ns/net', 'r');
  try {
    expect(ioctl(fd, NS_GET_NSTYPE)).toBe(0x40000000);
    expect(() => ioctl(fd, 0xb7ff)).toThrow(/ioctl\(\d+, 0xb7ff, 0\): ENOTTY/);
  } finally {
    closeSync(fd);
  }
});

test('a lock that another descriptor holds is not ours', () => {
  const file = join(dir, 'lock');
  writeFileSync(file, '');
  const [a, b] = [openSync(file, 'r'), openSync(file, 'r')];
  try {
    expect(tryFlock(a, 'exclusive')).toBe(true);
    expect(tryFlock(b, 'exclusive')).toBe(false);
  } finally {
    closeSync(a);
    closeSync(b);
  }
  const c = openSync(file, 'r');
  expect(tryFlock(c, 'exclusive')).toBe(true);
  closeSync(c);
});
