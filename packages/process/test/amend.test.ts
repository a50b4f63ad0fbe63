import { defaultSpec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { amendProcess } from '../src/index.ts';

test('variables are replaced in their place, added behind, and taken away by name', () => {
  const spec = defaultSpec();
  spec.process!.env = ['A=1', 'B=2', 'A=3'];
  const amended = amendProcess(spec, { env: ['B=', 'C=a=b'], unset: ['X'] });
  expect(amended.process?.env).toEqual(['A=3', 'B=', 'C=a=b']);
  expect(amendProcess(amended, { unset: ['A'] }).process?.env).toEqual(['B=', 'C=a=b']);
  expect(spec.process?.env).toEqual(['A=1', 'B=2', 'A=3']);
});

test('what is not asked for stays as it is', () => {
  const spec = defaultSpec();
  expect(amendProcess(spec, {})).toEqual(spec);
});

test('a command for nobody in particular says nothing of user and directory', () => {
  expect(amendProcess({ ociVersion: '1.3.0' }, { args: ['id', '-u'] }).process).toEqual({
    cwd: '',
    args: ['id', '-u'],
  });
});

test('a limit replaces the one of its type, and the rest of the process is kept', () => {
  const amended = amendProcess(defaultSpec(), {
    rlimits: [
      { type: 'RLIMIT_NOFILE', soft: 5, hard: 6 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    ],
    terminal: true,
    consoleSize: { height: 5, width: 7 },
    umask: 0o77,
    cwd: '/tmp',
    oomScoreAdj: 7,
  }).process;
  expect(amended?.rlimits).toEqual([
    { type: 'RLIMIT_NOFILE', soft: 5, hard: 6 },
    { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
  ]);
  expect(amended).toMatchObject({
    terminal: true,
    consoleSize: { height: 5, width: 7 },
    cwd: '/tmp',
    oomScoreAdj: 7,
    noNewPrivileges: true,
    user: { uid: 0, gid: 0, umask: 0o77 },
  });
});

test.each([
  [{ env: ['NOVALUE'] }, 'environment variable "NOVALUE": it is not NAME=VALUE'],
  [{ env: ['=x'] }, 'environment variable "=x": it is not NAME=VALUE'],
  [{ cwd: 'tmp' }, 'working directory tmp: it must be an absolute path'],
])('%j is refused', (options, message) => {
  expect(() => amendProcess(defaultSpec(), options)).toThrow(message);
});
