/**
 * Limits as properties of a unit (systemd.resource-control(5)): what systemd knows of it does
 * not undo at its next reload. All else stands in the files alone, as with runc.
 */
import { parseNumberList } from '@ctr-tools/sys/proc';
import { cpuMaxOf, DEFAULT_PERIOD } from '../convert.ts';
import type { DeviceList } from '../devices/rules.ts';
import type { Current, Setting } from '../setting.ts';
import { typesOf } from './signature.ts';
import type { Value } from './wire.ts';

/** Name, D-Bus signature, value. Numbers of 64 bits are decimal text, so that it all is JSON. */
export type Property = readonly [name: string, signature: string, value: unknown];

/** Of scopes since systemd 253, and only while they are made; slices have none. It writes memory.oom.group by it. */
export const OOM_POLICY = 'OOMPolicy';

/** UINT64_MAX, which is systemd's infinity. */
const INFINITY = (1n << 64n) - 1n;

const sizes: Record<string, string> = {
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
  // MemoryLimit is only heard where no other property of memory is set (systemd.resource-control(5) before 258).
  'memory.limit_in_bytes': 'MemoryMax',
  'pids.max': 'TasksMax',
  'cpu.weight': 'CPUWeight',
  'cpu.shares': 'CPUShares',
  'io.weight': 'IOWeight',
};

/**
 * Properties for settings; those that systemd has no word for are left out. It knows no quota
 * without its period, so what was not given is what the group has now.
 */
export function propertiesOf(settings: readonly Setting[], current: Current = {}): Property[] {
  const found: Property[] = ioProperties(settings);
  const files = new Map(settings.map((s) => [s.file, s.value]));
  for (const { file, value } of settings) {
    const name = sizes[file];
    if (name !== undefined && /^(?:\d+|max|-1)$/.test(value))
      found.push([name, 't', String(value === 'max' || value === '-1' ? INFINITY : BigInt(value))]);
    // CPUShares, too, is only heard without a CPUWeight.
    if (file === 'cpu.shares') found.push(['CPUWeight', 't', String(INFINITY)]);
    const [, weight] = (file === 'io.weight' && /^default (\d+)$/.exec(value)) || [];
    if (weight !== undefined) found.push(['IOWeight', 't', weight]);
    if (file === 'io.bfq.weight' && /^\d+$/.test(value)) found.push(['IOWeight', 't', ioWeightOfBfq(value)]);
    if (file === 'cpu.idle' && value === '1') found.push(['CPUWeight', 't', '0']);
    if (file === 'memory.oom.group' && /^[01]$/.test(value))
      found.push([OOM_POLICY, 's', value === '1' ? 'kill' : 'continue']);
    // The weight of one that is idle no more is the usual one, if no other is given.
    if (file === 'cpu.idle' && value === '0' && !files.has('cpu.weight') && !files.has('cpu.shares'))
      found.push(['CPUWeight', 't', String(INFINITY)]);
    if (file === 'cpuset.cpus') found.push(...numbers('AllowedCPUs', value));
    if (file === 'cpuset.mems') found.push(...numbers('AllowedMemoryNodes', value));
    if (file === 'cpu.max') found.push(...quota(value, current));
  }
  const [v1, period] = [files.get('cpu.cfs_quota_us'), files.get('cpu.cfs_period_us')];
  if (v1 !== undefined || period !== undefined)
    found.push(
      ...quota(
        cpuMaxOf(
          v1 === undefined ? undefined : BigInt(v1),
          period === undefined ? undefined : BigInt(period),
          current,
        ),
        current,
      ),
    );
  return found;
}

/** systemd counts CPU time in whole percents a second; rounded up, so that the file below can hold what was asked. */
function quota(value: string, { period: standing }: Current): Property[] {
  const [, limit, period = String(standing ?? DEFAULT_PERIOD)] =
    /^(max|\d+)(?: ([1-9]\d*))?$/.exec(value) ?? [];
  if (limit === undefined) return [];
  const properties: Property[] = [['CPUQuotaPeriodUSec', 't', period]];
  if (limit === 'max') return [...properties, ['CPUQuotaPerSecUSec', 't', String(INFINITY)]];
  const perSecond = (BigInt(limit) * 1_000_000n) / BigInt(period);
  return [...properties, ['CPUQuotaPerSecUSec', 't', String(((perSecond + 9999n) / 10_000n) * 10_000n)]];
}

/** systemd gives BFQ 1 to 100 as they are, and the rest of its range a step for eleven of IOWeight (cgroup-util.h, BFQ_WEIGHT). */
const ioWeightOfBfq = (text: string): string =>
  String(Number(text) <= 100 ? Number(text) : 100 + (Number(text) - 100) * 11);

const throttles: Readonly<Record<string, string>> = {
  'blkio.throttle.read_bps_device': 'rbps',
  'blkio.throttle.write_bps_device': 'wbps',
  'blkio.throttle.read_iops_device': 'riops',
  'blkio.throttle.write_iops_device': 'wiops',
};
const throttleProperties: Readonly<Record<string, string>> = {
  rbps: 'IOReadBandwidthMax',
  wbps: 'IOWriteBandwidthMax',
  riops: 'IOReadIOPSMax',
  wiops: 'IOWriteIOPSMax',
};

/** Limits for devices: for each kind an array of path and number; 0 on v1 and `max` on v2 are none. */
function ioProperties(settings: readonly Setting[]): Property[] {
  const found = new Map<string, [string, string][]>();
  const add = (name: string | undefined, device: string, value = ''): void => {
    if (name === undefined || !/^(?:max|\d+)$/.test(value)) return;
    const number = value === 'max' || value === '0' ? String(INFINITY) : value;
    found.set(name, [...(found.get(name) ?? []), [`/dev/block/${device}`, number]]);
  };
  for (const { file, value } of settings) {
    const [device, ...rest] = value.split(' ');
    if (!/^\d+:\d+$/.test(device!)) continue;
    const kind = throttles[file];
    if (kind !== undefined) add(throttleProperties[kind], device!, rest[0]);
    if (file === 'io.max')
      for (const [key, number] of rest.map((word) => word.split('=')))
        add(throttleProperties[key!], device!, number);
    if (file === 'io.weight') add('IODeviceWeight', device!, rest[0]);
  }
  return [...found].map(([name, list]): Property => [name, 'a(st)', list]);
}

/** systemd limits no devices of the unit, whatever it was told before. */
export const anyDevice: readonly Property[] = [
  ['DevicePolicy', 's', 'auto'],
  ['DeviceAllow', 'a(ss)', []],
];

/**
 * A list of devices as properties (systemd.resource-control(5), DeviceAllow): systemd, too,
 * holds the unit to it. undefined where it has no words for the list: one that allows by
 * default with exceptions, and one with a minor number of every driver.
 */
export function deviceProperties({ allow, exceptions }: DeviceList): readonly Property[] | undefined {
  if (allow && exceptions.length === 0) return anyDevice;
  if (allow || exceptions.some((e) => e.major === -1 && e.minor !== -1)) return undefined;
  const entries = exceptions.map(({ type, major, minor, access }) => {
    const kind = type === 'c' ? 'char' : 'block';
    if (major === -1) return [`${kind}-*`, access];
    // A number in place of a driver's name is every device of that major (systemd 240).
    return minor === -1 ? [`${kind}-${major}`, access] : [`/dev/${kind}/${major}:${minor}`, access];
  });
  return [
    ['DevicePolicy', 's', 'strict'],
    // What is given adds to what there is, and nothing takes all away.
    ['DeviceAllow', 'a(ss)', []],
    ['DeviceAllow', 'a(ss)', entries],
  ];
}

/** A list of numbers as bits, the lowest first. What is none is for the kernel to take or refuse (`all`). */
function numbers(name: string, list: string): Property[] {
  try {
    return [[name, 'ay', bitsOf(parseNumberList(list))]];
  } catch {
    return [];
  }
}

function bitsOf(numbers: readonly number[]): number[] {
  const bytes = new Array<number>(Math.floor(Math.max(...numbers) / 8) + 1).fill(0);
  for (const n of numbers) bytes[n >> 3]! |= 1 << (n & 7);
  return bytes;
}

/** A property as D-Bus takes it: `(sv)`. */
export const wireProperty = ([name, signature, value]: Property): Value => [
  name,
  [signature, numbersIn(signature, value)],
];

/** Numbers of 64 bits, which are decimal text before, as the wire has them. */
function numbersIn(type: string, value: unknown): Value {
  const [head] = type;
  if (head === 't' || head === 'x') return BigInt(value as string);
  if (head === 'v') {
    const [signature, inner] = value as readonly [string, unknown];
    return [signature, numbersIn(signature, inner)];
  }
  if (head === 'a') return (value as readonly unknown[]).map((element) => numbersIn(type.slice(1), element));
  if (head !== '(' && head !== '{') return value as Value;
  const members = typesOf(type.slice(1, -1));
  return (value as readonly unknown[]).map((member, i) => numbersIn(members[i]!, member));
}
