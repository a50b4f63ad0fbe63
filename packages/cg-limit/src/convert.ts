/**
 * Limits as the runtime-spec words them (cgroup v1's terms) in cgroup v2's terms. "If the
 * conversion is not possible the runtime MUST generate an error" (config-linux.md, Unified).
 */
import { Failure } from '@ctr-tools/cli';
import type { Integer } from '@ctr-tools/oci';

/** cpu.shares of v1: `MIN_SHARES` and `MAX_SHARES` of kernel/sched/sched.h. */
export const SHARES_MIN = 2n;
export const SHARES_MAX = 262_144n;

/**
 * cpu.shares (2 to 262144) as cpu.weight (1 to 10000): the curve through 2 → 1, 1024 → 100 and 262144 → 10000, so that the
 * usual of one is the usual of the other. The runtime-spec leaves the formula open; runc since 1.3.2 and crun since
 * 1.23 have this one (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value). `cpu.weight` in `unified`
 * says exactly what is meant.
 */
export function weightOfShares(shares: Integer): bigint {
  const value = BigInt(shares);
  checkShares(value);
  if (value === SHARES_MIN) return 1n;
  const l = Math.log2(Number(value));
  const weight = 10 ** ((l * l + 125 * l) / 612 - 7 / 34);
  // The powers that are whole come out a little more or less.
  return BigInt(Math.ceil(weight - 1e-9));
}

/** The kernel clamps what is out of range without a word; that would be dropping it silently. */
export function checkShares(shares: Integer): void {
  const value = BigInt(shares);
  if (value < SHARES_MIN || value > SHARES_MAX)
    throw new Failure(`cpu shares of ${value} are out of range: ${SHARES_MIN} to ${SHARES_MAX}`);
}

/** blkio weight (10 to 1000) as io.weight (1 to 10000): crun.1.md, "IO controller"; runc's ConvertBlkIOToIOWeightValue. */
export function ioWeightOf(weight: number): number {
  checkBlkioWeight(weight);
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** `CFQ_WEIGHT_MIN/MAX` were 10 and 1000, and so are Docker's; BFQ takes 1 to 1000. */
export function checkBlkioWeight(weight: number): void {
  if (!Number.isInteger(weight) || weight < 10 || weight > 1000)
    throw new Failure(`a block I/O weight of ${weight} is out of range: 10 to 1000`);
}

/**
 * memory.swap.max out of the spec's `swap`, which counts memory and swap together, and the
 * memory limit. undefined: leave it as it is. -1: no limit.
 *
 * - memory unlimited and swap not given: both unlimited, as on v1, where memory+swap cannot
 *   stay below memory (runc's ConvertMemorySwapToCgroupV2Value)
 * - both equal: no swap at all
 * - memory unlimited and swap a number: the sum cannot be held, as v2 counts swap alone. runc
 *   before 1.2 refuses it too; later ones take the number for swap alone.
 */
export function swapMaxOf(swap: Integer | undefined, limit: Integer | undefined): bigint | undefined {
  const both = BigInt(swap ?? 0);
  const memory = BigInt(limit ?? 0);
  if (both === 0n) return memory === -1n ? -1n : undefined;
  if (both === -1n) return -1n;
  if (both < 0n) throw new Failure(`a memory+swap limit of ${both} is no limit; it is bytes, or -1 for none`);
  if (memory === 0n)
    throw new Failure(
      'a limit on memory and swap together needs a memory limit too: cgroup v2 limits swap alone, and only the difference says how much',
    );
  checkSwap(both, memory);
  return both - memory;
}

/** On both versions memory and swap together cannot be less than memory alone (cgroup-v1/memory.rst, 2.4). */
export function checkSwap(swap: bigint, limit: bigint): void {
  if (swap > 0n && limit < 0n)
    throw new Failure(
      `the limit on memory and swap together (${swap} bytes) includes memory, which is not limited; limit memory as well`,
    );
  if (swap > 0n && limit > 0n && swap < limit)
    throw new Failure(
      `the limit on memory and swap together (${swap} bytes) is below the memory limit (${limit} bytes); it includes memory, so it has to be at least that`,
    );
}

/** `max` for -1 and any number else. */
export const orMax = (value: bigint): string => (value < 0n ? 'max' : String(value));

/** Microseconds that a period of the CPU controller has where none is said (sched-bwc.rst). */
export const DEFAULT_PERIOD = 100_000n;

/**
 * The cpu.max line: quota and period in microseconds; a quota below 0 is none. What is not given
 * (or 0) stays as it is, as the two files of v1 let it; a new group has no quota, and a period of
 * 100 ms. Both are written: `max` alone would leave the period, and a number alone too, but there
 * is no way to leave the quota (cgroup-v2.rst, cpu.max).
 */
export function cpuMaxOf(
  quota: Integer | undefined,
  period: Integer | undefined,
  current: { quota?: bigint; period?: bigint } = {},
): string {
  const limit = BigInt(quota ?? 0) || (current.quota ?? 0n);
  const length = BigInt(period ?? 0) || (current.period ?? DEFAULT_PERIOD);
  return `${limit > 0n ? limit : 'max'} ${length}`;
}
