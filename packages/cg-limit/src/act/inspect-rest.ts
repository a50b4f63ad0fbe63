/**
 * The limits that have no use, peak or pressure beside them: each that is set, which is that it
 * differs from what the kernel gives a new group. Files by Documentation/admin-guide/cgroup-v1/*.rst and cgroup-v2.rst.
 */

import { formatDuration } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import type { Line } from './inspect.ts';
import { readIn, V1_UNLIMITED } from './read-file.ts';
import { type Place, placeOf, type Target } from './target.ts';

type Read = (file: string) => string | undefined;

const reader =
  (place: Place | undefined): Read =>
  (file) =>
    readIn(place, file);

const line = (name: string, unit: Line['unit'], limit: number | string): Line => ({ name, unit, limit });

/** A number where it is another than `usual`; `max` and v1's largest are none. */
function amount(name: string, unit: Line['unit'], text: string | undefined, usual = 0): Line[] {
  if (text === undefined || !/^\d+$/.test(text)) return [];
  const value = Number(text);
  return value === usual || value >= V1_UNLIMITED ? [] : [line(name, unit, value)];
}

const flag = (name: string, text: string | undefined, says = 'on'): Line[] =>
  text === '1' ? [line(name, 'text', says)] : [];

const rows = (text: string | undefined): string[][] =>
  (text ?? '')
    .split('\n')
    .filter(Boolean)
    .map((row) => row.split(' '));

const microseconds = (text: string): string => formatDuration(Number(text) * 1000);

function memory(read: Read, version: 1 | 2): Line[] {
  if (version === 2)
    return [
      ...amount('memory min', 'bytes', read('memory.min')),
      ...amount('swap high', 'bytes', read('memory.swap.high'), Number.NaN),
      ...amount('zswap', 'bytes', read('memory.zswap.max'), Number.NaN),
      ...flag('oom group', read('memory.oom.group')),
    ];
  return [
    ...amount('memory soft', 'bytes', read('memory.soft_limit_in_bytes'), Number.NaN),
    ...amount('tcp buffers', 'bytes', read('memory.kmem.tcp.limit_in_bytes'), Number.NaN),
    ...amount('swappiness', 'count', read('memory.swappiness'), usualSwappiness()),
    ...flag('oom killer', /^oom_kill_disable (\d)/.exec(read('memory.oom_control') ?? '')?.[1], 'off'),
  ];
}

/** Groups begin with the machine's (memory.rst 5.3). */
function usualSwappiness(): number {
  try {
    return Number(readText('/proc/sys/vm/swappiness'));
  } catch {
    return 60;
  }
}

function cpu(read: Read, version: 1 | 2): Line[] {
  const burst = read(version === 1 ? 'cpu.cfs_burst_us' : 'cpu.max.burst');
  const realtime = read('cpu.rt_runtime_us');
  const clamp = (which: string, usual: string): Line[] => {
    const text = read(`cpu.uclamp.${which}`);
    return text === undefined || text === usual
      ? []
      : [line(`cpu uclamp ${which}`, 'text', text === 'max' ? '100%' : `${text}%`)];
  };
  return [
    ...(burst && burst !== '0' ? [line('cpu burst', 'text', microseconds(burst))] : []),
    ...flag('cpu idle', read('cpu.idle')),
    ...(realtime && realtime !== '0'
      ? [
          line(
            'cpu realtime',
            'text',
            realtime === '-1'
              ? 'any'
              : `${microseconds(realtime)} of ${microseconds(read('cpu.rt_period_us') ?? '1000000')}`,
          ),
        ]
      : []),
    ...clamp('min', '0.00'),
    ...clamp('max', 'max'),
  ];
}

function cpuset(read: Read): Line[] {
  const partition = read('cpuset.cpus.partition');
  const exclusive = read('cpuset.cpus.exclusive');
  return [
    ...(partition && partition !== 'member' ? [line('cpus partition', 'text', partition)] : []),
    ...(exclusive ? [line('cpus exclusive', 'text', exclusive)] : []),
    ...flag('cpus exclusive', read('cpuset.cpu_exclusive')),
    ...flag('mems exclusive', read('cpuset.mem_exclusive')),
  ];
}

/** Weights: 100 with BFQ and io.weight, 500 with CFQ, which went with Linux 5.0 (blkio-controller.rst of 4.20). */
function io(read: Read): Line[] {
  const weights = (file: string, name: string, usual: string): Line[] =>
    rows(read(file)).flatMap((words) => {
      // The weight alone, or behind `default` or a device's numbers.
      const [device, weight] = words.length === 1 ? ['default', words[0]!] : [words[0]!, words[1]!];
      if (device === 'default') return weight === usual ? [] : [line(name, 'count', Number(weight))];
      return [line(`${name} ${device}`, 'count', Number(weight))];
    });
  const perDevice = (file: string, name: string): Line[] =>
    weights(file, name, '').filter((found) => found.name !== name);
  return [
    ...weights('blkio.bfq.weight', 'io weight', '100'),
    ...perDevice('blkio.bfq.weight_device', 'io weight'),
    ...weights('blkio.weight', 'io weight', '500'),
    ...perDevice('blkio.weight_device', 'io weight'),
    ...weights('io.weight', 'io weight', '100'),
    ...weights('io.bfq.weight', 'io bfq weight', '100'),
    ...rows(read('io.latency')).map(([device, ...words]) =>
      line(`io ${device} latency`, 'text', words.join(' ')),
    ),
  ];
}

const hugetlb = (read: Read, version: 1 | 2, pages: readonly string[]): Line[] =>
  pages.flatMap((page) =>
    amount(
      `hugetlb ${page} reserved`,
      'bytes',
      read(`hugetlb.${page}.rsvd.${version === 1 ? 'limit_in_bytes' : 'max'}`),
      Number.NaN,
    ),
  );

/** The list of v1; that of v2 is a program, which nothing can read back. */
function devices(read: Read): Line[] {
  const list = rows(read('devices.list'));
  if (list.length === 1 && list[0]![0] === 'a') return [];
  if (read('devices.list') === '') return [line('devices', 'text', 'none')];
  return list.map(([type, numbers, access]) => line(`device ${type} ${numbers}`, 'text', access ?? ''));
}

function network(target: Target): Line[] {
  const id = Number(reader(placeOf(target, 'net_cls'))('net_cls.classid') ?? 0);
  const priorities = rows(reader(placeOf(target, 'net_prio'))('net_prio.ifpriomap'));
  return [
    ...(id ? [line('net class', 'text', `0x${id.toString(16)}`)] : []),
    ...priorities.flatMap(([name, priority]) =>
      priority && priority !== '0' ? [line(`net priority ${name}`, 'count', Number(priority))] : [],
    ),
  ];
}

/** rdma.max and misc.max have a line for each thing, with `max` for what is not limited. */
function things(target: Target): Line[] {
  const rdma = rows(reader(placeOf(target, 'rdma'))('rdma.max')).flatMap(([device, ...words]) => {
    const limited = words.filter((word) => !word.endsWith('=max'));
    return limited.length > 0 ? [line(`rdma ${device}`, 'text', limited.join(' '))] : [];
  });
  const misc = placeOf(target, 'misc');
  const used = new Map(rows(reader(misc)('misc.current')).map(([name, n]) => [name, Number(n)]));
  return [
    ...rdma,
    ...rows(reader(misc)('misc.max')).flatMap(([name, limit]) =>
      amount(`misc ${name}`, 'count', limit, Number.NaN).map((found) => ({
        ...found,
        ...(used.has(name) && { use: used.get(name)! }),
      })),
    ),
  ];
}

/** Every limit that is set, but for those that stand beside their use already. */
export function restLines(target: Target, pages: readonly string[]): Line[] {
  const of = (lines: (read: Read, version: 1 | 2) => Line[], ...controllers: readonly string[]): Line[] => {
    const place = controllers.map((name) => placeOf(target, name)).find((found) => found !== undefined);
    return place ? lines(reader(place), place.version) : [];
  };
  return [
    ...of(memory, 'memory'),
    ...of(cpu, 'cpu'),
    ...of(cpuset, 'cpuset'),
    ...of(io, 'blkio', 'io'),
    ...of((read, version) => hugetlb(read, version, pages), 'hugetlb'),
    ...of(devices, 'devices'),
    ...network(target),
    ...things(target),
    ...of(
      (read) => [
        ...amount('groups below', 'count', read('cgroup.max.descendants'), Number.NaN),
        ...amount('depth below', 'count', read('cgroup.max.depth'), Number.NaN),
      ],
      'unified',
    ),
  ];
}
