/** cpu: scheduler/sched-bwc.rst and sched-design-CFS.rst; cgroup-v2.rst, "CPU". */
import { Failure, flag, formatDuration, UsageError } from '@ctr-tools/cli';
import type { Cpu, Integer } from '@ctr-tools/oci';
import { cpuMaxOf, DEFAULT_PERIOD } from '../../convert.ts';
import type { Current, Setting } from '../../setting.ts';
import { INFINITY, type Property, sizeProperty } from '../../systemd/property.ts';
import { both, carrier, controller, hasValue, section } from '../controller.ts';
import { integer, time, unlimited } from '../limit-flag.ts';
import {
  type Line,
  limited,
  line,
  number,
  on,
  only,
  placeOf,
  pressure,
  readIn,
  type Target,
  table,
} from '../show.ts';
import { cpuSettings, weightHint } from './settings.ts';

const group = 'CPU';
const noBurst = { not: 'systemd has no property for it' };
const noRealtime = { not: 'systemd knows no realtime of groups' };

const flags = [
  flag.text('cpus', {
    valueHint: 'N',
    group,
    description: 'most CPU time: 1.5 for one and a half CPUs, 50% for half of one; max for no limit',
    example: ['--cpus=1.5'],
    shown: both('cpu'),
    property: both('CPUQuotaPerSecUSec'),
  }),
  flag.count('cpu-shares', 2n, 262_144n, {
    alias: ['c'],
    group,
    description: 'weight against others, 2 to 262144, usually 1024',
    example: ['--cpu-shares=512'],
    shown: { 1: 'cpu shares', 2: 'cpu weight' },
    property: { 1: 'CPUShares', 2: 'CPUWeight' },
  }),
  flag.count('cpu-weight', 1n, 10_000n, {
    group,
    description: 'weight against others, 1 to 10000, usually 100 (v2)',
    example: ['--cpu-weight=50'],
    shown: { 2: 'cpu weight' },
    property: { 2: 'CPUWeight' },
  }),
  time('cpu-quota', {
    group,
    description: 'CPU time in each period, in microseconds or as 50ms',
    example: ['--cpu-quota=50ms'],
    shown: both('cpu'),
    property: both('CPUQuotaPerSecUSec'),
  }),
  time('cpu-period', {
    group,
    description: 'length of the period, in microseconds or as 100ms',
    example: ['--cpu-quota=10ms', '--cpu-period=50ms'],
    shown: both('cpu'),
    property: both('CPUQuotaPeriodUSec'),
  }),
  time('cpu-burst', {
    group,
    description: 'unused time that may be spent later, in microseconds or as 20ms',
    example: ['--cpu-burst=20ms'],
    shown: both('cpu burst'),
    property: both(noBurst),
  }),
  flag.of(
    'cpu-idle',
    {
      valueHint: '[0|1]',
      group,
      description: 'only time that nobody else wants; =0 ends that',
      example: ['--cpu-idle'],
      shown: both('cpu idle'),
      property: both('CPUWeight'),
    },
    (text, spelled): 0 | 1 => {
      if (text === '' || text === '1' || text === 'true') return 1;
      if (text === '0' || text === 'false') return 0;
      throw new UsageError(`${spelled} is "${text}"; it is 1, or 0 to end it`);
    },
  ),
  time('cpu-rt-runtime', {
    group,
    description: 'realtime in each realtime period (v1)',
    example: ['--cpu-rt-runtime=5ms'],
    shown: { 1: 'cpu realtime' },
    property: { 1: noRealtime },
  }),
  time('cpu-rt-period', {
    group,
    description: 'length of the realtime period (v1)',
    example: ['--cpu-rt-runtime=5ms', '--cpu-rt-period=1s'],
    shown: { 1: 'cpu realtime' },
    property: { 1: noRealtime },
  }),
] as const;

const idleAndWeight = (spelled: string): UsageError =>
  new UsageError(
    `an idle group has no weight, so --cpu-idle and --${spelled} exclude each other; leave one out`,
  );

/** A period is a length of time, not a limit: there is neither none nor one of no length. */
function refuseLength(spelled: string, value: Integer | undefined, usual: string): void {
  if (value === 0 || value === -1) throw new UsageError(`--${spelled} is a length of time: ${usual}`);
}

/** `1.5` CPUs or `50%` of one as quota and period, as docker run does it: 100 ms periods. */
function quotaOf(text: string, period: Integer | undefined): Cpu {
  if (unlimited.has(text)) return { quota: -1 };
  const [, digits, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? [];
  const cpus = Number(digits) / (percent ? 100 : 1);
  if (digits === undefined || !(cpus > 0))
    throw new UsageError(`--cpus is "${text}"; give a number of CPUs (1.5), a share of one (50%), or max`);
  const length = BigInt(period ?? DEFAULT_PERIOD);
  const quota = Math.round(cpus * Number(length));
  if (quota < 1000)
    throw new UsageError(`--cpus ${text} is too little; the kernel gives no less than 1ms in each period`);
  return { quota, period: integer(length) };
}

/** A spec's section has the CPUs of cpuset beside the time that is this controller's. */
const timeOf = ({ cpus: _cpus, mems: _mems, ...time }: Cpu): Cpu => time;

export const cpu = controller({
  names: ['cpu'],
  flags,
  parse(given) {
    const { cpus, 'cpu-quota': quota, 'cpu-period': period, 'cpu-shares': shares } = given;
    const { 'cpu-rt-period': realtimePeriod, 'cpu-weight': weight, 'cpu-idle': idle } = given;
    if (cpus !== undefined && quota !== undefined)
      throw new UsageError('--cpus and --cpu-quota say the same thing; give one');
    if (quota === 0) throw new UsageError('--cpu-quota 0 would give no time at all; max is no limit');
    refuseLength('cpu-period', period, '1ms to 1s, usually 100ms');
    refuseLength('cpu-rt-period', realtimePeriod, 'usually 1s');
    if (idle === 1 && shares !== undefined) throw idleAndWeight('cpu-shares');
    return {
      ...section('cpu', {
        shares,
        ...(period !== undefined && { period }),
        ...(quota !== undefined && { quota }),
        ...(cpus !== undefined && quotaOf(cpus, period)),
        burst: given['cpu-burst'],
        realtimeRuntime: given['cpu-rt-runtime'],
        realtimePeriod,
        idle,
      }),
      ...section('unified', { 'cpu.weight': weight === undefined ? undefined : String(weight) }),
    };
  },
  check({ cpu: given, unified }) {
    if (given?.idle === 1 && unified?.['cpu.weight'] !== undefined) throw idleAndWeight('cpu-weight');
  },
  merge(old, { cpu: added }) {
    if (!added) return {};
    const merged = { ...old.cpu, ...added };
    if (added.shares && Number(merged.idle ?? 0) === 1)
      throw new Failure(
        `CPU shares of ${added.shares} would say nothing: the group is to be idle, and so has no weight; --cpu-idle=0 ends that`,
      );
    return { cpu: merged };
  },
  unset: { cpu: ['shares', 'quota', 'period', 'realtimeRuntime', 'realtimePeriod'] },

  settings({ cpu: given = {} }, abilities, current) {
    const time = timeOf(given);
    if (!hasValue(time)) return [];
    return cpuSettings(time, carrier(abilities, 'cpu', 'a CPU limit'), current);
  },
  byName: (file) => (file === 'cpu.weight' ? { invalid: `it is 1 to 10000, and ${weightHint}` } : {}),
  current(words) {
    const whole = (text: string | undefined): bigint | undefined =>
      text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
    const [idle] = words('cpu', both('cpu.idle'));
    return {
      quota: whole(words('cpu', { 1: 'cpu.cfs_quota_us', 2: 'cpu.max' })[0]),
      period: whole(words('cpu', { 1: 'cpu.cfs_period_us', 2: 'cpu.max' }).at(-1)),
      rtPeriod: whole(words('cpu', both('cpu.rt_period_us'))[0]),
      burst: whole(words('cpu', { 1: 'cpu.cfs_burst_us', 2: 'cpu.max.burst' })[0]),
      idle: idle === undefined ? undefined : idle === '1',
    };
  },

  enabledBySystemd: true,
  rewritten: ['cpu.max', 'cpu.cfs_quota_us'],
  properties,

  use,
  others(target) {
    const place = placeOf(target, 'cpu');
    if (!place) return [];
    const read = (file: string) => readIn(place, file);
    const burst = read(place.version === 1 ? 'cpu.cfs_burst_us' : 'cpu.max.burst');
    const realtime = read('cpu.rt_runtime_us');
    const clamp = (which: string, usual: string): Line[] => {
      const text = read(`cpu.uclamp.${which}`);
      return text === undefined || text === usual
        ? []
        : [limited(`cpu uclamp ${which}`, 'text', text === 'max' ? '100%' : `${text}%`)];
    };
    return [
      ...(burst && burst !== '0' ? [limited('cpu burst', 'text', microseconds(burst))] : []),
      ...on('cpu idle', read('cpu.idle')),
      ...(realtime && realtime !== '0'
        ? [
            limited(
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
  },
});

const microseconds = (text: string): string => formatDuration(Number(text) * 1000);

const v1Quota = (file: string): boolean => file === 'cpu.cfs_quota_us' || file === 'cpu.cfs_period_us';

/** systemd knows no quota without its period, so what was not given is what the group has now. */
function properties(setting: Setting, all: readonly Setting[], current: Current): Property[] {
  const { file, value } = setting;
  const held = (name: string): string | undefined => all.findLast((s) => s.file === name)?.value;
  if (file === 'cpu.weight') return sizeProperty('CPUWeight', value);
  // CPUShares is only heard without a CPUWeight.
  if (file === 'cpu.shares') return [...sizeProperty('CPUShares', value), ['CPUWeight', 't', INFINITY]];
  if (file === 'cpu.idle') {
    if (value === '1') return [['CPUWeight', 't', '0']];
    // The weight of one that is idle no more is the usual one, if no other is given.
    const weighed = held('cpu.weight') !== undefined || held('cpu.shares') !== undefined;
    return value === '0' && !weighed ? [['CPUWeight', 't', INFINITY]] : [];
  }
  if (file === 'cpu.max') return quotaProperties(value, current);
  // The two files of v1 are one property, with the last of them.
  if (!v1Quota(file) || all.findLast((s) => v1Quota(s.file)) !== setting) return [];
  const whole = (text: string | undefined) => (text === undefined ? undefined : BigInt(text));
  const line = cpuMaxOf(whole(held('cpu.cfs_quota_us')), whole(held('cpu.cfs_period_us')), current);
  return quotaProperties(line, current);
}

/** systemd counts CPU time in whole percents a second; rounded up, so that the file below can hold what was asked. */
function quotaProperties(value: string, { period: standing }: Current): Property[] {
  const [, most, period = String(standing ?? DEFAULT_PERIOD)] =
    /^(max|\d+)(?: ([1-9]\d*))?$/.exec(value) ?? [];
  if (most === undefined) return [];
  const found: Property[] = [['CPUQuotaPeriodUSec', 't', period]];
  if (most === 'max') return [...found, ['CPUQuotaPerSecUSec', 't', INFINITY]];
  const perSecond = (BigInt(most) * 1_000_000n) / BigInt(period);
  return [...found, ['CPUQuotaPerSecUSec', 't', String(((perSecond + 9999n) / 10_000n) * 10_000n)]];
}

function use(target: Target): Line[] {
  const place = placeOf(target, 'cpu') ?? placeOf(target, 'unified');
  const stat = table(place, 'cpu.stat');
  let quota: number | 'max' | undefined;
  if (place?.version === 1) {
    const q = number(place, 'cpu.cfs_quota_us');
    quota =
      readIn(place, 'cpu.cfs_quota_us') === '-1'
        ? 'max'
        : q && q / (number(place, 'cpu.cfs_period_us') ?? 100_000);
  } else {
    const [q, period] = (readIn(place, 'cpu.max') ?? '').split(' ');
    quota = q === 'max' ? 'max' : q ? Number(q) / Number(period) : undefined;
  }
  const accounted = number(placeOf(target, 'cpuacct'), 'cpuacct.usage');
  const seconds =
    accounted !== undefined
      ? accounted / 1e9
      : stat.usage_usec === undefined
        ? undefined
        : stat.usage_usec / 1e6;
  const weight = number(place, place?.version === 1 ? 'cpu.shares' : 'cpu.weight');
  return [
    ...line('cpu', 'cpus', {
      limit: quota,
      use: seconds,
      pressure: pressure(target, 'cpu'),
      counts: only({ throttled: stat.nr_throttled ?? 0, periods: stat.nr_periods ?? 0 }, [
        'throttled',
        'periods',
      ]),
    }),
    ...(weight === undefined
      ? []
      : line(place?.version === 1 ? 'cpu shares' : 'cpu weight', 'count', { limit: weight })),
  ];
}
