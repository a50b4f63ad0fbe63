/** memory: cgroup-v1/memory.rst; cgroup-v2.rst, "Memory". */
import { Failure, flag, UsageError } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import type { Integer, LinuxResources, Memory } from '@ctr-tools/oci';
import { checkSwap } from '../../convert.ts';
import { OOM_POLICY, sizeProperty } from '../../systemd/property.ts';
import type { View } from '../../view.ts';
import { both, carrier, controller, hasValue, section } from '../controller.ts';
import { memorySize, size } from '../limit-flag.ts';
import {
  amount,
  type Line,
  limit,
  line,
  number,
  on,
  only,
  type Place,
  placeOf,
  pressure,
  readIn,
  type Target,
  table,
} from '../show.ts';
import { kills, oomReport, settingsOfV1, settingsOfV2 } from './settings.ts';

const group = 'Memory';
const onFiles = { not: 'systemd has no property for it' };

const flags = [
  memorySize('memory', {
    alias: ['m'],
    group,
    description: "most memory: 64M, 1.5G, 50% of the machine's; max for no limit",
    example: ['--memory=64M'],
    shown: both('memory'),
    property: both('MemoryMax'),
  }),
  memorySize(
    'memory-swap',
    {
      group,
      description: 'most memory and swap together; the same as --memory for no swap',
      example: ['--memory=64M', '--memory-swap=128M'],
      shown: { 1: 'memory+swap', 2: 'swap' },
      property: {
        1: { not: 'systemd limits swap by itself, and v1 counts it with memory' },
        2: 'MemorySwapMax',
      },
    },
    true,
  ),
  memorySize('memory-reservation', {
    group,
    description:
      'memory that is left to it under pressure (v2 memory.low, v1 the soft limit); 0 takes it off',
    example: ['--memory-reservation=32M'],
    shown: { 1: 'memory soft', 2: 'memory low' },
    property: { 1: onFiles, 2: 'MemoryLow' },
  }),
  memorySize('memory-high', {
    group,
    description: 'slow it down beyond this use (v2)',
    example: ['--memory-high=32M'],
    shown: { 2: 'memory high' },
    property: { 2: 'MemoryHigh' },
  }),
  memorySize('memory-min', {
    group,
    description: 'memory that is never taken away (v2)',
    example: ['--memory-min=8M'],
    shown: { 2: 'memory min' },
    property: { 2: 'MemoryMin' },
  }),
  flag.count('memory-swappiness', 0n, 100n, {
    group,
    description: 'how readily it swaps, 0 to 100 (v1)',
    example: ['--memory-swappiness=7'],
    shown: { 1: 'swappiness' },
    property: { 1: onFiles },
  }),
  flag.yes('oom-kill-disable', {
    group,
    description: 'stop at the limit instead of killing (v1)',
    example: ['--oom-kill-disable'],
    shown: { 1: 'oom killer' },
    property: { 1: onFiles },
  }),
  flag.yes('oom-group', {
    group,
    description: 'kill all of the group together at the limit (v2)',
    example: ['--oom-group'],
    shown: { 2: 'oom group' },
    property: { 2: OOM_POLICY },
  }),
  size('kernel-memory-tcp', {
    group,
    description: 'most memory for TCP buffers (v1)',
    example: ['--kernel-memory-tcp=4M'],
    shown: { 1: 'tcp buffers' },
    property: { 1: onFiles },
  }),
] as const;

const bytesOrMax = (value: Integer | undefined): string | undefined =>
  value === undefined ? undefined : value === -1 ? 'max' : String(value);

function checkSizes(limit?: Integer, swap?: Integer, reservation?: Integer, kernelTCP?: Integer): void {
  if (limit === 0) throw new UsageError('--memory 0 would hold no process; max is no limit');
  // To Docker 0 is "not set", which nobody means who gives it.
  if (swap === 0)
    throw new UsageError(
      '--memory-swap 0 is no limit on memory and swap together; the same as --memory means no swap, max is no limit',
    );
  if (reservation === -1)
    throw new UsageError(
      '--memory-reservation max would be no soft limit on cgroup v1, but protection of all memory on v2; 0 takes it off on both',
    );
  if (kernelTCP === 0)
    throw new UsageError('--kernel-memory-tcp 0 would stop every connection; max is no limit');
  if (typeof limit === 'number' && typeof swap === 'number' && limit > 0 && swap > 0 && swap < limit)
    throw new UsageError(
      '--memory-swap counts memory and swap together, so it is at least --memory; the same means no swap',
    );
}

/** A limit on memory and swap that was below the new memory limit cannot stand beside it. */
function withoutStaleSwap(memory: Memory, added: Memory): Memory {
  if (added.limit === undefined || added.swap !== undefined || memory.swap === undefined) return memory;
  if (BigInt(memory.swap) < 0n || (BigInt(added.limit) >= 0n && BigInt(memory.swap) >= BigInt(added.limit)))
    return memory;
  const { swap: _, ...rest } = memory;
  return rest;
}

/** Properties by the file. MemoryLimit is only heard where no other property of memory is set (systemd.resource-control(5) before 258). */
const properties: Readonly<Record<string, string>> = {
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
  'memory.limit_in_bytes': 'MemoryMax',
};

export const memory = controller({
  names: ['memory'],
  flags,
  parse(given) {
    const { memory: limit, 'memory-swap': swap, 'memory-reservation': reservation } = given;
    const { 'kernel-memory-tcp': kernelTCP, 'memory-swappiness': swappiness } = given;
    checkSizes(limit, swap, reservation, kernelTCP);
    const disableOOMKiller = given['oom-kill-disable'] || undefined;
    return {
      ...section('memory', { limit, swap, reservation, kernelTCP, swappiness, disableOOMKiller }),
      ...section('unified', {
        'memory.high': bytesOrMax(given['memory-high']),
        'memory.min': bytesOrMax(given['memory-min']),
        'memory.oom.group': given['oom-group'] ? '1' : undefined,
      }),
    };
  },
  merge(old, { memory: added }) {
    if (!added) return {};
    const merged = withoutStaleSwap({ ...old.memory, ...added }, added);
    const { limit = 0, swap = 0 } = merged;
    if (added.limit !== undefined || added.swap !== undefined) checkSwap(BigInt(swap), BigInt(limit));
    return { memory: merged };
  },
  unset: { memory: ['limit', 'swap', 'reservation', 'kernel', 'kernelTCP'] },
  // Since Linux 5.16 the file takes any value and limits nothing (memory.rst 2.7).
  warnings: ({ memory: { kernel = 0 } = {} }) =>
    BigInt(kernel) > 0n
      ? ['linux.resources.memory.kernel: kernels do not limit their own memory by itself any more; ignored']
      : [],

  settings({ memory: given }, abilities, current) {
    if (!given || !hasValue(given)) return [];
    const version = carrier(abilities, 'memory', 'a memory limit');
    return version === 1 ? settingsOfV1(given, current) : settingsOfV2(given, current);
  },
  byName: (file, line) =>
    file === 'memory.max' && /^\d+$/.test(line) ? { report: oomReport(2, BigInt(line)) } : {},
  current(words) {
    const [limit = ''] = words('memory', { 1: 'memory.limit_in_bytes', 2: 'memory.max' });
    return { memory: /^\d+$/.test(limit) ? BigInt(limit) : undefined };
  },
  refuse: refuseBelowUse,

  hits: kills,
  // Counted where the process was that was killed (cgroup-v1/memory.rst 10). Use has two limits, with and without
  // swap, and may come up to either.
  accounts: [
    {
      ...kills[1],
      bytes: true,
      pairs: [
        ['memory.max_usage_in_bytes', 'memory.limit_in_bytes'],
        ['memory.memsw.max_usage_in_bytes', 'memory.memsw.limit_in_bytes'],
      ],
    },
  ],
  // It counts in all groups above too; memory.events.local has an `oom` where the group's own limit left no memory
  // (cgroup-v2.rst, Memory Interface Files; Linux 5.2).
  whose: {
    'memory.events': {
      pairs: [['memory.peak', 'memory.max']],
      local: ['memory.events.local', 'oom'],
      account: false,
    },
  },

  enabledBySystemd: true,
  rewritten: ['memory.oom.group'],
  properties({ file, value }) {
    if (file === 'memory.oom.group' && /^[01]$/.test(value))
      return [[OOM_POLICY, 's', value === '1' ? 'kill' : 'continue']];
    return sizeProperty(properties[file], value);
  },

  use,
  others(target) {
    const place = placeOf(target, 'memory');
    const read = (file: string) => readIn(place, file);
    if (place?.version === 2)
      return [
        ...amount('memory min', 'bytes', read('memory.min')),
        ...amount('swap high', 'bytes', read('memory.swap.high'), Number.NaN),
        ...amount('zswap', 'bytes', read('memory.zswap.max'), Number.NaN),
        ...on('oom group', read('memory.oom.group')),
      ];
    if (!place) return [];
    return [
      ...amount('memory soft', 'bytes', read('memory.soft_limit_in_bytes'), Number.NaN),
      ...amount('tcp buffers', 'bytes', read('memory.kmem.tcp.limit_in_bytes'), Number.NaN),
      ...amount('swappiness', 'count', read('memory.swappiness'), usualSwappiness()),
      ...on('oom killer', /^oom_kill_disable (\d)/.exec(read('memory.oom_control') ?? '')?.[1], 'off'),
    ];
  },
});

/** Groups begin with the machine's (memory.rst 5.3). */
function usualSwappiness(): number {
  try {
    return Number(readText('/proc/sys/vm/swappiness'));
  } catch {
    return 60;
  }
}

function use(target: Target): Line[] {
  const place = placeOf(target, 'memory');
  const some = pressure(target, 'memory');
  if (place?.version === 1) {
    const oom = table(place, 'memory.oom_control');
    return [
      ...line('memory', 'bytes', {
        limit: limit(place, 'memory.limit_in_bytes'),
        use: number(place, 'memory.usage_in_bytes'),
        peak: number(place, 'memory.max_usage_in_bytes'),
        pressure: some,
        counts: {
          ...only({ failcnt: number(place, 'memory.failcnt') ?? 0 }, ['failcnt']),
          ...only(oom, ['oom_kill', 'under_oom']),
        },
      }),
      ...line('memory+swap', 'bytes', {
        limit: limit(place, 'memory.memsw.limit_in_bytes'),
        use: number(place, 'memory.memsw.usage_in_bytes'),
        peak: number(place, 'memory.memsw.max_usage_in_bytes'),
      }),
    ];
  }
  const high = limit(place, 'memory.high');
  const low = number(place, 'memory.low');
  const events = table(place, 'memory.events');
  return [
    ...line('memory', 'bytes', {
      limit: limit(place, 'memory.max'),
      use: number(place, 'memory.current'),
      peak: number(place, 'memory.peak'),
      pressure: some,
      counts: only(events, ['high', 'max', 'oom', 'oom_kill', 'oom_group_kill']),
    }),
    ...(high !== undefined && high !== 'max' ? line('memory high', 'bytes', { limit: high }) : []),
    ...(low ? line('memory low', 'bytes', { limit: low }) : []),
    ...line('swap', 'bytes', {
      limit: limit(place, 'memory.swap.max'),
      use: number(place, 'memory.swap.current'),
      peak: number(place, 'memory.swap.peak'),
    }),
  ];
}

/**
 * v1's kernel refuses a limit below what is in use by itself; on v2 the OOM killer would come. With
 * `memory.checkBeforeUpdate` (config-linux.md, Memory) all use counts, else what cannot be given back: with no
 * swap that is memory of processes and of tmpfs, and the kernel's own (cgroup-v2.rst, memory.stat).
 */
function refuseBelowUse(places: readonly Place[], { memory }: LinuxResources, view: View): void {
  const place = places.find((p) => p.version === 2 && p.controllers.includes('memory'));
  const limit = BigInt(memory?.limit ?? 0);
  if (!place || limit <= 0n) return;
  const number = (file: string): bigint | undefined => {
    const text = view.read(`${place.directory}/${file}`);
    return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
  };
  const fail = (use: bigint, what: string): Failure =>
    new Failure(
      `set the memory limit of ${place.directory} to ${limit} bytes: ${use} bytes ${what}; nothing was changed`,
    );
  const use = number('memory.current');
  if (memory?.checkBeforeUpdate && use !== undefined && use > limit) throw fail(use, 'are in use');
  if (swaps(number('memory.swap.max'), view)) return;
  const stat = new Map(
    (view.read(`${place.directory}/memory.stat`) ?? '')
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  const held = ['anon', 'shmem', 'kernel_stack', 'pagetables', 'slab_unreclaimable'].reduce(
    (sum, name) => sum + BigInt(stat.get(name) ?? 0),
    0n,
  );
  if (held > limit)
    throw fail(
      held,
      'are in use that cannot be given back, so processes would be killed; end some of them first',
    );
}

/** Whether memory of processes can go elsewhere. */
const swaps = (limit: bigint | undefined, view: View): boolean =>
  limit !== 0n && /^SwapTotal: +[1-9]/m.test(view.read('/proc/meminfo') ?? '');
