import { describe, expect, test } from 'vitest';
import { decodeRequest } from '../src/request.ts';

const fields = (
  argv: readonly (string | Buffer)[],
  env: readonly (string | Buffer)[],
  magic = 'CTRREQ4',
  cwd = '/home',
  installed = '',
) => {
  const all = [
    magic,
    'ns-enter',
    '10 9 1000 0 1001 1',
    '0027',
    '0 1 2 7',
    '110',
    '120 40',
    '/opt/bin/ns-enter',
    String(argv.length),
    ...argv,
    String(env.length),
    ...env,
    cwd,
    installed,
    '',
  ];
  return Buffer.concat(all.flatMap((field) => [Buffer.from(field as string), Buffer.alloc(1)]));
};

test('every field arrives', () => {
  const host = decodeRequest(fields(['-t', '', 'ü'], ['PATH=/bin', 'E=', 'A=b=c']));
  expect(host).toMatchObject({
    tool: 'ns-enter',
    pid: 10,
    ppid: 9,
    uid: 1000,
    euid: 0,
    gid: 1001,
    egid: 1,
    umask: 0o27,
    fds: [0, 1, 2, 7],
    tty: [true, true, false],
    columns: 120,
    rows: 40,
    launcher: '/opt/bin/ns-enter',
    argv: ['-t', '', 'ü'],
  });
  expect([...host.env]).toEqual([
    ['PATH', '/bin'],
    ['E', ''],
    ['A', 'b=c'],
  ]);
  expect(host.cwd).toBe('/home');
});

test('odd variables: no sign, a sign in front, twice, no UTF-8', () => {
  const env = ['NONE', '=C:=x', 'T=1', 'T=2', Buffer.from([0x58, 0x3d, 0xff])];
  const host = decodeRequest(fields([], env));
  expect([...host.env]).toEqual([
    ['NONE', ''],
    ['=C:', 'x'],
    ['T', '1'],
    ['X', '\udcff'],
  ]);
});

test('a removed working directory matters only to who asks', () => {
  const host = decodeRequest(fields([], [], undefined, ''));
  expect(host.tool).toBe('ns-enter');
  expect(() => host.cwd).toThrow('the working directory was removed');
});

test('a copy for another root is told which tools there are', () => {
  expect(decodeRequest(fields([], []))).not.toHaveProperty('installed');
  expect(decodeRequest(fields([], [], 'CTRREQ4', '/', 'ns-enter caps-drop')).installed).toEqual([
    'ns-enter',
    'caps-drop',
  ]);
});

describe('refused', () => {
  test.each([
    ['another version', fields([], [], 'CTRREQ9'), 'CTRREQ4'],
    ['nothing', Buffer.alloc(0), 'cut short'],
    ['a cut one', fields(['a', 'b'], []).subarray(0, -6), 'cut short'],
    [
      'a count that is none',
      Buffer.from(fields([], []).toString('latin1').replace('\x000\x00', '\0-1\0'), 'latin1'),
      'count',
    ],
  ])('%s', (_what, bytes, message) => {
    expect(() => decodeRequest(bytes)).toThrow(message);
  });
});
