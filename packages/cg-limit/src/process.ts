/** Limits of the command's own process, as prlimit(1), nice(1), ionice(1) and chrt(1) name them → `process` of a spec. */
import { flag, given, type Parsed, parseInteger, parseSize, UsageError } from '@ctr-tools/cli';
import type { Integer, IOPriority, Rlimit, Scheduler } from '@ctr-tools/oci';
import { parseUlimit } from '@ctr-tools/process';
import { RLIM_INFINITY } from '@ctr-tools/sys/constants';
import { integer } from './controllers/limit-flag.ts';

export interface ProcessPart {
  rlimits?: readonly Rlimit[];
  scheduler?: Scheduler;
  ioPriority?: IOPriority;
}

type Unit = 'bytes' | 'count';

/** Flags by the names of prlimit(1), but for `--cpu`, which is one letter from `--cpus`, and `--nice`, which is nice(1)'s. */
const rlimits: Readonly<Record<string, readonly [type: string, unit: Unit, what: string]>> = {
  nofile: ['RLIMIT_NOFILE', 'count', 'most open files'],
  nproc: [
    'RLIMIT_NPROC',
    'count',
    'most processes of the user, wherever they are (--pids-limit counts those here)',
  ],
  core: ['RLIMIT_CORE', 'bytes', 'largest core file'],
  fsize: ['RLIMIT_FSIZE', 'bytes', 'largest file that it writes'],
  memlock: ['RLIMIT_MEMLOCK', 'bytes', 'most memory that it locks'],
  stack: ['RLIMIT_STACK', 'bytes', 'largest stack'],
  as: ['RLIMIT_AS', 'bytes', 'largest address space'],
  data: ['RLIMIT_DATA', 'bytes', 'largest data segment'],
  rss: ['RLIMIT_RSS', 'bytes', 'resident set, which Linux does not limit'],
  'cpu-time': ['RLIMIT_CPU', 'count', 'most seconds of CPU time of each process'],
  sigpending: ['RLIMIT_SIGPENDING', 'count', 'most pending signals of the user'],
  msgqueue: ['RLIMIT_MSGQUEUE', 'bytes', 'most bytes in message queues of the user'],
  locks: ['RLIMIT_LOCKS', 'count', 'file locks, which Linux does not limit'],
  rtprio: ['RLIMIT_RTPRIO', 'count', 'highest real-time priority that it may take'],
  rttime: ['RLIMIT_RTTIME', 'count', 'most microseconds of real time without a pause'],
};

const group = "The command's own process (prlimit(1), nice(1), ionice(1), chrt(1))";
const own = { group, instead: 'prlimit --pid changes limits of a process that runs' };

const limitFlags = Object.entries(rlimits).map(([name, [type, unit, description]]) =>
  flag.of(
    name,
    { ...own, valueHint: unit === 'bytes' ? 'SIZE[:HARD]' : 'N[:HARD]', description },
    (text, spelled): Rlimit => ({ type, ...range(text, spelled, unit) }),
  ),
);

const otherFlags = [
  flag.list(
    'ulimit',
    {
      ...own,
      valueHint: 'NAME=SOFT[:HARD]',
      description: 'any of these by its name, as docker run has it; unlimited for none',
    },
    (text) => parseUlimit(text),
  ),
  flag.of(
    'nice',
    { ...own, valueHint: 'N', description: 'share of the CPU against others, -20 (most) to 19' },
    (text, spelled): number => {
      if (!/^[+-]?\d+$/.test(text) || Number(text) < -20 || Number(text) > 19)
        throw new UsageError(`${spelled} is "${text}"; it is a number from -20 (first) to 19 (last)`);
      return Number(text);
    },
  ),
  flag.text('scheduler', {
    ...own,
    valueHint: 'POLICY[:PRIORITY]',
    description: 'other, batch, idle, fifo:N, rr:N',
  }),
  flag.of(
    'ionice',
    { ...own, valueHint: 'CLASS[:LEVEL]', description: 'I/O class: be:0 to be:7, idle, rt:N' },
    (text): IOPriority => ioPriorityOf(text),
  ),
] as const;

export const processFlags = [...limitFlags, ...otherFlags];

const POLICIES = {
  other: 'SCHED_OTHER',
  batch: 'SCHED_BATCH',
  idle: 'SCHED_IDLE',
  fifo: 'SCHED_FIFO',
  rr: 'SCHED_RR',
} as const;
const CLASSES = { rt: 'IOPRIO_CLASS_RT', be: 'IOPRIO_CLASS_BE', idle: 'IOPRIO_CLASS_IDLE' } as const;

/** Throws `UsageError`. */
export function processOf(parsed: Parsed): ProcessPart {
  const { ulimit, nice, scheduler: policy, ionice: ioPriority } = given(otherFlags, parsed);
  const limits = given(limitFlags, parsed);
  const rlimits = [...ulimit, ...limitFlags.flatMap(({ name }) => limits[name] ?? [])];
  const twice = rlimits.find(({ type }, i) => rlimits.findIndex((other) => other.type === type) !== i);
  if (twice) throw new UsageError(`${twice.type} is given twice`);
  const scheduler = schedulerOf(policy, nice);
  return {
    ...(rlimits.length > 0 && { rlimits }),
    ...(scheduler && { scheduler }),
    ...(ioPriority && { ioPriority }),
  };
}

function range(text: string, spelled: string, unit: Unit): { soft: Integer; hard: Integer } {
  const [soft, hard, more] = text.split(':');
  if (soft === '' || hard === '' || more !== undefined)
    throw new UsageError(`${spelled} ${text}: give SOFT:HARD, or one value for both`);
  const value = (word: string): Integer => {
    if (['unlimited', 'max', 'infinity', '-1'].includes(word)) return RLIM_INFINITY;
    return integer(unit === 'bytes' ? parseSize(word, spelled) : parseInteger(word, spelled));
  };
  const both = { soft: value(soft!), hard: value(hard ?? soft!) };
  if (BigInt(both.soft) > BigInt(both.hard))
    throw new UsageError(`${spelled} ${text}: the soft limit is above the hard one`);
  return both;
}

/** `fifo:10`, `batch`; a nice value belongs to the policies that have one (sched(7)). */
function schedulerOf(policy: string | undefined, nice: number | undefined): Scheduler | undefined {
  if (policy === undefined && nice === undefined) return undefined;
  const [name = 'other', priority, more] = (policy ?? 'other').split(':');
  if (!Object.hasOwn(POLICIES, name) || more !== undefined)
    throw new UsageError(
      `--scheduler is "${policy}"; it is ${Object.keys(POLICIES).join(', ')}, with fifo:N and rr:N of 1 to 99`,
    );
  const real = name === 'fifo' || name === 'rr';
  if (real !== (priority !== undefined))
    throw new UsageError(
      `--scheduler ${policy}: ${real ? `its priority stands behind it, ${name}:10` : `${name} has no priority`}`,
    );
  if (real && nice !== undefined)
    throw new UsageError(`--nice says nothing of ${name}, which is real-time (sched(7))`);
  return {
    policy: POLICIES[name as keyof typeof POLICIES],
    ...(nice !== undefined && { nice }),
    ...(priority !== undefined && { priority: Number(parseInteger(priority, '--scheduler', 1n, 99n)) }),
  };
}

function ioPriorityOf(text: string): IOPriority {
  const [name, level, more] = text.split(':');
  if (!Object.hasOwn(CLASSES, name!) || more !== undefined || (name === 'idle' && level !== undefined))
    throw new UsageError(`--ionice is "${text}"; it is rt:N, be:N (N from 0, first, to 7) or idle`);
  const priority =
    level === undefined ? (name === 'idle' ? 0 : 4) : Number(parseInteger(level, '--ionice', 0n, 7n));
  return { class: CLASSES[name as keyof typeof CLASSES], priority };
}
