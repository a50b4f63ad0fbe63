/** Each limit proved by running into it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { needs, run, runShell, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const here = hierarchiesOf();
/** The directory of a controller's group with this absolute path. */
const groupOf = (controller: string, path: string): string => {
  const h = here.find((x) => carriedBy(x).includes(controller)) ?? here.find((x) => x.version === 2)!;
  return join(h.mountPoint, path);
};
const cg = (...args: string[]) => runTool('cg-limit', args);

test('memory: an allocation beyond the limit is killed, and the last line says so', (context) => {
  needs(context, 'root');
  const ended = cg(
    '--memory',
    '20M',
    '--memory-swap',
    '20M',
    '--',
    'sh',
    '-c',
    'head -c 100M /dev/zero | tail > /dev/null; exit $?',
  );
  expect(ended.status).toBe(137);
  expect(ended.stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^cg-limit: the memory limit of 20 MiB was exceeded; processes killed for it: 1; the peak was 20 MiB$/,
  );
  expect(cg('--memory', '200M', '--', 'sh', '-c', 'head -c 100M /dev/zero | tail > /dev/null')).toMatchObject(
    { status: 0, stderr: '' },
  );
});

test('pids: a fork is refused', (context) => {
  needs(context, 'root');
  const ended = cg('--pids-limit', '3', '--', 'sh', '-c', 'sleep 1 & sleep 1 & sleep 1 & wait');
  expect(ended.status).not.toBe(0);
  expect(ended.stderr).toContain('Cannot fork');
  expect(ended.stderr).toMatch(
    /cg-limit: the limit of 3 processes was reached; forks refused: 1; the peak was 3\n$/,
  );
});

test('cpus: the share of a CPU is what was given', (context) => {
  needs(context, 'root');
  // User and system time of a busy loop of one second by the clock.
  const busy = 'e=$(($(date +%s%N) + 1500000000)); while [ $(date +%s%N) -lt $e ]; do :; done; times';
  const ended = cg('--cpus', '20%', '--', 'sh', '-c', busy);
  expect(ended.status).toBe(0);
  const used = [...ended.stdout.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
  expect(used / 1.5).toBeGreaterThan(0.02);
  expect(used / 1.5).toBeLessThan(0.32);
});

test('cpuset: the command runs on these CPUs alone', (context) => {
  needs(context, 'root');
  const ended = cg('--cpuset-cpus', '0', '--', 'grep', 'Cpus_allowed_list', '/proc/self/status');
  expect(ended.stdout).toBe('Cpus_allowed_list:\t0\n');
  const wrong = cg('--cpuset-cpus', '0,4000', '--', 'true');
  expect(wrong.status).toBe(125);
  expect(wrong.stderr).toMatch(
    /^cg-limit: set the CPUs of \/.* to 0,4000: .*does not exist on this machine\n$/,
  );
});

describe('devices', () => {
  test('one that is denied cannot be opened, the others can', (context) => {
    needs(context, 'root');
    const ended = cg(
      '--device-deny',
      '/dev/full',
      '--',
      'sh',
      '-c',
      'cat < /dev/null && (cat < /dev/full) 2>&1',
    );
    expect(ended.stdout).toContain('Operation not permitted');
    expect(ended.status).not.toBe(0);
  });
  test('only access that was allowed works', (context) => {
    needs(context, 'root', 'file:/dev/kmsg');
    const line = ': < /dev/null; : < /dev/kmsg && echo read; (: > /dev/kmsg) 2>&1; (: < /dev/mem) 2>&1; true';
    const ended = cg('--device', '/dev/kmsg:r', '--', 'sh', '-c', line);
    expect(ended.stdout).toMatch(
      /^read\n.*\/dev\/kmsg: Operation not permitted\n.*\/dev\/mem: (Operation not permitted|No such file)/,
    );
  });
});

test('block I/O: a throttled write takes its time', (context) => {
  needs(context, 'root', 'command:losetup', 'cgroup-v1');
  const file = join(tempDir('loop'), 'disk');
  writeFileSync(file, '');
  run('truncate', ['-s', '16M', file]);
  const loop = execFileSync('losetup', ['--find', '--show', '--direct-io=off', file], {
    encoding: 'utf8',
  }).trim();
  try {
    const write = (...limits: string[]): number => {
      const began = performance.now();
      const ended = cg(
        ...limits,
        '--',
        'dd',
        'if=/dev/zero',
        `of=${loop}`,
        'bs=256k',
        'count=8',
        'oflag=direct',
        'status=none',
      );
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      return performance.now() - began;
    };
    const free = write();
    // 2 MiB at 1 MiB a second.
    const slow = write('--device-write-bps', `${loop}:1MB/s`);
    expect(slow).toBeGreaterThan(1500);
    expect(free).toBeLessThan(slow);
  } finally {
    run('losetup', ['--detach', loop]);
  }
});

test('hugetlb on v2: mapping more than the limit is refused', (context) => {
  needs(context, 'root', 'command:python3');
  // MAP_HUGETLB is 0x40000; one page of 2 MiB reserves it, which the limit on reservations refuses.
  const map = 'import mmap; mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)';
  const pool = '/proc/sys/vm/nr_hugepages';
  const before = readFileSync(pool, 'utf8').trim();
  writeFileSync(pool, String(Number(before) + 2));
  try {
    const allowed = cg('--hugetlb', '2MB:2M', '--', 'python3', '-c', map);
    const refused = cg('--hugetlb', '2MB:0', '--', 'python3', '-c', map);
    expect(allowed.status, allowed.stderr).toBe(0);
    expect(refused.stderr).toContain('Cannot allocate memory');
  } finally {
    writeFileSync(pool, before);
  }
});

describe('the group', () => {
  const path = `/ctr-test-${process.pid}`;
  afterAll(() => {
    for (const h of here) if (existsSync(join(h.mountPoint, path))) rmdirSync(join(h.mountPoint, path));
  });

  test('the command is in it everywhere from its first moment, and nothing is left', (context) => {
    needs(context, 'root');
    const ended = cg('--cgroup', path, '--', 'cat', '/proc/self/cgroup');
    for (const line of ended.stdout.trim().split('\n')) expect(line).toMatch(new RegExp(`:${path}$`));
    expect(ended.stdout.trim().split('\n')).toHaveLength(here.length);
    for (const h of here) expect(existsSync(join(h.mountPoint, path))).toBe(false);
  });

  test('--keep leaves it, --join enters it, --remove removes it; the PID stays the same', (context) => {
    needs(context, 'root');
    const kept = start(toolPath('cg-limit'), [
      '--keep',
      '--pids-limit',
      '7',
      '--cgroup',
      path,
      '--',
      'sh',
      '-c',
      'echo $$',
    ]);
    return kept.ended.then((ended) => {
      expect(ended.stderr).toBe('');
      expect(Number(ended.stdout)).toBe(kept.child.pid);
      expect(readFileSync(join(groupOf('pids', path), 'pids.max'), 'utf8')).toBe('7\n');
      expect(cg('--cgroup', path, '--', 'true').stderr).toBe(
        `cg-limit: the cgroup ${join(here[0]!.mountPoint, path)} exists already; --join enters it, --remove removes it\n`,
      );
      const joined = cg('--join', '--cgroup', path, '--', 'cat', '/proc/self/cgroup');
      expect(joined.stdout).toContain(`pids:${path}\n`);
      const byVariable = runTool('cg-limit', ['--join', '--', 'sh', '-c', 'grep pids: /proc/self/cgroup'], {
        env: { PATH: process.env.PATH!, CTR_CGROUP: path },
      });
      expect(byVariable.stdout).toContain(`pids:${path}\n`);
      expect(existsSync(groupOf('pids', path))).toBe(true);
      expect(cg('--remove', path)).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(groupOf('pids', path))).toBe(false);
    });
  });

  test('a limit inside a limit makes a child group, fused or not', (context) => {
    needs(context, 'root');
    const show = 'grep pids: /proc/self/cgroup';
    const fused = runShell(
      `cg-limit --pids-limit 20 --cgroup ${path} -- cg-limit --pids-limit 9 --cgroup inner -- sh -c '${show}'`,
    );
    const apart = runShell(
      `cg-limit --pids-limit 20 --cgroup ${path} -- sh -c 'cg-limit --pids-limit 9 --cgroup inner -- ${show}'`,
    );
    expect(fused).toMatchObject({ status: 0, stderr: '' });
    expect(fused.stdout).toMatch(new RegExp(`pids:${path}/inner\n$`));
    expect(apart).toEqual(fused);
    for (const h of here) expect(existsSync(join(h.mountPoint, path))).toBe(false);
  });

  test('groups above it that were made on the way go with it', (context) => {
    needs(context, 'root');
    expect(cg('--cgroup', `${path}/a/b`, '--', 'true')).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(groupOf('pids', path))).toBe(false);
  });

  test('after a limit that the kernel refuses nothing is left', (context) => {
    needs(context, 'root');
    const ended = cg('--cgroup', path, '--pids-limit', '5', '--cpuset-mems', '63', '--', 'true');
    expect(ended.status).toBe(125);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    for (const h of here) expect(existsSync(join(h.mountPoint, path))).toBe(false);
  });

  test('one that is in use is refused', async (context) => {
    needs(context, 'root');
    const first = start(toolPath('cg-limit'), ['--cgroup', path, '--', 'sleep', '20']);
    await until(
      'it runs',
      () =>
        existsSync(groupOf('pids', path)) &&
        readFileSync(join(groupOf('pids', path), 'cgroup.procs'), 'utf8') !== '',
    );
    expect(cg('--cgroup', path, '--', 'true').stderr).toContain('is in use; --join enters it');
    expect(cg('--remove', path).stderr).toBe(
      `cg-limit: remove ${path}: 1 process is in it; --kill ends them, or wait for their end\n`,
    );
    first.child.kill('SIGTERM');
    expect((await first.ended).signal).toBe('SIGTERM');
    expect(existsSync(groupOf('pids', path))).toBe(false);
  });
});

test('bad input is refused before anything is made', (context) => {
  needs(context, 'root');
  const refused = (...args: string[]): string => {
    const ended = cg(...args, '--', 'true');
    expect(ended.status).toBe(125);
    return ended.stderr;
  };
  expect(refused('--memory', '64Q')).toContain('is no --memory');
  expect(refused('--set', 'memory.high=1G')).toMatch(/memory\.high is a file of cgroup v2|^$/);
  expect(refused('--hugetlb', '3MB:1M')).toContain('no huge pages of 3MB');
  expect(refused('--cgroup', '../up')).toContain('climbs');
  expect(refused('--cgroup', 'x'.repeat(300))).toContain('255 bytes');
});
