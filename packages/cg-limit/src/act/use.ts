import { Failure } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import type { View } from '../view.ts';
import type { Place } from './target.ts';

/**
 * v1's kernel refuses a limit below what is in use by itself; on v2 the OOM killer would come. With
 * `memory.checkBeforeUpdate` (config-linux.md, Memory) all use counts, else what cannot be given back: with no
 * swap that is memory of processes and of tmpfs, and the kernel's own (cgroup-v2.rst, memory.stat).
 */
export function checkUse(places: readonly Place[], { memory }: LinuxResources, view: View): void {
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
