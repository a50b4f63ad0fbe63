import { Failure } from '@ctr-tools/cli';
import type { LinuxResources, Spec } from '@ctr-tools/oci';
import { amendProcess } from '@ctr-tools/process';
import { checkSwap } from './convert.ts';
import type { Options } from './options.ts';

/** The spec with these limits over its own: a member that was given replaces, all else stays. */
export function amend(given: Spec, { resources, cgroup, process }: Options): Spec {
  const spec = withProcess(given, process);
  const merged = merge(spec.linux?.resources ?? {}, resources);
  return {
    ...spec,
    linux: {
      ...spec.linux,
      ...(Object.keys(merged).length > 0 && { resources: merged }),
      ...(cgroup !== undefined && { cgroupsPath: cgroup }),
    },
  };
}

function withProcess(spec: Spec, { rlimits, scheduler, ioPriority }: Options['process']): Spec {
  if (!rlimits && !scheduler && !ioPriority) return spec;
  const amended = amendProcess(spec, rlimits ? { rlimits } : {});
  return {
    ...amended,
    process: { ...amended.process!, ...(scheduler && { scheduler }), ...(ioPriority && { ioPriority }) },
  };
}

/**
 * Objects member by member; device rules behind those that are there, since they are carried out in
 * order; what has a device, a page size or an interface by that. Throws a `Failure` for a result that
 * contradicts itself.
 */
export function merge(old: LinuxResources, added: LinuxResources): LinuxResources {
  const { memory, cpu, blockIO, network, rdma, unified, devices, hugepageLimits, pids } = added;
  const result: LinuxResources = { ...old };
  if (memory) {
    result.memory = withoutStaleSwap({ ...old.memory, ...memory }, memory);
    const { limit = 0, swap = 0 } = result.memory;
    if (memory.limit !== undefined || memory.swap !== undefined) checkSwap(BigInt(swap), BigInt(limit));
  }
  if (cpu) {
    result.cpu = { ...old.cpu, ...cpu };
    if (cpu.shares && Number(result.cpu.idle ?? 0) === 1)
      throw new Failure(
        `CPU shares of ${cpu.shares} would say nothing: the group is to be idle, and so has no weight; --cpu-idle=0 ends that`,
      );
  }
  if (pids) result.pids = pids;
  if (network) {
    result.network = { ...old.network, ...network };
    if (network.priorities)
      result.network.priorities = byKey(old.network?.priorities, network.priorities, (p) => p.name);
  }
  if (rdma) {
    result.rdma = { ...old.rdma };
    for (const [device, limits] of Object.entries(rdma))
      result.rdma[device] = { ...old.rdma?.[device], ...limits };
  }
  if (unified) {
    result.unified = { ...old.unified };
    for (const [file, text] of Object.entries(unified))
      result.unified[file] = withLines(file, old.unified?.[file], text);
  }
  if (devices) result.devices = [...(old.devices ?? []), ...devices];
  if (hugepageLimits) result.hugepageLimits = byKey(old.hugepageLimits, hugepageLimits, (h) => h.pageSize);
  if (blockIO) {
    const io = { ...old.blockIO, ...blockIO };
    for (const name of deviceLists)
      if (blockIO[name])
        Object.assign(io, {
          [name]: byKey(
            old.blockIO?.[name] as readonly Numbered[] | undefined,
            blockIO[name] as readonly Numbered[],
            deviceKey,
          ),
        });
    result.blockIO = io;
  }
  return result;
}

type Numbered = { major: number | bigint; minor: number | bigint };
const deviceKey = ({ major, minor }: Numbered): string => `${major}:${minor}`;
const deviceLists = [
  'weightDevice',
  'throttleReadBpsDevice',
  'throttleWriteBpsDevice',
  'throttleReadIOPSDevice',
  'throttleWriteIOPSDevice',
] as const;

function byKey<T>(old: readonly T[] | undefined, added: readonly T[], key: (item: T) => string): T[] {
  const replaced = new Set(added.map(key));
  return [...(old ?? []).filter((item) => !replaced.has(key(item))), ...added];
}

/** Files of v2 with a line for each thing, where writing one leaves the others (cgroup-v2.rst, "Format"). */
const tables = /^(?:io\.(?:max|weight|bfq\.weight|latency)|misc\.max|rdma\.max)$/;

/** Lines of a table for other things stay; so do those of the same device with keys, whose later line is written later. */
function withLines(file: string, old: string | undefined, added: string): string {
  if (old === undefined || !tables.test(file)) return added;
  const first = (line: string): string => line.split(' ')[0]!;
  const replaced = new Set(added.split('\n').map(first));
  const kept = old.split('\n').filter((line) => line.includes('=') || !replaced.has(first(line)));
  return [...kept, added].join('\n');
}

/** A limit on memory and swap that was below the new memory limit cannot stand beside it. */
function withoutStaleSwap(
  memory: NonNullable<LinuxResources['memory']>,
  added: NonNullable<LinuxResources['memory']>,
): NonNullable<LinuxResources['memory']> {
  if (added.limit === undefined || added.swap !== undefined || memory.swap === undefined) return memory;
  if (BigInt(memory.swap) < 0n || (BigInt(added.limit) >= 0n && BigInt(memory.swap) >= BigInt(added.limit)))
    return memory;
  const { swap: _, ...rest } = memory;
  return rest;
}
