/** memory: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst, "Memory". */
import { Failure, formatSize } from '@ctr-tools/cli';
import type { Integer, Memory } from '@ctr-tools/oci';
import { checkSwap, orMax, swapMaxOf } from '../../convert.ts';
import type { Current, Report, Setting } from '../../setting.ts';
import { onlyV1 } from '../controller.ts';

const sizeText = (value: bigint): string => (value < 0n ? 'no limit' : formatSize(value));

const inUse = 'the group uses more than that; raise the limit, or end some of its processes first';

/** 0 is "not set", as every runtime takes it: Docker writes it for what was not asked. */
const given = (value: Integer | undefined): bigint | undefined => {
  if (value === undefined || BigInt(value) === 0n) return undefined;
  if (BigInt(value) < -1n)
    throw new Failure(`${value} bytes are no memory limit; it is bytes, or -1 for none`);
  return BigInt(value);
};

/** Processes that were killed for want of memory. */
export const kills = {
  1: { file: 'memory.oom_control', key: 'oom_kill' },
  2: { file: 'memory.events', key: 'oom_kill' },
} as const;

export const oomReport = (version: 1 | 2, limit: bigint): Report => ({
  ...kills[version],
  peak: version === 1 ? 'memory.max_usage_in_bytes' : 'memory.peak',
  bytes: true,
  text: `the memory limit of ${sizeText(limit)} was exceeded; processes killed for it:`,
});

export function settingsOfV1(memory: Memory, current: Current): Setting[] {
  const set = (file: string, value: bigint | string, what: string, rest: Partial<Setting> = {}): Setting => ({
    controller: 'memory',
    version: 1,
    file,
    value: String(value),
    what,
    says: typeof value === 'bigint' ? sizeText(value) : value,
    ...rest,
  });
  const limit = given(memory.limit);
  const swap = given(memory.swap) ?? (limit === -1n ? -1n : undefined);
  if (limit !== undefined && swap !== undefined) checkSwap(swap, limit);
  const limits: Setting[] = [];
  if (limit !== undefined)
    limits.push(
      set('memory.limit_in_bytes', limit, 'the memory limit', {
        hints: { EBUSY: inUse, EINVAL: 'it has to be at most the limit on memory and swap together' },
        ...(limit > 0n && { report: oomReport(1, limit) }),
      }),
    );
  if (swap !== undefined)
    limits.push(
      set('memory.memsw.limit_in_bytes', swap, 'the limit on memory and swap', {
        hints: {
          ENOENT: 'this kernel does not count swap; boot it with swapaccount=1',
          EBUSY: inUse,
          EINVAL: 'it has to be at least the memory limit, which it includes',
        },
        ...(memory.swap === undefined && { unless: ['ENOENT'] }),
      }),
    );
  // Memory may never exceed memory+swap, so the one that makes room goes first (memory.rst 8.1).
  if (limits.length === 2 && (swap === -1n || (current.memory !== undefined && current.memory < swap!)))
    limits.reverse();

  const reservation = reservationOf(memory, current, -1n);
  if (reservation !== undefined)
    limits.push(set('memory.soft_limit_in_bytes', reservation, 'the soft memory limit'));
  const tcp = given(memory.kernelTCP);
  if (tcp !== undefined)
    limits.push(
      set('memory.kmem.tcp.limit_in_bytes', tcp, 'the limit on TCP buffers', { hints: { EBUSY: inUse } }),
    );
  if (memory.swappiness !== undefined) {
    checkSwappiness(memory.swappiness);
    limits.push(set('memory.swappiness', String(memory.swappiness), 'the swappiness'));
  }
  if (memory.disableOOMKiller !== undefined)
    limits.push(
      set(
        'memory.oom_control',
        memory.disableOOMKiller ? '1' : '0',
        'the switch that turns the OOM killer off',
      ),
    );
  if (memory.useHierarchy !== undefined)
    limits.push(
      set('memory.use_hierarchy', memory.useHierarchy ? '1' : '0', 'hierarchical accounting', {
        hints: { else: 'since Linux 5.11 accounting is always hierarchical' },
      }),
    );
  return limits;
}

/**
 * The reservation, where 0 is not set; in a group that runs it takes off what was set: no soft limit
 * on v1 (memory.rst, 7.1), and no protection on v2 (cgroup-v2.rst, memory.low). -1 is what other
 * runtimes make of it: no soft limit, and protection of all memory.
 */
function reservationOf({ reservation }: Memory, { running }: Current, off: bigint): bigint | undefined {
  return running && reservation !== undefined && BigInt(reservation) === 0n ? off : given(reservation);
}

function checkSwappiness(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 100)
    throw new Failure(`a swappiness of ${value} is out of range: 0 to 100`);
}

export function settingsOfV2(memory: Memory, current: Current): Setting[] {
  const set = (file: string, value: bigint, what: string, rest: Partial<Setting> = {}): Setting => ({
    controller: 'memory',
    version: 2,
    file,
    value: orMax(value),
    what,
    says: sizeText(value),
    ...rest,
  });
  if ((given(memory.kernelTCP) ?? -1n) >= 0n) throw onlyV1('memory.kernelTCP');
  if (memory.swappiness !== undefined) throw onlyV1('memory.swappiness');
  if (memory.disableOOMKiller) throw onlyV1('memory.disableOOMKiller');
  if (memory.useHierarchy === false)
    throw new Failure('memory.useHierarchy false: cgroup v2 always accounts hierarchically');
  const limit = given(memory.limit);
  // What is not given stands: the kernel has the sum's other part.
  const swap = swapMaxOf(
    memory.swap,
    limit ?? (given(memory.swap) === undefined ? undefined : current.memory),
  );
  const settings: Setting[] = [];
  if (swap !== undefined)
    settings.push(
      set('memory.swap.max', swap, 'the swap limit', {
        hints: { ENOENT: 'this kernel does not count swap' },
        // Where there is no swap, none and any are the same.
        ...(swap <= 0n && { unless: ['ENOENT'] }),
      }),
    );
  if (limit !== undefined)
    settings.push(
      set('memory.max', limit, 'the memory limit', { ...(limit > 0n && { report: oomReport(2, limit) }) }),
    );
  const reservation = reservationOf(memory, current, 0n);
  if (reservation !== undefined) settings.push(set('memory.low', reservation, 'the memory protection'));
  return settings;
}
