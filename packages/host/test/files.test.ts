import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ACCESS,
  access,
  close,
  entriesIn,
  errorCode,
  exists,
  fstat,
  isAccessible,
  lstatIfAny,
  namesIn,
  open,
  read,
  readFile,
  readLink,
  readText,
  readTextIfAny,
  realPath,
  type SystemError,
  stat,
  statFs,
  statIfAny,
} from '../src/index.ts';

/** A name with a byte that is not UTF-8, and as planning code has it. */
const odd = Buffer.from([0x6f, 0xff, 0x64]);
const oddName = 'o\udcffd';
let at: string;

beforeAll(() => {
  at = mkdtempSync(`${tmpdir()}/ctr-host-`);
  writeFileSync(`${at}/file`, 'text');
  mkdirSync(`${at}/below`);
  symlinkSync('file', `${at}/link`);
  symlinkSync('nowhere', `${at}/broken`);
  writeFileSync(Buffer.concat([Buffer.from(`${at}/`), odd]), 'odd');
  symlinkSync(odd, `${at}/to-odd`);
});

afterAll(() => rmSync(at, { recursive: true, force: true }));

function failureOf(call: () => unknown): SystemError {
  try {
    call();
  } catch (error) {
    return error as SystemError;
  }
  throw new Error('nothing was thrown');
}

test('files and directories are read', () => {
  expect(readText(`${at}/file`)).toBe('text');
  expect(Buffer.isBuffer(readFile(`${at}/file`))).toBe(false);
  expect(namesIn(at)).toEqual(['below', 'broken', 'file', 'link', oddName, 'to-odd']);
  expect(entriesIn(at).map(({ name, type }) => [name, type])).toEqual([
    ['below', 'directory'],
    ['broken', 'link'],
    ['file', 'file'],
    ['link', 'link'],
    [oddName, 'file'],
    ['to-odd', 'link'],
  ]);
  expect(entriesIn('/dev').find(({ name }) => name === 'null')?.type).toBe('character');
});

test('names that are not UTF-8 lose nothing', () => {
  expect(readText(`${at}/${oddName}`)).toBe('odd');
  expect([readLink(`${at}/to-odd`), realPath(`${at}/to-odd`)]).toEqual([oddName, `${at}/${oddName}`]);
  expect(stat(`${at}/${oddName}`).isFile()).toBe(true);
  const error = failureOf(() => readFile(`${at}/\udcfe`));
  expect([error.message, error.path]).toEqual([
    `ENOENT: no such file or directory, open '${at}/\udcfe'`,
    `${at}/\udcfe`,
  ]);
});

test('links are followed or not', () => {
  expect(statIfAny(`${at}/link`)?.isFile()).toBe(true);
  expect(lstatIfAny(`${at}/link`)?.isSymbolicLink()).toBe(true);
  expect([readTextIfAny(`${at}/none`), readTextIfAny(`${at}/file/x`), readTextIfAny(`${at}/file`)]).toEqual([
    undefined,
    undefined,
    'text',
  ]);
  expect([statIfAny(`${at}/broken`), statIfAny(`${at}/file/x`), lstatIfAny(`${at}/none`)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([exists(`${at}/broken`), exists(`${at}/link`)]).toEqual([false, true]);
  expect(statFs('/proc').type).toBe(0x9fa0);
});

test('a descriptor is read from where it stands, or from a position', () => {
  const fd = open(`${at}/file`);
  const bytes = new Uint8Array(4);
  expect([fstat(fd).size, read(fd, bytes, 0, 2), read(fd, bytes, 2), read(fd, bytes, 0, 4)]).toEqual([
    4, 2, 2, 0,
  ]);
  expect(Buffer.from(bytes).toString()).toBe('text');
  expect([read(fd, bytes, 0, 1, 3), bytes[0]]).toEqual([1, 0x74]);
  close(fd);
  expect(failureOf(() => fstat(fd)).message).toBe('EBADF: bad file descriptor, fstat');
});

test('what the kernel refuses has its name, its number, the call and the path', () => {
  const none = `${at}/none`;
  const calls: [string, () => unknown][] = [
    ['open', () => readFile(none)],
    ['open', () => open(none)],
    ['stat', () => stat(none)],
    ['access', () => access(none, ACCESS.READ)],
    ['scandir', () => namesIn(none)],
    ['readlink', () => readLink(none)],
    ['realpath', () => realPath(none)],
    ['statfs', () => statFs(none)],
  ];
  for (const [syscall, call] of calls) {
    const { message, code, errno, path, syscall: named } = failureOf(call);
    expect(message).toBe(`ENOENT: no such file or directory, ${syscall} '${none}'`);
    expect([code, errno, path, named]).toEqual(['ENOENT', -2, none, syscall]);
  }
  expect(failureOf(() => readFile(at)).message).toBe('EISDIR: illegal operation on a directory, read');
});

test('a path with a NUL reaches no call', () => {
  const path = `${at}/file\0`;
  expect(errorCode(failureOf(() => stat(path)))).toBe('EINVAL');
  expect([exists(path), isAccessible(path, ACCESS.READ)]).toEqual([false, false]);
});
