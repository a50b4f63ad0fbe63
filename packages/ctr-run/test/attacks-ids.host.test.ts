/**
 * Who a process is and what it may do, where runtimes were led to make that more than was said. Each attack is also
 * made where the guard is missing, and succeeds there.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  hasCommand,
  isRoot,
  needs,
  run,
  runTool,
  skip,
  slower,
  tempDir,
  toolPath,
} from '../../../test/support.ts';
import { busybox, ctrLeaving, makeBundle, testId } from './bundles.ts';
import { newerCrun } from './newer-crun.ts';

const oldRunc = (): boolean =>
  slower === 1 && hasCommand('runc') && run('runc', ['--version']).stdout.includes('version 1.1.5');

describe('CVE-2022-29162: exec makes capabilities inheritable, and a file of the image hands them on', () => {
  const id = testId();
  const bundle = isRoot
    ? makeBundle(['/bin/sleep', '1000'], (spec) => {
        spec.process!.noNewPrivileges = false;
        spec.process!.capabilities = {
          bounding: ['CAP_NET_RAW'],
          permitted: ['CAP_NET_RAW'],
          effective: ['CAP_NET_RAW'],
        };
      })
    : '';

  beforeAll(() => {
    if (!isRoot) return;
    mkdirSync(`${bundle}/rootfs/greedy`);
    copyFileSync(busybox, `${bundle}/rootfs/greedy/grep`);
    if (hasCommand('setcap')) run('setcap', ['cap_net_raw+ei', `${bundle}/rootfs/greedy/grep`]);
    const made = ctrLeaving('run', '--detach', '--bundle', bundle, id);
    if (made.status !== 0) throw new Error(made.stderr);
  });
  afterAll(() => {
    if (isRoot) runTool('ctr-run', ['delete', '--force', id]);
  });

  const permitted = (text: string) => /CapPrm:\s+(\w+)/.exec(text)?.[1];
  const words = ['/greedy/grep', 'Cap', '/proc/self/status'];

  test.for([[['--cap', 'CAP_NET_RAW']], [[]]])(
    'exec %j as an ordinary user has none by such a file',
    ([flags], context) => {
      needs(context, 'root', 'command:setcap');
      const ended = runTool('ctr-run', ['exec', '-u', '1000:1000', ...flags!, id, ...words]);
      expect(ended.stderr).toBe('');
      expect(/CapInh:\s+(\w+)/.exec(ended.stdout)?.[1]).toBe('0000000000000000');
      // What --cap gives is the process's own by its ambient set, and not by the file.
      if (flags!.length === 0) expect(permitted(ended.stdout)).toBe('0000000000000000');
    },
  );

  test('control: where it is inheritable, the file hands it on', (context) => {
    needs(context, 'root', 'command:setcap');
    const described: Spec['process'] = {
      cwd: '/',
      user: { uid: 1000, gid: 1000 },
      args: words,
      capabilities: { bounding: ['CAP_NET_RAW'], permitted: ['CAP_NET_RAW'], inheritable: ['CAP_NET_RAW'] },
    };
    const file = `${tempDir('process')}/process.json`;
    writeFileSync(file, JSON.stringify(described));
    const ended = runTool('ctr-run', ['exec', '--process', file, id]);
    expect(ended.stderr).toBe('');
    expect(permitted(ended.stdout)).toBe('0000000000002000');
  });
});

describe('CVE-2024-40635, CVE-2026-30892: a user ID comes to be another', () => {
  const id = testId();
  const bundle = isRoot ? makeBundle(['/bin/sleep', '1000']) : '';

  beforeAll(() => {
    if (!isRoot) return;
    const made = ctrLeaving('run', '--detach', '--bundle', bundle, id);
    if (made.status !== 0) throw new Error(made.stderr);
  });
  afterAll(() => {
    if (isRoot) runTool('ctr-run', ['delete', '--force', id]);
  });
  const who = (runtime: string, user: string, of: string) =>
    run(runtime, ['exec', '-u', user, of, '/bin/sh', '-c', 'id -u; id -g']);

  test.for<[string, string]>([
    ['1', '1\n0\n'],
    ['01', '1\n0\n'],
    ['1:1', '1\n1\n'],
    ['1000', '1000\n0\n'],
    ['2147483647', '2147483647\n0\n'],
    ['2147483648', '2147483648\n0\n'],
    ['4294967294', '4294967294\n0\n'],
  ])('exec -u %s is who it says', ([user, said], context) => {
    needs(context, 'root');
    const ended = who(toolPath('ctr-run'), user, id);
    // What is no ID of ours to write so is refused; it is never somebody else.
    if (ended.status === 0) expect(ended.stdout).toBe(said);
    else expect(ended).toMatchObject({ stdout: '', stderr: expect.stringContaining(user) });
  });

  test.for([
    '4294967296',
    '4294967295',
    '4294968296',
    '0x1',
    '1e3',
    '-1',
    '+1',
    ' 1',
    '1 ',
    '18446744073709551616',
  ])('exec -u "%s" is refused', (user, context) => {
    needs(context, 'root');
    const ended = who(toolPath('ctr-run'), user, id);
    expect(ended).toMatchObject({ stdout: '' });
    expect(ended.status).not.toBe(0);
  });

  test('control: who takes the low 32 bits is root; runc 1.1.5 does', (context) => {
    needs(context, 'root', 'command:python3');
    const line =
      'import os, ctypes; ctypes.CDLL(None).setresuid(ctypes.c_uint(4294967296).value, 0, 0); print(os.getuid())';
    expect(run('python3', ['-c', line]).stdout).toBe('0\n');
    const other = testId();
    if (!oldRunc()) return;
    const made = run('/bin/sh', [
      '-c',
      `runc run --detach --bundle ${bundle} ${other} </dev/null >/dev/null 2>&1`,
    ]);
    expect(made.status).toBe(0);
    const ended = who('runc', '4294967296', other);
    run('runc', ['delete', '--force', other]);
    expect(ended.stdout).toBe('0\n0\n');
  });

  test('control: crun 1.21 takes exec -u 1 for root', { timeout: 300_000 * slower }, (context) => {
    needs(context, 'root');
    const crun = newerCrun();
    if ('lacks' in crun) skip(context, crun.lacks);
    const { words } = crun;
    const other = testId();
    const call = (...argv: string[]) =>
      run('/bin/sh', ['-c', '"$@" </dev/null 2>&1', 'sh', ...words, ...argv]);
    const out = `${tempDir('out')}/out`;
    const line = 'out=$1; shift; exec "$@" </dev/null >"$out" 2>&1';
    const argv = ['run', '--detach', '--bundle', bundle, other];
    const made = run('/bin/sh', ['-c', line, 'sh', out, ...words, ...argv]);
    const ended = ['1', '1000'].map(
      (user) => call('exec', '-u', user, other, '/bin/sh', '-c', 'id -u; id -g').stdout,
    );
    call('delete', '--force', other);
    expect(made).toMatchObject({ status: 0 });
    expect(ended).toEqual(['0\n0\n', '0\n0\n']);
  });
});

describe('CVE-2023-25809: without a cgroup namespace the groups of the host can be written', () => {
  const write =
    'for g in $(find /sys/fs/cgroup -maxdepth 2 -type d); do mkdir $g/ctr-escaped 2>/dev/null && { rmdir $g/ctr-escaped; echo $g; }; done; true';
  const bundleOf = (readonly: boolean, userNamespace: boolean) =>
    makeBundle(['/bin/sh', '-c', write], (spec) => {
      const { linux } = spec;
      linux!.namespaces = linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
      if (userNamespace) {
        linux!.namespaces.push({ type: 'user' });
        const map = [{ containerID: 0, hostID: 0, size: 65536 }];
        Object.assign(linux!, { uidMappings: map, gidMappings: map });
      }
      const groups = spec.mounts!.find(({ destination }) => destination === '/sys/fs/cgroup')!;
      groups.options = ['nosuid', 'noexec', 'nodev', 'relatime', readonly ? 'ro' : 'rw'];
    });

  test.for([false, true])('none is written, with a user namespace: %s', (userNamespace, context) => {
    needs(context, 'root');
    const ended = runTool('ctr-run', ['run', '--bundle', bundleOf(true, userNamespace), testId()]);
    expect(ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('control: they are where the mount is not read-only', (context) => {
    needs(context, 'root');
    const ended = runTool('ctr-run', ['run', '--bundle', bundleOf(false, false), testId()]);
    expect(ended.stdout).toContain('/sys/fs/cgroup');
  });
});
