/** What `--show` finds in a group's files, which here are ordinary ones. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { inspect } from '../src/act/inspect.ts';
import { labelOf } from '../src/act/table.ts';
import type { Target } from '../src/act/target.ts';

const all = ['memory', 'cpu', 'cpuset', 'pids', 'hugetlb', 'rdma'];
const v1 = [...all, 'blkio', 'devices', 'net_cls', 'net_prio'];
const v2 = [...all, 'io', 'misc'];

/** Lines of a group with these files, as `name limit`. */
function shown(version: 1 | 2, files: Record<string, string>): string[] {
  const directory = tempDir('group');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), `${text}\n`);
  const place = { version, controllers: version === 1 ? v1 : v2, directory, mountPoint: '/cg' };
  const target: Target = { name: 'web', places: [place] };
  return inspect(target, ['2MB']).lines.map((l) => `${l.name}: ${l.limit}`);
}

test('each limit of v1 that is set', () => {
  expect(
    shown(1, {
      'memory.soft_limit_in_bytes': '1048576',
      'memory.kmem.tcp.limit_in_bytes': '4096',
      'memory.swappiness': '7',
      'memory.oom_control': 'oom_kill_disable 1\nunder_oom 0\noom_kill 0',
      'cpu.cfs_burst_us': '20000',
      'cpu.idle': '1',
      'cpu.rt_runtime_us': '5000',
      'cpu.rt_period_us': '1000000',
      'blkio.bfq.weight': '300',
      'blkio.bfq.weight_device': 'default 300\n8:0 400',
      'blkio.throttle.read_iops_device': '8:0 5',
      'hugetlb.2MB.rsvd.limit_in_bytes': '2097152',
      'devices.list': 'c 1:3 rwm\nb *:* m',
      'net_cls.classid': '16',
      'net_prio.ifpriomap': 'lo 0\neth0 3',
      'rdma.max': 'mlx4_0 hca_handle=2 hca_object=max\nocrdma1 hca_handle=max hca_object=max',
    }),
  ).toEqual([
    'io 8:0 read ops/s: 5',
    'memory soft: 1048576',
    'tcp buffers: 4096',
    'swappiness: 7',
    'oom killer: off',
    'cpu burst: 20ms',
    'cpu idle: on',
    'cpu realtime: 5ms of 1s',
    'io weight: 300',
    'io weight 8:0: 400',
    'hugetlb 2MB reserved: 2097152',
    'device c 1:3: rwm',
    'device b *:*: m',
    'net class: 0x10',
    'net priority eth0: 3',
    'rdma mlx4_0: hca_handle=2',
  ]);
});

test('each limit of v2 that is set, of devices without statistics too', () => {
  expect(
    shown(2, {
      'memory.min': '4096',
      'memory.oom.group': '1',
      'cpu.max.burst': '1000',
      'cpu.idle': '1',
      'cpuset.cpus.partition': 'root',
      'io.max': '8:0 rbps=max wbps=1048576 riops=9 wiops=max',
      'io.weight': 'default 50\n8:16 70',
      'hugetlb.2MB.rsvd.max': '0',
      'misc.max': 'res_a max\nres_b 4',
      'misc.current': 'res_a 0\nres_b 1',
      'cgroup.max.depth': '3',
    }),
  ).toEqual([
    'io 8:0 read: max',
    'io 8:0 write: 1048576',
    'io 8:0 read ops/s: 9',
    'memory min: 4096',
    'oom group: on',
    'cpu burst: 1ms',
    'cpu idle: on',
    'cpus partition: root',
    'io weight: 50',
    'io weight 8:16: 70',
    'hugetlb 2MB reserved: 0',
    'misc res_b: 4',
    'depth below: 3',
  ]);
});

test('what the kernel gives a new group stays out', () => {
  expect(
    shown(1, {
      'memory.soft_limit_in_bytes': '9223372036854771712',
      'memory.kmem.tcp.limit_in_bytes': '9223372036854771712',
      'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 0',
      'cpu.cfs_burst_us': '0',
      'cpu.idle': '0',
      'cpu.rt_runtime_us': '0',
      'blkio.bfq.weight': '100',
      'blkio.bfq.weight_device': 'default 100',
      'devices.list': 'a *:* rwm',
      'net_cls.classid': '0',
      'net_prio.ifpriomap': 'lo 0',
      'cpuset.cpu_exclusive': '0',
    }),
  ).toEqual([]);
  expect(
    shown(2, {
      'memory.min': '0',
      'memory.oom.group': '0',
      'memory.swap.high': 'max',
      'memory.zswap.max': 'max',
      'cpu.max.burst': '0',
      'cpu.idle': '0',
      'cpu.uclamp.min': '0.00',
      'cpu.uclamp.max': 'max',
      'cpuset.cpus.partition': 'member',
      'io.max': '',
      'io.weight': 'default 100',
      'cgroup.max.depth': 'max',
      'cgroup.max.descendants': 'max',
      'misc.max': 'res_a max',
    }),
  ).toEqual([]);
});

test('a device number has the name that the kernel gives it, where it has one', () => {
  expect(labelOf('device c 1:3 rw')).toBe('device c 1:3 (null) rw');
  expect(labelOf('device c 4095:1048575 rw')).toBe('device c 4095:1048575 rw');
  expect(labelOf('io 4095:1 read')).toBe('io 4095:1 read');
  expect(labelOf('memory')).toBe('memory');
});
