import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run, tempDir } from '../../../test/support.ts';
import { amend } from '../src/amend.ts';
import { memoryShare } from '../src/controllers/machine.ts';
import { options } from '../src/options.ts';
import { merge } from '../src/resources.ts';
import { host, parsed } from './fixtures.ts';

const resources = (flags: Record<string, string | readonly string[]>) =>
  options(parsed(flags), host).resources;

describe('values as people write them', () => {
  test.each([
    [{ memory: '512M' }, { memory: { limit: 536870912 } }],
    [{ memory: 'max', 'memory-swap': '-1' }, { memory: { limit: -1, swap: -1 } }],
    [{ cpus: '1.5' }, { cpu: { quota: 150000, period: 100000 } }],
    [{ cpus: '50%' }, { cpu: { quota: 50000, period: 100000 } }],
    [{ cpus: '2', 'cpu-period': '10ms' }, { cpu: { quota: 20000, period: 10000 } }],
    [{ cpus: 'max' }, { cpu: { quota: -1 } }],
    [{ 'cpu-quota': '50000', 'cpu-burst': '1ms' }, { cpu: { quota: 50000, burst: 1000 } }],
    [{ 'cpuset-cpus': '0-2,5' }, { cpu: { cpus: '0-2,5' } }],
    [{ 'pids-limit': 'max' }, { pids: { limit: -1 } }],
    [{ 'memory-reservation': '0' }, { memory: { reservation: 0 } }],
    [{ 'cpu-rt-runtime': '0' }, { cpu: { realtimeRuntime: 0 } }],
    [{ 'cpu-idle': '' }, { cpu: { idle: 1 } }],
    [{ 'cpu-idle': '0', 'cpu-shares': '4' }, { cpu: { idle: 0, shares: 4 } }],
    [{ 'cpu-idle': 'false' }, { cpu: { idle: 0 } }],
    [
      { 'device-write-bps': '8:0:10MB/s' },
      { blockIO: { throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 10485760 }] } },
    ],
    [
      { 'io-max': '8:16:rbps=1M,wiops=120' },
      {
        blockIO: {
          throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 1048576 }],
          throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 120 }],
        },
      },
    ],
    [{ hugetlb: '2M:64M' }, { hugepageLimits: [{ pageSize: '2MB', limit: 67108864 }] }],
    [{ rdma: 'mlx5_0:hca_handle=2' }, { rdma: { mlx5_0: { hcaHandles: 2 } } }],
    [{ misc: ['sev:3', 'sgx_epc:max'] }, { unified: { 'misc.max': 'sev 3\nsgx_epc max' } }],
    [
      { set: ['memory.high=1.5G', 'io.weight=default 200'] },
      { unified: { 'memory.high': '1610612736', 'io.weight': 'default 200' } },
    ],
    [{ 'net-cls': '0x100001' }, { network: { classID: 0x100001 } }],
    [
      { 'device-deny': 'c 10:229 rwm' },
      { devices: [{ allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' }] },
    ],
    [{ device: 'all' }, { devices: [{ allow: true, access: 'rwm' }] }],
  ])('%o', (flags, expected) => expect(resources(flags)).toEqual(expected));

  test('allowing a device denies the others but the usual ones', () => {
    const { devices } = resources({ device: '/dev/null:r' });
    expect(devices![0]).toEqual({ allow: false, access: 'rwm' });
    expect(devices!.at(-1)).toEqual({ allow: true, type: 'c', major: 1, minor: 3, access: 'r' });
  });
});

describe('what does not parse', () => {
  test.each([
    [{ memory: '12Q' }, 'is not a value for --memory'],
    [{ memory: '0' }, 'max is no limit'],
    [{ memory: '2M', 'memory-swap': '1M' }, 'at least --memory'],
    [{ memory: '16E' }, 'more than a'],
    [{ cpus: '0' }, '--cpus is "0"'],
    [{ cpus: 'two' }, '--cpus is "two"'],
    [{ cpus: '0.001' }, 'too little'],
    [{ cpus: '1', 'cpu-quota': '5000' }, 'same thing'],
    [{ 'cpu-shares': '1' }, 'between 2 and 262144'],
    [{ 'cpuset-cpus': '0-' }, 'numbers and ranges'],
    [{ 'pids-limit': '-5' }, 'not a value for --pids-limit'],
    [{ 'pids-limit': '4194305' }, 'between 1 and 4194304'],
    [{ 'blkio-weight': '5' }, 'between 10 and 1000'],
    [{ 'device-read-bps': '/dev/null:1M' }, 'not a block device'],
    [{ 'device-read-bps': '/dev/not-there:1M' }, 'there is no /dev/not-there'],
    [{ 'device-read-bps': '8:0' }, 'is not a device'],
    [{ 'device-read-bps': '8:0:0' }, 'would stop it'],
    [{ 'io-max': '8:0:speed=1' }, 'rbps, wbps, riops and wiops'],
    [{ device: 'null' }, 'give a path'],
    [{ device: '/etc/passwd' }, 'is not a device'],
    [{ 'device-cgroup-rule': 'c 1 rwm' }, 'is not a device rule'],
    [{ set: 'memory=1' }, 'give FILE=VALUE'],
    [{ cgroup: '/a/../b' }, 'climbs with ".."'],
    [{ cgroup: '/' }, 'the root holds the whole machine'],
    [{ cgroup: '//' }, 'the root holds the whole machine'],
    [{ cgroup: 'tasks' }, 'name of a file that every group has'],
    [{ cgroup: '/a/cgroup.procs' }, 'name of a file that every group has'],
    [{ 'memory-swap': '0' }, '--memory-swap 0 is no limit'],
    [{ 'memory-reservation': 'max' }, '0 takes it off'],
    [{ 'kernel-memory-tcp': '0' }, 'max is no limit'],
    [{ 'cpu-quota': '0' }, 'max is no limit'],
    [{ 'cpu-period': '0' }, '1ms to 1s'],
    [{ 'cpu-period': 'max' }, '1ms to 1s'],
    [{ 'cpu-rt-period': '0' }, 'a length of time'],
    [{ 'cpu-idle': '', 'cpu-shares': '4' }, 'exclude each other'],
    [{ 'cpu-idle': '1', 'cpu-weight': '4' }, 'exclude each other'],
    [{ 'cpu-idle': 'yes' }, '1, or 0 to end it'],
    [{ hugetlb: '64M' }, 'give PAGESIZE:SIZE'],
    [{ 'net-prio': 'lo' }, 'give INTERFACE:N'],
    [{ manager: 'dbus' }, 'files or systemd'],
    [{ join: '', memory: '1M' }, 'enters a group as it is'],
  ])('%o', (flags, words) => expect(() => resources(flags as Record<string, string>)).toThrow(words));
});

describe('amending', () => {
  const spec = {
    ociVersion: '1.2.0',
    linux: {
      cgroupsPath: '/old',
      resources: { memory: { limit: 100, swap: 150, reservation: 50 }, devices: [{ allow: false }] },
    },
  };
  test('what was given replaces, all else stays, and the argument is not touched', () => {
    const before = JSON.stringify(spec);
    const given = options(parsed({ 'pids-limit': '5', cgroup: '/new', 'device-deny': 'c 1:3 rwm' }), host);
    expect(amend(spec, given)).toEqual({
      ociVersion: '1.2.0',
      linux: {
        cgroupsPath: '/new',
        resources: {
          memory: { limit: 100, swap: 150, reservation: 50 },
          pids: { limit: 5 },
          devices: [{ allow: false }, { allow: false, type: 'c', major: 1, minor: 3, access: 'rwm' }],
        },
      },
    });
    expect(JSON.stringify(spec)).toBe(before);
  });
  test('a sum that the new memory limit exceeds cannot stay', () => {
    expect(merge(spec.linux.resources, { memory: { limit: 200 } }).memory).toEqual({
      limit: 200,
      reservation: 50,
    });
    expect(merge(spec.linux.resources, { memory: { limit: 120 } }).memory).toEqual({
      limit: 120,
      swap: 150,
      reservation: 50,
    });
  });
  test('throttles are replaced device by device', () => {
    const of = (minor: number, rate: number) => ({
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor, rate }] },
    });
    const two = merge(of(0, 1), of(16, 2));
    expect(merge(two, of(0, 3)).blockIO!.throttleReadBpsDevice).toEqual([
      { major: 8, minor: 16, rate: 2 },
      { major: 8, minor: 0, rate: 3 },
    ]);
  });
});

describe('over what a spec or a document has', () => {
  const memory = { limit: 64 << 20, swap: 80 << 20 };
  test('memory and swap have to fit', () => {
    expect(() => merge({ memory }, { memory: { swap: 32 << 20 } })).toThrow('below the memory limit');
    expect(() => merge({ memory: { limit: -1 } }, { memory: { swap: 32 << 20 } })).toThrow('not limited');
    expect(merge({ memory }, { memory: { limit: -1 } }).memory).toEqual({ limit: -1 });
  });
  test('shares would say nothing where it is idle', () => {
    expect(() => merge({ cpu: { idle: 1 } }, { cpu: { shares: 4 } })).toThrow('--cpu-idle=0');
    expect(merge({ cpu: { idle: 1 } }, { cpu: { shares: 4, idle: 0 } }).cpu).toEqual({ shares: 4, idle: 0 });
  });

  const document = {
    blockIO: { throttleWriteBpsDevice: [{ major: 254, minor: 0, rate: 1000 }] },
    network: {
      classID: 7,
      priorities: [
        { name: 'lo', priority: 1 },
        { name: 'eth0', priority: 2 },
      ],
    },
    rdma: { mlx5_0: { hcaHandles: 3 }, mlx5_1: { hcaObjects: 4 } },
    hugepageLimits: [{ pageSize: '2MB', limit: 1 }],
    unified: { 'misc.max': 'sev 3', 'io.max': '8:0 rbps=1', 'memory.high': '1' },
  };
  const flags = {
    'device-write-bps': '7:0:2M',
    'net-prio': 'lo:5',
    rdma: 'mlx5_0:hca_object=2',
    hugetlb: '2MB:2M',
    misc: 'sgx_epc:1',
    set: ['io.max=8:0 wbps=2', 'memory.high=2'],
  };
  const merged = {
    blockIO: {
      throttleWriteBpsDevice: [
        { major: 254, minor: 0, rate: 1000 },
        { major: 7, minor: 0, rate: 2 << 20 },
      ],
    },
    network: {
      classID: 7,
      priorities: [
        { name: 'eth0', priority: 2 },
        { name: 'lo', priority: 5 },
      ],
    },
    rdma: { mlx5_0: { hcaHandles: 3, hcaObjects: 2 }, mlx5_1: { hcaObjects: 4 } },
    hugepageLimits: [{ pageSize: '2MB', limit: 2 << 20 }],
    unified: { 'misc.max': 'sev 3\nsgx_epc 1', 'io.max': '8:0 rbps=1\n8:0 wbps=2', 'memory.high': '2' },
  };
  const given = (content: unknown, more: Record<string, string | readonly string[]> = {}) => {
    const file = join(tempDir('resources'), 'resources.json');
    writeFileSync(file, JSON.stringify(content));
    return resources({ resources: file, ...more });
  };
  test('a document keeps what the flags do not name', () => expect(given(document, flags)).toEqual(merged));
  test('and so does a spec', () => expect(merge(document, resources(flags))).toEqual(merged));
  test('0 in a document is not set, but for what has no other word', () =>
    expect(
      given({
        memory: { limit: 0, swap: 0, reservation: 0, swappiness: 0 },
        cpu: { shares: 0, quota: 0, realtimeRuntime: 0 },
        pids: { limit: 0 },
      }),
    ).toEqual({ memory: { swappiness: 0 }, pids: { limit: 0 } }));
  test.each([{ ociVersion: '1.0.2' }, { linux: { resources: document } }])(
    'a whole spec is refused',
    (spec) => expect(() => given(spec)).toThrow('it is a whole spec; give what is in its linux.resources'),
  );
});

describe('shares of the machine', () => {
  const meminfo = /^MemTotal: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]!;
  const half = (BigInt(meminfo) * 1024n) / 2n;

  test('of its memory and its processes', () => {
    const { memory, pids, unified } = resources({
      memory: '50%',
      'memory-high': '25%',
      'memory-reservation': '.5%',
      'pids-limit': '10%',
    });
    expect(BigInt(memory!.limit!)).toBe((half / 4096n) * 4096n);
    expect(BigInt(unified!['memory.high']!)).toBe((half / 2n / 4096n) * 4096n);
    expect(Number(memory!.reservation)).toBeGreaterThan(0);
    const most = Math.min(
      ...['pid_max', 'threads-max'].map((name) => Number(readFileSync(`/proc/sys/kernel/${name}`, 'utf8'))),
    );
    expect(pids).toEqual({ limit: Math.floor(most / 10) });
    expect(memoryShare(500_000n, true, 'MemTotal:  8 kB\nSwapTotal:  8 kB\n')).toBe(8192n);
    expect(memoryShare(500_000n, false, 'MemTotal:  16 kB\nSwapTotal:  8 kB\n')).toBe(8192n);
  });

  test.each(['0%', '101%', '1e3%', '%', '-5%'])('%s is none', (text) => {
    expect(() => resources({ memory: text })).toThrow(/share of the machine|is not a value for --memory/);
    expect(() => resources({ 'pids-limit': text })).toThrow();
  });

  test('a disk by what lies on it', () => {
    const path = tempDir('disk');
    const found = run('findmnt', ['-no', 'MAJ:MIN,FSTYPE', '-T', path]).stdout.trim().split(/\s+/);
    if (found[0]!.startsWith('0:')) {
      expect(() => resources({ 'device-read-bps': `${path}:1M` })).toThrow(/without a block device/);
      return;
    }
    const disk = run('lsblk', ['-ndo', 'PKNAME', `/dev/block/${found[0]}`]).stdout.trim();
    const at = `/sys/dev/block/${found[0]}`;
    const whole = disk === '' ? found[0]! : readFileSync(`/sys/class/block/${disk}/dev`, 'utf8').trim();
    expect(existsSync(at)).toBe(true);
    const [major, minor] = whole.split(':').map(Number);
    expect(resources({ 'device-read-bps': `${path}:1M` })).toEqual({
      blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 1048576 }] },
    });
    expect(() => resources({ 'device-read-bps': '/proc/self:1M' })).toThrow(
      '/proc/self lies on proc without a block device; give a device (/dev/vda)',
    );
  });
});

test('by what a list of groups is sorted', () => {
  const of = (flags: Record<string, string>) => () => options(parsed(flags), host);
  expect(of({ show: '', sort: 'colour' })).toThrow(
    '--sort is "colour"; it is memory, cpu, processes or name',
  );
  expect(options(parsed({ show: '', sort: 'cpu' }), host).sort).toBe('cpu');
});
