/** Groups made by a real systemd on cgroup v2. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, start, toolPath, until } from '../../../test/support.ts';

const scope = `ctr-test-${process.pid}.scope`;
const directory = `/sys/fs/cgroup/system.slice/${scope}`;
const cg = (...args: string[]) => runTool('cg-limit', args);

describe('where systemd runs, it makes the group', () => {
  test('a scope of its own by default, with the limits as properties and in the files', async (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2');
    const path = `system.slice::${scope.slice(0, -'.scope'.length)}`;
    const started = start(toolPath('cg-limit'), [
      '--cgroup',
      path,
      '--memory',
      '64M',
      '--cpus',
      '0.5',
      '--pids-limit',
      '9',
      '--',
      'sh',
      '-c',
      'cat /proc/self/cgroup; sleep 20; :',
    ]);
    await until('the command runs', () => started.output().stdout !== '');
    expect(started.output().stdout).toBe(`0::/system.slice/${scope}\n`);
    const property = (name: string): string =>
      run('systemctl', ['show', '--value', '-p', name, scope]).stdout.trim();
    expect([property('MemoryMax'), property('TasksMax'), property('Delegate')]).toEqual([
      String(64 << 20),
      '9',
      'yes',
    ]);
    expect(readFileSync(`${directory}/memory.max`, 'utf8')).toBe(`${64 << 20}\n`);
    expect(readFileSync(`${directory}/cpu.max`, 'utf8')).toBe('50000 100000\n');
    // What systemd does not undo at a reload.
    expect(cg('--update', directory, '--memory', '128M')).toMatchObject({ status: 0, stderr: '' });
    run('systemctl', ['daemon-reload']);
    expect(readFileSync(`${directory}/memory.max`, 'utf8')).toBe(`${128 << 20}\n`);
    cg('--kill', directory);
    await started.ended;
    await until('systemd forgets the scope', () => property('LoadState') === 'not-found');
  });

  test('without a name too; a limit inside a limit makes a child group, past the rule against inner processes', (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2');
    const ended = cg(
      '--memory',
      '256M',
      '--',
      'sh',
      '-c',
      'cg-limit --memory 64M -- sh -c "cat /proc/self/cgroup"; cat /proc/self/cgroup',
    );
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toMatch(
      /^0::\/system\.slice\/ctr-limit-\d+\.scope\/ctr-limit-\d+\n0::\/system\.slice\/ctr-limit-\d+\.scope\/own\n$/,
    );
  });
});

describe('cgroup v2 by files', () => {
  const path = `/ctr-test-${process.pid}`;
  test('born in the group, killed at its limit, devices by a program', (context) => {
    needs(context, 'root', 'cgroup-v2');
    expect(cg('--cgroup', path, '--', 'cat', '/proc/self/cgroup').stdout).toBe(`0::${path}\n`);
    const killed = cg(
      '--cgroup',
      path,
      '--memory',
      '20M',
      '--memory-swap',
      '20M',
      '--',
      'sh',
      '-c',
      'head -c 100M /dev/zero | tail > /dev/null; exit $?',
    );
    expect(killed.status).toBe(137);
    expect(killed.stderr).toMatch(
      /the memory limit of 20 MiB was exceeded; processes killed for it: 1; the peak was /,
    );
    const denied = cg(
      '--cgroup',
      path,
      '--device-deny',
      '/dev/full',
      '--',
      'sh',
      '-c',
      'cat < /dev/null && (cat < /dev/full) 2>&1',
    );
    expect(denied.stdout).toContain('Operation not permitted');
    const kmsg = cg(
      '--cgroup',
      path,
      '--device',
      '/dev/kmsg:r',
      '--',
      'sh',
      '-c',
      ': < /dev/kmsg && echo read; (: > /dev/kmsg) 2>&1; true',
    );
    expect(kmsg.stdout).toMatch(/^read\n.*Operation not permitted/);
  });

  test.each([
    ['--memory-high', '32M', 'memory.high', String(32 << 20)],
    ['--memory-reservation', '16M', 'memory.low', String(16 << 20)],
    ['--cpu-shares', '1024', 'cpu.weight', '39'],
    ['--cpu-weight', '250', 'cpu.weight', '250'],
    ['--cpus', '150%', 'cpu.max', '150000 100000'],
    ['--pids-limit', '7', 'pids.max', '7'],
    ['--cpuset-cpus', '0', 'cpuset.cpus', '0'],
    ['--set', 'memory.oom.group=1', 'memory.oom.group', '1'],
  ])('%s %s', (flag, value, file, expected) => {
    expect(
      cg('--cgroup', path, flag, value, '--', 'cat', `/sys/fs/cgroup${path}/${file}`).stdout.trim(),
    ).toBe(expected);
  });

  test('what v2 cannot express is an error', (context) => {
    needs(context, 'root', 'cgroup-v2');
    expect(cg('--cgroup', path, '--memory-swappiness', '10', '--', 'true').stderr).toContain(
      'cannot be expressed in cgroup v2',
    );
    expect(cg('--cgroup', path, '--net-cls', '5', '--', 'true').stderr).toContain('cgroup v2 has none');
  });
});
