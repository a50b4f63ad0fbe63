/** Changes that hold or fail by what a group has already, as the kernel and runc decide them. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { needs, runTool, skip, start, tempDir, toolEnv, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const here = hierarchiesOf();
const outer = `/ctr-test-changes-${process.pid}`;
const path = `${outer}/in`;
const rootOf = (controller: string): string =>
  (here.find((h) => carriedBy(h).includes(controller)) ?? here.find((h) => h.version === 2)!).mountPoint;
const read = (controller: string, name: string): string =>
  readFileSync(join(rootOf(controller), path, name), 'utf8').trim();
const cg = (...args: string[]) => runTool('cg-limit', args);
const fine = { status: 0, stderr: '' };
const update = (...limits: string[]) => cg('--update', path, ...limits);

/** A command in a group, whose group above may have half of a CPU. */
async function withHalf(limits: readonly string[], use: () => void): Promise<void> {
  const above = join(rootOf('cpu'), outer);
  mkdirSync(above);
  writeFileSync(join(above, 'cpu.cfs_quota_us'), '50000');
  const started = start(toolPath('cg-limit'), [...limits, '--cgroup', path, '--', 'sleep', '600']);
  try {
    const there = () => existsSync(join(rootOf('pids'), path)) && read('pids', 'cgroup.procs') !== '';
    await until('the command runs', there);
    use();
  } finally {
    cg('--kill', path);
    await started.ended;
    if (existsSync(above)) rmdirSync(above);
  }
}

const bandwidth = () =>
  ['cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.cfs_burst_us'].map((name) => read('cpu', name)).join(' ');

describe('quota and period on v1, below a group with half of a CPU', () => {
  test('both shrink, and both grow again', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    await withHalf(['--cpu-quota', '50ms'], () => {
      expect(update('--cpu-quota', '10ms', '--cpu-period', '20ms')).toMatchObject(fine);
      expect(bandwidth()).toBe('10000 20000 0');
      expect(update('--cpu-quota', '100ms', '--cpu-period', '200ms')).toMatchObject(fine);
      expect(bandwidth()).toBe('100000 200000 0');
    });
  });
  test('more than the group above has is refused, and all is as it was', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    await withHalf(['--cpu-quota', '10ms', '--cpu-period', '20ms'], () => {
      const refused = update('--cpu-quota', '40ms', '--cpu-period', '60ms');
      expect(refused.stderr).toMatch(/no more than the one above it; nothing was changed\n$/);
      expect(bandwidth()).toBe('10000 20000 0');
    });
  });
  test('a quota below the burst is refused by the name of what is in its way', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    if (!existsSync(join(rootOf('cpu'), 'cpu.cfs_burst_us'))) skip(context, 'the kernel has no burst');
    await withHalf(['--cpu-quota', '40ms', '--cpu-burst', '8ms'], () => {
      expect(update('--cpu-quota', '5ms')).toMatchObject({
        status: 125,
        stderr:
          'cg-limit: a CPU quota of 5ms is below the burst of 8ms that the group has; give --cpu-burst as well (0 for none)\n',
      });
      expect(bandwidth()).toBe('40000 100000 8000');
      expect(update('--cpu-quota', '5ms', '--cpu-burst', '0')).toMatchObject(fine);
      expect(bandwidth()).toBe('5000 100000 0');
    });
  });
});

describe('what can be taken off again', () => {
  test('idle scheduling, before there is a weight again', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    if (!existsSync(join(rootOf('cpu'), 'cpu.idle'))) skip(context, 'the kernel has no idle groups');
    await withHalf(['--cpu-idle'], () => {
      expect(update('--cpu-shares', '1024').stderr).toContain(
        'a group that is idle has no weight; --cpu-idle=0 ends that; nothing was changed',
      );
      expect(update('--cpu-idle=0', '--cpu-shares', '512')).toMatchObject(fine);
      expect([read('cpu', 'cpu.idle'), read('cpu', 'cpu.shares')]).toEqual(['0', '512']);
    });
  });
  test('the soft limit, but not by a document that does not set it', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    const soft = () => read('memory', 'memory.soft_limit_in_bytes');
    await withHalf(['--memory-reservation', '16M'], () => {
      const document = join(tempDir('resources'), 'resources.json');
      writeFileSync(document, JSON.stringify({ memory: { reservation: 0 }, pids: { limit: 9 } }));
      expect(update('--resources', document)).toMatchObject(fine);
      expect([soft(), read('pids', 'pids.max')]).toEqual([String(16 << 20), '9']);
      expect(update('--memory-reservation', '0')).toMatchObject(fine);
      expect(Number(soft())).toBeGreaterThan(2 ** 62);
    });
  });
});

test('a throttle of a document stays beside one of a flag', async (context) => {
  needs(context, 'root', 'cgroup-v1', 'file:/dev/loop0', 'file:/dev/loop1');
  const name = 'blkio.throttle.write_bps_device';
  const document = join(tempDir('resources'), 'resources.json');
  const throttle = { major: 7, minor: 1, rate: 1_000_000 };
  writeFileSync(document, JSON.stringify({ blockIO: { throttleWriteBpsDevice: [throttle] } }));
  await withHalf(['--resources', document, '--device-write-bps', '7:0:2M'], () =>
    expect(read('blkio', name).split('\n').sort()).toEqual(['7:0 2097152', '7:1 1000000']),
  );
});

describe('where a group may be', () => {
  test('CTR_CGROUP does not climb out of the hierarchies', (context) => {
    needs(context, 'root');
    const outside = tempDir('outside');
    const variable = `/../../../..${outside}`;
    const ended = runTool('cg-limit', ['--', 'true'], { env: toolEnv({ CTR_CGROUP: variable }) });
    expect(ended).toMatchObject({
      status: 125,
      stderr: `cg-limit: CTR_CGROUP "${variable}" climbs with ".."; give the path without it\n`,
    });
  });
  test('not under the name of a file of the group above', (context) => {
    needs(context, 'root', 'cgroup-v1');
    const ended = cg('--cgroup', '/cpu.shares', '--', 'true');
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/cpu\.shares is a file of the group above; choose another name\n$/);
  });
});

describe('the last line after a limit on huge pages', () => {
  const pool = '/proc/sys/vm/nr_hugepages';
  // A page of 2 MiB, as MAP_HUGETLB (0x40000) gives it, and a touch of it.
  const touch =
    'import mmap; mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)[0] = 1';
  const reached = 'cg-limit: the limit of 0 B in huge pages of 2MB was reached; times refused: ';
  /** Two pages more while the test runs. */
  function withPages(context: TestContext, look: () => void): void {
    needs(context, 'root', 'command:python3', 'file:/sys/kernel/mm/hugepages/hugepages-2048kB');
    const before = readFileSync(pool, 'utf8').trim();
    writeFileSync(pool, String(Number(before) + 2));
    try {
      look();
    } finally {
      writeFileSync(pool, before);
    }
  }

  test('follows an error at the reservation of a page', (context) =>
    withPages(context, () => {
      const reserved = cg('--hugetlb', '2MB:0', '--', 'python3', '-c', touch);
      expect(reserved.stderr.trimEnd().split('\n').at(-1)).toContain(reached);
    }));

  test('follows a SIGBUS at the use of a page', (context) => {
    const v2 = here.find((h) => h.version === 2)?.mountPoint;
    if (!v2 || !readFileSync(join(v2, 'cgroup.controllers'), 'utf8').includes('hugetlb'))
      skip(context, 'cgroup v2 has no hugetlb controller here');
    withPages(context, () => {
      const used = cg('--set', 'hugetlb.2MB.max=0', '--', 'python3', '-c', touch);
      expect(used).toMatchObject({ signal: 'SIGBUS', stderr: expect.stringContaining(reached) });
    });
  });
});
