import { Failure, formatDuration } from '@ctr-tools/cli';
import type { Cpu, Integer } from '@ctr-tools/oci';
import { checkShares, cpuMaxOf, weightOfShares } from '../../convert.ts';
import type { Current, Setting } from '../../setting.ts';
import { onlyV1 } from '../controller.ts';

/** 0 is "not set", as every runtime takes it. */
const given = (value: Integer | undefined): bigint | undefined =>
  value === undefined || BigInt(value) === 0n ? undefined : BigInt(value);

const us = (value: bigint): string => (value < 0n ? 'no limit' : formatDuration(value * 1000n));

const quotaHints = {
  EINVAL: 'the quota is at least 1ms, the period 1ms to 1s, and a group gets no more than the one above it',
};
export const weightHint = 'a group that is idle has no weight; --cpu-idle=0 ends that';
const weightHints = { EINVAL: weightHint };

type Set = (
  file: string,
  value: bigint | string,
  what: string,
  says?: string,
  rest?: Partial<Setting>,
) => Setting;

/** cpu: scheduler/sched-bwc.rst and sched-design-CFS.rst; cgroup-v2.rst, "CPU". */
export function cpuSettings(cpu: Cpu, version: 1 | 2, current: Current): Setting[] {
  check(cpu, current);
  const set: Set = (file, value, what, says = String(value), rest = {}) => ({
    controller: 'cpu',
    version,
    file,
    value: String(value),
    what,
    says,
    ...rest,
  });
  const settings: Setting[] = [];
  // An idle group has no weight of its own (kernel/sched/fair.c, sched_group_set_shares: EINVAL).
  if (cpu.idle !== undefined && (BigInt(cpu.idle) === 1n) !== current.idle)
    settings.push(set('cpu.idle', BigInt(cpu.idle), 'the idle scheduling'));
  const shares = given(cpu.shares);
  if (shares !== undefined && BigInt(cpu.idle ?? 0) !== 1n) {
    checkShares(shares);
    settings.push(
      version === 1
        ? set('cpu.shares', shares, 'the CPU shares', String(shares), { hints: weightHints })
        : set('cpu.weight', weightOfShares(shares), 'the CPU weight', undefined, { hints: weightHints }),
    );
  }
  settings.push(...bandwidth(cpu, version, current, set));
  const rtPeriod = given(cpu.realtimePeriod);
  // A group that runs loses its realtime by 0; a new one has none (sched-rt-group.rst, 2.3).
  const rtRuntime =
    current.running && cpu.realtimeRuntime !== undefined
      ? BigInt(cpu.realtimeRuntime)
      : given(cpu.realtimeRuntime);
  if (version === 2) {
    if (rtPeriod !== undefined) throw onlyV1('cpu.realtimePeriod');
    if (rtRuntime !== undefined) throw onlyV1('cpu.realtimeRuntime');
    return settings;
  }
  const rtHints = {
    ENOENT: 'this kernel was built without CONFIG_RT_GROUP_SCHED',
    EINVAL: 'the groups above have less realtime left to give (cpu.rt_runtime_us of each)',
  };
  const realtime = [
    ...(rtPeriod === undefined
      ? []
      : [set('cpu.rt_period_us', rtPeriod, 'the realtime period', us(rtPeriod), { hints: rtHints })]),
    ...(rtRuntime === undefined
      ? []
      : [set('cpu.rt_runtime_us', rtRuntime, 'the realtime limit', us(rtRuntime), { hints: rtHints })]),
  ];
  // Between the two the share is no more than the old one or the new one (__rt_schedulable, kernel/sched/rt.c).
  const shorter = rtPeriod !== undefined && current.rtPeriod !== undefined && rtPeriod < current.rtPeriod;
  return [...settings, ...(shorter ? realtime.toReversed() : realtime)];
}

/**
 * Quota, period and burst, in an order in which the kernel takes each (tg_set_cfs_bandwidth and
 * __cfs_schedulable in kernel/sched/core.c): at every write the share of a group is at most that of
 * the group above, and those below have at most its own; a burst is at most the quota.
 */
function bandwidth(cpu: Cpu, version: 1 | 2, current: Current, set: Set): Setting[] {
  const quota = given(cpu.quota);
  const period = given(cpu.period);
  const burst = cpu.burst === undefined ? undefined : BigInt(cpu.burst);
  const settings: Setting[] = [];
  const push = (file: string, value: bigint | string, what: string, says: string): void => {
    settings.push(set(file, value, what, says, { hints: quotaHints }));
  };
  if (version === 1) {
    const file = 'cpu.cfs_quota_us';
    // Between the two writes the share is neither the old nor the new one. Without a quota it is always valid.
    const lift = period !== undefined && quota !== undefined && quota > 0n && current.quota !== undefined;
    if (lift && period !== current.period) push(file, -1n, 'the CPU quota', us(-1n));
    if (period !== undefined) push('cpu.cfs_period_us', period, 'the CPU period', us(period));
    if (quota !== undefined) push(file, quota < 0n ? -1n : quota, 'the CPU quota', us(quota));
  } else if (quota !== undefined || period !== undefined) {
    const value = cpuMaxOf(quota, period, current);
    const [limit, length] = value.split(' ');
    const says = limit === 'max' ? us(-1n) : us(BigInt(limit!));
    push('cpu.max', value, 'the CPU quota', `${says} in ${length}us`);
  }
  if (burst === undefined) return settings;
  const setting = set(
    version === 1 ? 'cpu.cfs_burst_us' : 'cpu.max.burst',
    burst,
    'the CPU burst',
    us(burst),
    { hints: { ENOENT: 'the kernel has it since 5.14', EINVAL: 'it is at most the quota' } },
  );
  // A quota that falls lets the burst go first; without one any burst is taken.
  const falls = current.quota !== undefined && quota !== undefined && quota > 0n && quota < current.quota;
  const tooMuch = current.burst !== undefined && quota !== undefined && quota > 0n && quota < current.burst;
  if (falls || tooMuch) settings.unshift(setting);
  else settings.push(setting);
  return settings;
}

function check({ idle, quota, burst }: Cpu, current: Current): void {
  if (idle !== undefined && BigInt(idle) !== 0n && BigInt(idle) !== 1n)
    throw new Failure(`cpu.idle of ${idle} is neither 0 nor 1`);
  const limit = given(quota);
  if (limit === undefined || limit < 0n) return;
  if (burst !== undefined && BigInt(burst) > limit)
    throw new Failure(`a CPU burst of ${burst}us is more than the quota of ${limit}us`);
  if (burst === undefined && current.burst !== undefined && current.burst > limit)
    throw new Failure(
      `a CPU quota of ${us(limit)} is below the burst of ${us(current.burst)} that the group has; give --cpu-burst as well (0 for none)`,
    );
}
