import type { Current } from '../setting.ts';
import type { View } from '../view.ts';

/** A group in one hierarchy. */
interface Group {
  version: 1 | 2;
  controllers: readonly string[];
  directory: string;
}

/** What of the limits that stand decides how others can be written. */
export function currentOf(groups: readonly Group[], view: Pick<View, 'read'>): Current {
  /** Words of a controller's file, which has another name in each version. */
  const words = (controller: string, names: Record<1 | 2, string>): string[] => {
    const group = groups.find((g) => g.controllers.includes(controller));
    if (!group) return [];
    return view.read(`${group.directory}/${names[group.version]}`)?.split(/\s+/) ?? [];
  };
  const number = (text: string | undefined): bigint | undefined =>
    text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
  const found = {
    memory: number(words('memory', { 1: 'memory.limit_in_bytes', 2: 'memory.max' })[0]),
    quota: number(words('cpu', { 1: 'cpu.cfs_quota_us', 2: 'cpu.max' })[0]),
    period: number(words('cpu', { 1: 'cpu.cfs_period_us', 2: 'cpu.max' }).at(-1)),
    rtPeriod: number(words('cpu', { 1: 'cpu.rt_period_us', 2: 'cpu.rt_period_us' })[0]),
    burst: number(words('cpu', { 1: 'cpu.cfs_burst_us', 2: 'cpu.max.burst' })[0]),
  };
  const [idle] = words('cpu', { 1: 'cpu.idle', 2: 'cpu.idle' });
  return {
    running: true,
    ...(idle !== undefined && { idle: idle === '1' }),
    ...Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
  };
}
