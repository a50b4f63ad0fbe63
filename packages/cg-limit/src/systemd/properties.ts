/**
 * Limits as properties of a unit (systemd.resource-control(5)): what systemd knows of it does
 * not undo at its next reload. All else stands in the files alone, as with runc.
 */
import { parseNumberList } from '@ctr-tools/sys/proc';
import type { Setting } from '../setting.ts';
import type { Value } from './wire.ts';

/** Name, D-Bus signature, value. Numbers of 64 bits are decimal text, so that it all is JSON. */
export type Property = readonly [name: string, signature: string, value: unknown];

/** UINT64_MAX, which is systemd's infinity. */
const INFINITY = (1n << 64n) - 1n;

const sizes: Record<string, string> = {
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
  'memory.limit_in_bytes': 'MemoryLimit',
  'pids.max': 'TasksMax',
  'cpu.weight': 'CPUWeight',
  'cpu.shares': 'CPUShares',
  'io.weight': 'IOWeight',
};

/** Properties for settings; those that systemd has no word for are left out. */
export function propertiesOf(settings: readonly Setting[]): Property[] {
  const found: Property[] = [];
  const files = new Map(settings.map((s) => [s.file, s.value]));
  for (const { file, value } of settings) {
    const name = sizes[file];
    if (name !== undefined && /^(?:\d+|max|-1)$/.test(value))
      found.push([name, 't', String(value === 'max' || value === '-1' ? INFINITY : BigInt(value))]);
    if (file === 'cpu.idle' && value === '1') found.push(['CPUWeight', 't', '0']);
    if (file === 'cpuset.cpus') found.push(['AllowedCPUs', 'ay', bitsOf(value)]);
    if (file === 'cpuset.mems') found.push(['AllowedMemoryNodes', 'ay', bitsOf(value)]);
    if (file === 'cpu.max') found.push(...quota(value));
  }
  const v1 = files.get('cpu.cfs_quota_us');
  if (v1 !== undefined)
    found.push(...quota(`${v1 === '-1' ? 'max' : v1} ${files.get('cpu.cfs_period_us') ?? 100_000}`));
  return found;
}

/** systemd counts CPU time in whole percents a second; rounded up, so that the file below can hold what was asked. */
function quota(value: string): Property[] {
  const [limit, period = '100000'] = value.split(' ');
  const properties: Property[] = [['CPUQuotaPeriodUSec', 't', period]];
  if (limit === 'max') return [...properties, ['CPUQuotaPerSecUSec', 't', String(INFINITY)]];
  const perSecond = (BigInt(limit!) * 1_000_000n) / BigInt(period);
  return [...properties, ['CPUQuotaPerSecUSec', 't', String(((perSecond + 9999n) / 10_000n) * 10_000n)]];
}

/** A list of numbers as bits, the lowest first. */
function bitsOf(list: string): number[] {
  const numbers = parseNumberList(list);
  const bytes = new Array<number>(Math.floor(Math.max(...numbers) / 8) + 1).fill(0);
  for (const n of numbers) bytes[n >> 3]! |= 1 << (n & 7);
  return bytes;
}

/** A property as D-Bus takes it: `(sv)`. */
export const wireProperty = ([name, signature, value]: Property): Value => [
  name,
  [signature, signature === 't' ? BigInt(value as string) : (value as Value)],
];
