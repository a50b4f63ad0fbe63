/** Each limit proved by running into it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const here = hierarchiesOf();
const cg = (...args: string[]) => runTool('cg-limit', args, { timeout: 120_000 });
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
    'head -c 40M /dev/zero | tail > /dev/null; exit $?',
  );
  expect(ended.status).toBe(137);
  expect(ended.stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^cg-limit: the memory limit of 20 MiB was exceeded; processes killed for it: 1; the peak was 20 MiB$/,
  );
  expect(cg('--memory', '100M', '--', 'sh', '-c', 'head -c 40M /dev/zero | tail > /dev/null')).toMatchObject({
    status: 0,
    stderr: '',
  });
});

test('the limit that is named is the one that stands by then', (context) => {
  needs(context, 'root');
  const ended = cg(
    ...['--memory', '200M', '--memory-swap', '200M', '--', 'sh', '-c'],
    'cg-limit --update $$ --from-inside --memory 20M --memory-swap 20M; head -c 40M /dev/zero | tail > /dev/null; exit $?',
  );
  expect(ended).toMatchObject({
    status: 137,
    stderr: expect.stringMatching(
      /^cg-limit: the memory limit of 20 MiB was exceeded; processes killed for it: 1; the peak was [\d.]+ MiB$/m,
    ),
  });
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

/** Runs for so many seconds by the clock, and says how many of the CPU it got. */
const spin = (seconds: number): string => `
import time
end, used = time.monotonic() + ${seconds}, time.process_time()
while time.monotonic() < end: pass
print(time.process_time() - used)`;

test('cpus: the share of a CPU is what was given', (context) => {
  needs(context, 'root', 'command:python3');
  const ended = cg('--cpus', '20%', '--', 'python3', '-c', spin(1.5));
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  // A period more than its due, at most, is what it may have at either end.
  expect(Number(ended.stdout)).toBeGreaterThan(0.02);
  expect(Number(ended.stdout)).toBeLessThan(1.5 * 0.2 + 0.1);
});

/**
 * Says that it is there, waits for the file `go` with an end on the clock that all processes share
 * (clock_gettime(2), CLOCK_MONOTONIC), runs until then, and says how much of the CPU it got.
 */
const race = (ready: string, go: string): string => `
import os, time
open("${ready}", "w").close()
while not os.path.exists("${go}"): time.sleep(0.01)
used, end = time.process_time(), float(open("${go}").read())
while time.monotonic() < end: pass
print(time.process_time() - used)`;

test('cpu shares: of two on one CPU, each gets its part', async (context) => {
  needs(context, 'root', 'command:python3', 'command:taskset');
  const dir = tempDir('race');
  const go = join(dir, 'go');
  const [many, few] = ['2048', '256'].map((shares) => {
    const command = ['taskset', '-c', '0', 'python3', '-c', race(join(dir, shares), go)];
    return start(toolPath('cg-limit'), ['--cpu-shares', shares, '--', ...command]);
  });
  // Whoever came later would find the other one gone, and have the CPU alone.
  const isThere = (shares: string): boolean => existsSync(join(dir, shares));
  await until('both are there', () => isThere('2048') && isThere('256'), 60_000);
  writeFileSync(`${go}.new`, String(Number(process.hrtime.bigint()) / 1e9 + 3));
  renameSync(`${go}.new`, go);
  const [most, least] = [await many!.ended, await few!.ended];
  expect([most.stderr, least.stderr]).toEqual(['', '']);
  // Eight to one; on v2 the weights are 79 and 10.
  expect(Number(most.stdout) / Number(least.stdout)).toBeGreaterThan(3);
  expect(Number(most.stdout) / Number(least.stdout)).toBeLessThan(20);
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
  needs(context, 'root', 'command:losetup');
  const file = join(tempDir('loop'), 'disk');
  writeFileSync(file, '');
  run('truncate', ['-s', '16M', file]);
  const loop = execFileSync('losetup', ['--find', '--show', '--direct-io=off', file], {
    encoding: 'utf8',
  }).trim();
  try {
    const line = `s=$(date +%s%N); dd if=/dev/zero of=${loop} bs=256k count=8 oflag=direct status=none; echo $(($(date +%s%N) - s))`;
    const write = (...limits: string[]): number => {
      const ended = cg(...limits, '--', 'sh', '-c', line);
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      return Number(ended.stdout) / 1e6;
    };
    // 2 MiB at 1 MB a second, and eight writes at four a second.
    const [free, slow, few] = [
      write(),
      write('--device-write-bps', `${loop}:1MB/s`),
      write('--io-max', `${loop}:wiops=4`),
    ];
    expect(Math.min(slow, few)).toBeGreaterThan(1500);
    expect(free).toBeLessThan(Math.min(slow, few));
  } finally {
    run('losetup', ['--detach', loop]);
  }
});

test('hugetlb: mapping more than the limit is refused', (context) => {
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

test('a file that the kernel does not have is named, and no group is left', (context) => {
  needs(context, 'root', 'cgroup-v2');
  const ended = cg('--set', 'memory.nonsense=1', '--', 'true');
  const [, group] =
    /^cg-limit: set memory\.nonsense of (\S+) to 1: .*; this kernel has no memory\.nonsense\n$/.exec(
      ended.stderr,
    ) ?? [];
  expect(group, ended.stderr).toBeDefined();
  expect(ended.status).toBe(125);
  expect(existsSync(group!)).toBe(false);
});

test('bad input is refused before anything is made', (context) => {
  needs(context, 'root');
  const refused = (...args: string[]): string => {
    const ended = cg(...args, '--', 'true');
    expect(ended.status).toBe(125);
    return ended.stderr;
  };
  expect(refused('--memory', '64Q')).toContain('is not a value for --memory');
  const v1 = here.some((h) => h.controllers.includes('memory') && h.version === 1);
  if (v1)
    expect(refused('--set', 'memory.high=1G')).toContain('cgroup v1, which has the memory controller here');
  expect(refused('--set', 'memory=1G')).toContain('give FILE=VALUE with a file of a group');
  expect(refused('--set', 'nonsense.max=1G')).toContain('needs the nonsense controller of cgroup v2');
  expect(refused('--hugetlb', '3MB:3M')).toContain('no huge pages of 3MB');
  expect(refused('--cgroup', '../up')).toContain('climbs');
  expect(refused('--cgroup', 'x'.repeat(300))).toContain('255 bytes');
});
