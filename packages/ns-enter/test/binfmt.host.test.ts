/** Interpreters of a user namespace's own (Linux 6.7, Documentation/admin-guide/binfmt-misc.rst). */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { findCommand, needs, run, runTool, skip, tempDir } from '../../../test/support.ts';
import { busyboxRoot } from './support.ts';

const hosts = '/proc/sys/fs/binfmt_misc';
const line = (interpreter: string, flags = ''): string => `:ctr-test:M::CTRTEST::${interpreter}:${flags}`;
const program = (directory: string): string => {
  const path = join(directory, 'prog');
  writeFileSync(path, 'CTRTEST and more\n');
  chmodSync(path, 0o755);
  return path;
};

let refusal = '';
beforeAll(() => {
  refusal = runTool('ns-enter', ['--mount-binfmt', '--map-root-user', '--', 'true']).stderr;
});

function needsBinfmt(context: TestContext): void {
  needs(context, 'root');
  if (refusal.includes('Linux 6.7')) skip(context, 'a user namespace has no binfmt_misc before Linux 6.7');
  if (refusal.includes('No such device')) skip(context, 'the kernel has no binfmt_misc');
  if (/No such file or directory/.test(refusal)) skip(context, `there is no ${hosts}`);
  expect(refusal).toBe('');
}

describe('--mount-binfmt and --load-interp', () => {
  test('an interpreter runs the files that it is for, in its namespace alone', (context) => {
    needsBinfmt(context);
    const path = program(tempDir('binfmt'));
    const before = readdirSync(hosts);
    const inside = runTool('ns-enter', [
      ...['--load-interp', line('/bin/cat'), '--map-root-user', '--'],
      ...['sh', '-c', `ls ${hosts} | sort; ${path}`],
    ]);
    expect(inside).toEqual({
      status: 0,
      signal: null,
      stdout: 'ctr-test\nregister\nstatus\nCTRTEST and more\n',
      stderr: '',
    });
    expect(readdirSync(hosts)).toEqual(before);
    // Outside nothing knows what to do with it.
    const outside = runTool('ns-enter', ['--new', 'uts', '--', path]);
    expect([outside.status === 0, outside.stdout]).toEqual([false, '']);
  });

  test('as unshare has it', (context) => {
    needsBinfmt(context);
    if (!run('unshare', ['--help']).stdout.includes('--load-interp'))
      skip(context, 'unshare has no --load-interp before util-linux 2.40');
    const path = program(tempDir('binfmt'));
    // util-linux 2.41 mounts a /proc for it, which only who owns the PID namespace may.
    const args = ['--load-interp', line('/bin/cat'), '--map-root-user', '--fork', '--mount-proc'];
    const theirs = run('unshare', ['--pid', ...args, path]);
    if (theirs.status !== 0) skip(context, `unshare cannot here: ${theirs.stderr.trim()}`);
    expect(runTool('ns-enter', ['--new', 'pid', ...args, '--', path])).toEqual(theirs);
  });

  test('mounted elsewhere, by an ordinary user', (context) => {
    needsBinfmt(context);
    const args = ['--mount-binfmt=/mnt', '--load-interp', line('/bin/cat'), '--map-root-user', '--'];
    const own = 'mount -t tmpfs none /srv && echo CTRTEST and more >/srv/p && chmod +x /srv/p && /srv/p';
    const before = readdirSync('/mnt');
    const ended = runTool('ns-enter', [...args, 'sh', '-c', `${own}; ls /mnt`], { uid: 65534, gid: 65534 });
    expect(ended).toMatchObject({
      status: 0,
      stdout: 'CTRTEST and more\nctr-test\nregister\nstatus\n',
      stderr: '',
    });
    expect(readdirSync('/mnt')).toEqual(before);
  });

  test('F keeps an interpreter that the new root does not have', (context) => {
    needsBinfmt(context);
    needs(context, 'command:busybox');
    const root = busyboxRoot();
    mkdirSync(join(root, 'proc/sys/fs/binfmt_misc'), { recursive: true });
    program(join(root, 'srv'));
    const outside = join(tempDir('binfmt'), 'cat');
    copyFileSync(findCommand('busybox')!, outside);
    chmodSync(outside, 0o755);
    const enter = (flags: string) =>
      runTool('ns-enter', [
        ...['--load-interp', line(outside, flags), `--root=${root}`, '--new', 'mount', '--map-root-user'],
        ...['--', '/bin/sh', '-c', '/srv/prog'],
      ]);
    expect(enter('F')).toMatchObject({ status: 0, stdout: 'CTRTEST and more\n', stderr: '' });
    // Without it the interpreter is looked for inside when a file is run.
    expect(enter('').status).not.toBe(0);
    expect(existsSync(join(root, outside))).toBe(false);
  });

  test.each([
    ['no line', 'CTRTEST', 'Invalid argument; the line is :name:type:'],
    ['an unknown type', ':ctr-test:X::CTRTEST::/bin/cat:', 'Invalid argument; the line is :name:type:'],
    ['F and no such interpreter', line('/no/such/file', 'F'), 'No such file or directory; with flag F the'],
  ])('%s is refused', (_, text, why) => {
    const ended = runTool('ns-enter', ['--load-interp', text, '--map-root-user', '--', 'true']);
    expect(ended).toMatchObject({ status: 125, stdout: '' });
    expect(ended.stderr).toContain(refusal ? refusal.trim() : `ns-enter: register ${text}: ${why}`);
  });
});

describe('--follow-context', () => {
  test('says that there is no SELinux', (context) => {
    if (existsSync('/sys/fs/selinux/enforce')) skip(context, 'this kernel has SELinux');
    const ended = runTool('ns-enter', [
      '--target',
      String(process.pid),
      '--uts',
      '--follow-context',
      '--',
      'true',
    ]);
    expect(ended).toEqual({
      status: 125,
      signal: null,
      stdout: '',
      stderr: 'ns-enter: --follow-context: SELinux is not enabled on this machine; leave it out\n',
    });
  });
});
