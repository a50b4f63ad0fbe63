/**
 * The copy that containers start from is told by its first word that it is one (native/src/launcher/seal.c). Who says
 * so of a file that can be written, as whoever executes the launcher may, is not believed (CVE-2019-5736).
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, toolPath } from '../../test/support.ts';
import { exec, launcher, plan } from './launcher.ts';

/** The launcher under that name, with these words behind it. */
const called = (name: string, words: string[], fd?: number) =>
  spawnSync(launcher, words, {
    argv0: name,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])],
  });

test('the launcher’s own file is not a sealed copy, whatever it is called', () => {
  const path = plan([[exec('echo', 'it runs')]]);
  // What seal() tells: times, descriptors, limits; then the file, and what the caller called.
  const words = ['1 0 -1 -1 -1 -1 -1 0 0 -1', launcher, 'ctr-launcher', '--plan', path];
  const { status, stdout, stderr } = called('ctr-launcher (sealed)', words);
  expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
  expect(stderr).toContain('this is not a sealed copy of the launcher');
});

test('a file that can be written is not a whole copy', () => {
  const fd = openSync(launcher, 'r');
  const { status, stderr } = called(
    'ctr-launcher (whole)',
    ['3', 'caps-drop', 'ctr-launcher', '--check', '/dev/null'],
    fd,
  );
  closeSync(fd);
  expect(status).toBe(125);
  expect(stderr).toContain('this is not a sealed copy of the launcher');
});

test('what shows a process of ours to a container runs from a copy; a network of one’s own does not', async (context) => {
  needs(context, 'root', 'command:strace');
  const copies = (...words: string[]) =>
    run('strace', [
      '-f',
      '-e',
      'trace=memfd_create',
      toolPath('ns-enter'),
      ...words,
      '--',
      'true',
    ]).stderr.match(/memfd_create\("ctr-launcher"/g)?.length ?? 0;
  for (const kinds of ['net', 'uts,ipc', 'net,uts,cgroup,ipc']) expect(copies('--new', kinds)).toBe(0);
  for (const kinds of ['mount', 'user', 'pid', 'net,mount', 'uts,user'])
    expect(copies('--new', kinds)).toBe(1);
  const other = spawn('unshare', ['--uts', 'sh', '-c', 'echo there; exec sleep 60']);
  await once(other.stdout, 'data');
  expect(copies('--target', String(other.pid), '--uts')).toBe(1);
  other.kill('SIGKILL');
});
