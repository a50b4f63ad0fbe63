/** Flags → `linux.resources`. */
import { type Parsed, parseDuration, parseInteger, parseSize, UsageError } from '@ctr-tools/cli';
import type { Cpu, Integer, LinuxResources, Memory } from '@ctr-tools/oci';
import { parseNumberList } from '@ctr-tools/sys/proc';
import { merge } from '../amend.ts';
import { DEFAULT_PERIOD } from '../convert.ts';
import { deviceRules } from './devices.ts';
import { ioOf } from './io.ts';
import { memoryShare, processShare, shareOf } from './machine.ts';
import { hugetlbOf, networkOf, rdmaOf } from './others.ts';

const unlimited = new Set(['max', 'none', 'unlimited', '-1']);

/** A number where it is exact, else a bigint. */
export const integer = (value: bigint): Integer =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : value;

class Given {
  private readonly parsed: Parsed;
  constructor(parsed: Parsed) {
    this.parsed = parsed;
  }
  has = (name: string): boolean => this.parsed.flags.has(name);
  one = (name: string): string | undefined => this.parsed.flags.get(name)?.[0];
  many = (name: string): readonly string[] => this.parsed.flags.get(name) ?? [];

  /** Bytes, or -1 for no limit. */
  size(name: string): Integer | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    if (unlimited.has(text)) return -1;
    const share = name.startsWith('memory') ? shareOf(text, name) : undefined;
    const bytes =
      share === undefined ? parseSize(text, `--${name}`) : memoryShare(share, name === 'memory-swap');
    if (bytes > (1n << 63n) - 1n)
      throw new UsageError(`--${name} ${text} is more than a limit can be; max is no limit`);
    return integer(bytes);
  }
  count(name: string, least: bigint, most: bigint): number | undefined {
    const text = this.one(name);
    return text === undefined ? undefined : Number(parseInteger(text, `--${name}`, least, most));
  }
  /** Microseconds; a bare number is in them, as with docker run. */
  time(name: string): Integer | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    if (unlimited.has(text)) return -1;
    return integer(parseDuration(text, 'us', `--${name}`) / 1000n);
  }
}

/**
 * Limits of the command line, over those of a document. Throws `UsageError`, or a `Failure` where
 * the two contradict each other.
 */
export function resourcesOf(parsed: Parsed, document: LinuxResources): LinuxResources {
  const given = new Given(parsed);
  const full = (value: object): boolean => Object.keys(value).length > 0;
  const memory = memoryOf(given);
  const cpu = cpuOf(given);
  const pids = pidsOf(given);
  const blockIO = ioOf(given.one, given.many);
  const devices = deviceRules(given.many);
  const hugepageLimits = hugetlbOf(given.many('hugetlb'));
  const network = networkOf(given.one('net-cls'), given.many('net-prio'));
  const rdma = rdmaOf(given.many('rdma'));
  const unified = unifiedOf(given);
  if (cpu.idle === 1 && unified['cpu.weight'] !== undefined) throw idleAndWeight('cpu-weight');
  return merge(document, {
    ...(full(memory) && { memory }),
    ...(full(cpu) && { cpu }),
    ...(pids && { pids }),
    ...(full(blockIO) && { blockIO }),
    ...(devices.length > 0 && { devices }),
    ...(hugepageLimits.length > 0 && { hugepageLimits }),
    ...(full(network) && { network }),
    ...(full(rdma) && { rdma }),
    ...(full(unified) && { unified }),
  });
}

const idleAndWeight = (flag: string): UsageError =>
  new UsageError(
    `an idle group has no weight, so --cpu-idle and --${flag} exclude each other; leave one out`,
  );

function memoryOf(given: Given): Memory {
  const limit = given.size('memory');
  if (limit === 0) throw new UsageError('--memory 0 would hold no process; max is no limit');
  // To Docker 0 is "not set", which nobody means who gives it.
  const swap = given.size('memory-swap');
  if (swap === 0)
    throw new UsageError(
      '--memory-swap 0 is no limit on memory and swap together; the same as --memory means no swap, max is no limit',
    );
  const reservation = given.size('memory-reservation');
  if (reservation === -1)
    throw new UsageError(
      '--memory-reservation max would be no soft limit on cgroup v1, but protection of all memory on v2; 0 takes it off on both',
    );
  const kernelTCP = given.size('kernel-memory-tcp');
  if (kernelTCP === 0)
    throw new UsageError('--kernel-memory-tcp 0 would stop every connection; max is no limit');
  const swappiness = given.count('memory-swappiness', 0n, 100n);
  if (typeof limit === 'number' && typeof swap === 'number' && limit > 0 && swap > 0 && swap < limit)
    throw new UsageError(
      '--memory-swap counts memory and swap together, so it is at least --memory; the same means no swap',
    );
  return {
    ...(limit !== undefined && { limit }),
    ...(swap !== undefined && { swap }),
    ...(reservation !== undefined && { reservation }),
    ...(kernelTCP !== undefined && { kernelTCP }),
    ...(swappiness !== undefined && { swappiness }),
    ...(given.has('oom-kill-disable') && { disableOOMKiller: true }),
  };
}

function cpuOf(given: Given): Cpu {
  const cpus = given.one('cpus');
  const quota = given.time('cpu-quota');
  const period = given.time('cpu-period');
  if (cpus !== undefined && quota !== undefined)
    throw new UsageError('--cpus and --cpu-quota say the same thing; give one');
  if (quota === 0) throw new UsageError('--cpu-quota 0 would give no time at all; max is no limit');
  refuseLength('cpu-period', period, '1ms to 1s, usually 100ms');
  const shares = given.count('cpu-shares', 2n, 262_144n);
  const burst = given.time('cpu-burst');
  const realtimeRuntime = given.time('cpu-rt-runtime');
  const realtimePeriod = given.time('cpu-rt-period');
  refuseLength('cpu-rt-period', realtimePeriod, 'usually 1s');
  const idle = idleOf(given);
  if (idle === 1 && shares !== undefined) throw idleAndWeight('cpu-shares');
  const list = given.one('cpuset-cpus');
  const mems = given.one('cpuset-mems');
  return {
    ...(shares !== undefined && { shares }),
    ...(period !== undefined && { period }),
    ...(quota !== undefined && { quota }),
    ...(cpus !== undefined && quotaOf(cpus, period)),
    ...(burst !== undefined && { burst }),
    ...(realtimeRuntime !== undefined && { realtimeRuntime }),
    ...(realtimePeriod !== undefined && { realtimePeriod }),
    ...(list !== undefined && { cpus: listOf(list, '--cpuset-cpus') }),
    ...(mems !== undefined && { mems: listOf(mems, '--cpuset-mems') }),
    ...(idle !== undefined && { idle }),
  };
}

/** A period is a length of time, not a limit: there is neither none nor one of no length. */
function refuseLength(flag: string, value: Integer | undefined, usual: string): void {
  if (value === 0 || value === -1) throw new UsageError(`--${flag} is a length of time: ${usual}`);
}

/** `--cpu-idle`, and `--cpu-idle=0` to end it. */
function idleOf(given: Given): 0 | 1 | undefined {
  const text = given.one('cpu-idle');
  if (text === undefined) return undefined;
  if (text === '' || text === '1' || text === 'true') return 1;
  if (text === '0' || text === 'false') return 0;
  throw new UsageError(`--cpu-idle is "${text}"; it is 1, or 0 to end it`);
}

/** `1.5` CPUs or `50%` of one as quota and period, as docker run does it: 100 ms periods. */
function quotaOf(text: string, period: Integer | undefined): Cpu {
  if (unlimited.has(text)) return { quota: -1 };
  const [, number, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? [];
  const cpus = Number(number) / (percent ? 100 : 1);
  if (number === undefined || !(cpus > 0))
    throw new UsageError(`--cpus is "${text}"; give a number of CPUs (1.5), a share of one (50%), or max`);
  const length = BigInt(period ?? DEFAULT_PERIOD);
  const quota = Math.round(cpus * Number(length));
  if (quota < 1000)
    throw new UsageError(`--cpus ${text} is too little; the kernel gives no less than 1ms in each period`);
  return { quota, period: integer(length) };
}

/** `0-2,5`; whether the machine has them the kernel says. */
function listOf(text: string, flag: string): string {
  if (!/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(text))
    throw new UsageError(`${flag} is "${text}"; give numbers and ranges: 0-2,5`);
  try {
    parseNumberList(text);
  } catch (error) {
    throw new UsageError(`${flag} is "${text}": ${(error as Error).message}`);
  }
  return text;
}

function pidsOf(given: Given): LinuxResources['pids'] | undefined {
  const text = given.one('pids-limit');
  if (text === undefined) return undefined;
  if (unlimited.has(text) || text === '0') return { limit: -1 };
  const share = shareOf(text, 'pids-limit');
  if (share !== undefined) return { limit: Number(processShare(share)) };
  return { limit: Number(parseInteger(text, '--pids-limit', 1n, 4_194_304n)) };
}

/** What has no word of its own in a spec, as files of v2. */
function unifiedOf(given: Given): Record<string, string> {
  const files: Record<string, string> = {};
  const size = (name: string, file: string): void => {
    const value = given.size(name);
    if (value !== undefined) files[file] = value === -1 ? 'max' : String(value);
  };
  size('memory-high', 'memory.high');
  size('memory-min', 'memory.min');
  const weight = given.count('cpu-weight', 1n, 10_000n);
  if (weight !== undefined) files['cpu.weight'] = String(weight);
  if (given.has('oom-group')) files['memory.oom.group'] = '1';
  const partition = given.one('cpuset-partition');
  if (partition !== undefined) {
    if (!['member', 'root', 'isolated'].includes(partition))
      throw new UsageError(`--cpuset-partition is "${partition}"; it is member, root or isolated`);
    files['cpuset.cpus.partition'] = partition;
  }
  const misc = given.many('misc').map((text) => {
    const [, name, amount] = /^([\w.]+):(\d+|max)$/.exec(text) ?? [];
    if (name === undefined) throw new UsageError(`--misc is "${text}"; give NAME:N or NAME:max`);
    return `${name} ${amount}`;
  });
  if (misc.length > 0) files['misc.max'] = misc.join('\n');
  for (const text of given.many('set')) {
    const [, file, value] = /^([a-z_]+\.[\w.]+)=([\s\S]+)$/.exec(text) ?? [];
    if (file === undefined || value === undefined)
      throw new UsageError(`--set is "${text}"; give FILE=VALUE with a file of a group: memory.high=1G`);
    files[file] = files[file] === undefined ? sized(file, value) : `${files[file]}\n${sized(file, value)}`;
  }
  return files;
}

/** The kernel's memparse takes K, M and G itself (lib/cmdline.c), but no fraction and no `iB`. */
const sized = (file: string, value: string): string =>
  /^(?:memory|hugetlb)\./.test(file) && /^[\d.]+ ?[kmgtpe]i?b?$/i.test(value)
    ? String(parseSize(value))
    : value;
