import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { hugePageSizes } from '@ctr-tools/cg-limit/acts';
import { Failure } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import type { Found } from '../state/record.ts';

/** Statistics in the shape that engines decode (runc, types/events.go, Stats). */
export type ContainerStats = Record<string, unknown>;

const unlimited = 18446744073709551615n;

/** The files of one group; what is missing reads as nothing. */
class Group {
  private readonly directory: string | undefined;
  constructor(directory: string | undefined) {
    this.directory = directory;
  }

  text(file: string): string | undefined {
    if (this.directory === undefined) return undefined;
    try {
      return readText(`${this.directory}/${file}`).trim();
    } catch {
      return undefined;
    }
  }

  /** `max` reads as the largest uint64, which is how runc writes "no limit". */
  number(file: string): number | bigint | undefined {
    const text = this.text(file);
    if (text === undefined) return undefined;
    return text === 'max' ? unlimited : Number(text);
  }

  /** `name value` lines. */
  table(file: string): Record<string, number> {
    const lines = (this.text(file) ?? '').split('\n').map((line) => line.split(' '));
    return Object.fromEntries(
      lines.filter((w) => w.length === 2).map(([name, value]) => [name!, Number(value)]),
    );
  }
}

/** Read the statistics of a container's groups. */
export function statsOf({ id, cgroup }: Found): ContainerStats {
  if (!cgroup) throw new Failure(`container ${id} has no cgroup, which would count for it`);
  const { memory } = cgroup.paths;
  return memory === undefined ? unifiedStats(cgroup) : v1Stats(cgroup);
}

/** cgroup v1: cpuacct.rst, memory.rst, pids.rst, blkio-controller.rst. */
function v1Stats({ paths }: CgroupRecord): ContainerStats {
  const at = (name: string): Group => new Group(paths[name]);
  const ticks = at('cpuacct').table('cpuacct.stat');
  const cpu = at('cpu').table('cpu.stat');
  const memory = at('memory');
  const raw = memory.table('memory.stat');
  const entry = (kind: string) => ({
    limit: memory.number(`${kind}.limit_in_bytes`) ?? 0,
    usage: memory.number(`${kind}.usage_in_bytes`),
    max: memory.number(`${kind}.max_usage_in_bytes`),
    failcnt: memory.number(`${kind}.failcnt`) ?? 0,
  });
  return {
    cpu: {
      usage: {
        total: at('cpuacct').number('cpuacct.usage'),
        percpu: at('cpuacct').text('cpuacct.usage_percpu')?.split(/\s+/).map(Number),
        percpu_kernel: perCpu(at('cpuacct'), 'system'),
        percpu_user: perCpu(at('cpuacct'), 'user'),
        // USER_HZ is 100 on every architecture that we run on (time(7)).
        kernel: (ticks.system ?? 0) * 10_000_000,
        user: (ticks.user ?? 0) * 10_000_000,
      },
      throttling: {
        periods: cpu.nr_periods,
        throttledPeriods: cpu.nr_throttled,
        throttledTime: cpu.throttled_time,
      },
    },
    memory: {
      cache: raw.cache,
      usage: entry('memory'),
      swap: entry('memory.memsw'),
      kernel: entry('memory.kmem'),
      kernelTCP: entry('memory.kmem.tcp'),
      raw,
    },
    pids: pids(at('pids')),
    blkio: {
      ioServiceBytesRecursive: v1Io(at('blkio').text('blkio.throttle.io_service_bytes_recursive')),
      ioServicedRecursive: v1Io(at('blkio').text('blkio.throttle.io_serviced_recursive')),
    },
    // In a hybrid layout the controller may be in v2 (cgroups(7)).
    hugetlb: paths.hugetlb === undefined ? unifiedHuge(at('unified')) : v1Huge(at('hugetlb')),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** A column of cpuacct.usage_all: nanoseconds by CPU, under the names `user` and `system` (cpuacct.c). */
function perCpu(group: Group, column: 'user' | 'system'): number[] | undefined {
  const [head, ...rows] = (group.text('cpuacct.usage_all') ?? '').split('\n').map((row) => row.split(' '));
  const at = head?.indexOf(column) ?? -1;
  return at < 0 ? undefined : rows.map((row) => Number(row[at]));
}

/** hugetlb.rst, by page size (`2MB`): what is reserved where the kernel counts it, else what is used. */
function v1Huge(group: Group): Record<string, unknown> {
  return huge((size) => {
    const kind = group.text(`hugetlb.${size}.rsvd.usage_in_bytes`) === undefined ? size : `${size}.rsvd`;
    const number = (name: string) => group.number(`hugetlb.${kind}.${name}`);
    return { usage: number('usage_in_bytes'), max: number('max_usage_in_bytes'), failcnt: number('failcnt') };
  });
}

/** cgroup-v2.rst, HugeTLB. */
function unifiedHuge(group: Group): Record<string, unknown> {
  return huge((size) => {
    const kind = group.text(`hugetlb.${size}.rsvd.current`) === undefined ? size : `${size}.rsvd`;
    const usage = group.number(`hugetlb.${kind}.current`);
    return {
      usage,
      failcnt: usage === undefined ? undefined : (group.table(`hugetlb.${size}.events`).max ?? 0),
    };
  });
}

function huge(of: (size: string) => { usage: unknown }): Record<string, unknown> {
  const entries = hugePageSizes().map((size) => [size, of(size)] as const);
  return Object.fromEntries(entries.filter(([, { usage }]) => usage !== undefined));
}

/** cgroup v2: cgroup-v2.rst, Controllers. */
function unifiedStats({ paths }: CgroupRecord): ContainerStats {
  const group = new Group(paths.unified);
  const cpu = group.table('cpu.stat');
  const events = group.table('memory.events');
  const raw = group.table('memory.stat');
  const us = (name: string): number => (cpu[name] ?? 0) * 1000;
  return {
    cpu: {
      usage: { total: us('usage_usec'), kernel: us('system_usec'), user: us('user_usec') },
      throttling: {
        periods: cpu.nr_periods,
        throttledPeriods: cpu.nr_throttled,
        throttledTime: us('throttled_usec'),
      },
      ...pressure(group, 'cpu'),
    },
    memory: {
      cache: raw.file,
      usage: {
        limit: group.number('memory.max') ?? 0,
        usage: group.number('memory.current'),
        max: group.number('memory.peak'),
        failcnt: events.max ?? 0,
      },
      // Readers expect v1's sum of memory and swap here (runc, fscommon; kubelet and podman subtract).
      swap: {
        limit: sum(group.number('memory.max'), group.number('memory.swap.max')) ?? 0,
        usage: sum(group.number('memory.current'), group.number('memory.swap.current')),
        failcnt: group.table('memory.swap.events').max ?? 0,
      },
      raw,
      ...pressure(group, 'memory'),
    },
    pids: pids(group),
    blkio: {
      ioServiceBytesRecursive: unifiedIo(group.text('io.stat'), { rbytes: 'Read', wbytes: 'Write' }),
      ioServicedRecursive: unifiedIo(group.text('io.stat'), { rios: 'Read', wios: 'Write' }),
      ...pressure(group, 'io'),
    },
    hugetlb: unifiedHuge(group),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** "No limit" stays what it is. */
function sum(a: number | bigint | undefined, b: number | bigint | undefined): number | bigint | undefined {
  if (a === undefined || b === undefined) return a;
  return a === unlimited || b === unlimited ? unlimited : Number(a) + Number(b);
}

/** Pressure stall information (psi.rst) in runc's shape; absent where the kernel keeps none. */
function pressure(group: Group, of: 'cpu' | 'memory' | 'io'): { psi?: Record<string, unknown> } {
  const lines = (group.text(`${of}.pressure`) ?? '').split('\n').filter(Boolean);
  if (lines.length === 0) return {};
  const psi = lines.map((line) => {
    const [kind, ...words] = line.split(' ');
    return [kind!, Object.fromEntries(words.map((word) => word.split('=')).map(([k, v]) => [k!, Number(v)]))];
  });
  return { psi: Object.fromEntries(psi) as Record<string, unknown> };
}

const pids = (group: Group) => ({
  current: group.number('pids.current'),
  // No limit is left out, as runc leaves zero out.
  ...(group.text('pids.max') !== 'max' && { limit: group.number('pids.max') }),
});

interface IoEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** `8:0 Read 4096` lines. */
function v1Io(text: string | undefined): IoEntry[] {
  return [...(text ?? '').matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op, value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op!,
    value: Number(value),
  }));
}

/** `8:0 rbytes=4096 wbytes=0 rios=1 …` lines, under v1's names of the operations. */
function unifiedIo(text: string | undefined, names: Record<string, string>): IoEntry[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const device = /^(\d+):(\d+) /.exec(line);
    if (!device) return [];
    return Object.entries(names).flatMap(([key, op]) => {
      const value = new RegExp(`${key}=(\\d+)`).exec(line)?.[1];
      return value === undefined
        ? []
        : [{ major: Number(device[1]), minor: Number(device[2]), op, value: Number(value) }];
    });
  });
}
