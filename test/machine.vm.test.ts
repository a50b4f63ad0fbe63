/**
 * What only the project's own machine has for certain: without it these tests would be
 * skipped everywhere, and nobody would see that the machine has lost it.
 */
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeBundle, testId } from '../packages/ctr-run/test/bundles.ts';
import { needs, run, runTool, skip, tempDir } from './support.ts';

const inVm = (): boolean => process.env.CTR_TEST_VM === '1';
const unified = (): boolean => existsSync('/sys/fs/cgroup/cgroup.controllers');
const sh = (line: string) => run('/bin/sh', ['-c', line], { timeout: 120_000 });
const controllers = (): string[] =>
  readFileSync('/proc/cgroups', 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    // A hierarchy's number other than 0 is one of v1 (cgroups(7)).
    .filter(([, hierarchy]) => hierarchy !== '0')
    .map(([name]) => name!);

beforeEach((context) => {
  if (!inVm()) skip(context, 'only in the machine of test-vm/');
  needs(context, 'root');
});

describe('the kernel', () => {
  test('has AppArmor, and systemd started it', () => {
    expect(readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8')).toBe('Y\n');
    expect(readFileSync('/proc/1/comm', 'utf8')).toBe('systemd\n');
  });

  test('has the hierarchies that this boot is for', () => {
    if (unified()) {
      const have = readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');
      expect(have).toEqual(
        expect.arrayContaining(['cpuset', 'cpu', 'io', 'memory', 'pids', 'hugetlb', 'rdma', 'misc']),
      );
      expect(controllers()).toEqual([]);
    } else {
      const v1 = [
        'cpuset',
        'cpu',
        'cpuacct',
        'blkio',
        'memory',
        'devices',
        'freezer',
        'net_cls',
        'perf_event',
      ];
      expect(controllers()).toEqual(expect.arrayContaining([...v1, 'net_prio', 'hugetlb', 'pids', 'rdma']));
      expect(existsSync('/sys/fs/cgroup/unified/cgroup.procs')).toBe(true);
    }
  });

  test.each([
    ['btrfs', 'mkfs.btrfs -q', 150],
    ['xfs', 'mkfs.xfs -q', 320],
    ['ext4', 'mkfs.ext4 -q', 16],
  ])('mounts %s from a file', (type, make, mebibytes) => {
    const dir = tempDir(type);
    const image = join(dir, 'image');
    writeFileSync(image, '');
    truncateSync(image, mebibytes << 20);
    const line = `${make} ${image} && mkdir ${dir}/at && mount -o loop ${image} ${dir}/at && stat -f -c %T ${dir}/at; status=$?; umount ${dir}/at; exit $status`;
    const { status, stdout, stderr } = sh(line);
    expect([status, stdout.trim(), stderr]).toEqual([0, type === 'ext4' ? 'ext2/ext3' : type, '']);
  });

  test('mounts an erofs of a directory', () => {
    const dir = tempDir('erofs');
    const line = `mkdir ${dir}/of ${dir}/at && echo text >${dir}/of/file && mkfs.erofs ${dir}/image ${dir}/of >/dev/null 2>&1 && mount -t erofs -o loop ${dir}/image ${dir}/at && cat ${dir}/at/file; umount ${dir}/at`;
    expect(sh(line).stdout).toBe('text\n');
  });

  test('makes a thin pool of the device mapper, and a volume of it', () => {
    const dir = tempDir('thin');
    const name = `ctr-test-${process.pid}`;
    for (const [file, size] of [
      ['meta', 8],
      ['data', 64],
    ] as const) {
      writeFileSync(join(dir, file), '');
      truncateSync(join(dir, file), size << 20);
    }
    // Documentation/admin-guide/device-mapper/thin-provisioning.rst
    const { stdout, stderr } = sh(`
      meta=$(losetup -f --show ${dir}/meta) && data=$(losetup -f --show ${dir}/data) &&
      dmsetup create ${name} --table "0 131072 thin-pool $meta $data 128 0" &&
      dmsetup message ${name} 0 'create_thin 0' &&
      dmsetup create ${name}-0 --table "0 65536 thin /dev/mapper/${name} 0" &&
      dmsetup status ${name}-0
      dmsetup remove --retry ${name}-0; dmsetup remove --retry ${name}; losetup -d $meta $data`);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^0 65536 thin 0 -$/m), '']);
  });
});

describe('a container with limits, under systemd', () => {
  const limited = (script: string, resources: object) =>
    makeBundle(['/bin/sh', '-c', script], (spec) => {
      spec.linux!.resources = { ...spec.linux!.resources, ...resources };
    });

  test('cannot have more memory than its limit: it is killed', () => {
    const bundle = limited('x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo had it', {
      memory: { limit: 32 << 20, swap: 32 << 20 },
    });
    const { status, stdout } = runTool('ctr-run', ['run', '--bundle', bundle, testId()], {
      timeout: 120_000,
    });
    expect(stdout).not.toContain('had it');
    expect(status).not.toBe(0);
  });

  test('cannot have more processes than its limit', () => {
    const bundle = limited('for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait', { pids: { limit: 5 } });
    const { stderr } = runTool('ctr-run', ['run', '--bundle', bundle, testId()], { timeout: 120_000 });
    expect(stderr).toMatch(/fork/);
  });

  test('opens only the devices that its rules allow', () => {
    const look = 'for d in null full zero; do (: >/dev/$d) 2>/dev/null && echo $d || echo no $d; done';
    const bundle = limited(look, {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
        { allow: true, type: 'c', major: 1, minor: 5, access: 'r' },
      ],
    });
    const ours = runTool('ctr-run', ['run', '--bundle', bundle, testId()], { timeout: 120_000 });
    const theirs = run('runc', ['run', '--bundle', bundle, testId()], { timeout: 120_000 });
    // runc adds the default devices to any rules, and so must we (runtime-spec, config-linux.md, Default Devices).
    expect([ours.stdout, ours.stderr]).toEqual([theirs.stdout, theirs.stderr]);
  });
});
