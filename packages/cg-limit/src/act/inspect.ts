/** What a group's files say, as data: each limit beside use, peak, pressure and counts. */
import { countsProcesses } from '../layout.ts';
import { View } from '../view.ts';
import { restLines } from './inspect-rest.ts';
import { readIn, V1_UNLIMITED } from './read-file.ts';
import { type Place, placeOf, type Target } from './target.ts';

export interface Line {
  /** `memory`, `swap`, `cpu`, `pids`, `io 8:0 read`, `hugetlb 2MB` … */
  name: string;
  unit: 'bytes' | 'count' | 'cpus' | 'rate' | 'text';
  /** `max` for none; a text where it is not a number. */
  limit?: number | string;
  use?: number;
  peak?: number;
  /** Share of the last ten seconds in which some of its processes waited for this (accounting/psi.rst). */
  pressure?: number;
  /** How often what happened: `oom_kill`, `max`, `throttled`. */
  counts?: Record<string, number>;
}

export interface Report {
  group: string;
  paths: Record<string, string>;
  processes: number;
  frozen: boolean;
  lines: Line[];
}

function number(place: Place | undefined, file: string): number | undefined {
  const text = readIn(place, file);
  return text !== undefined && /^\d+/.test(text) ? Number(text.split(' ')[0]) : undefined;
}

function limit(place: Place | undefined, file: string): number | 'max' | undefined {
  const text = readIn(place, file);
  if (text === undefined) return undefined;
  return text === 'max' || text === '-1' || Number(text) >= V1_UNLIMITED ? 'max' : Number(text);
}

/** `name value` lines. */
function table(place: Place | undefined, file: string): Record<string, number> {
  return Object.fromEntries(
    (readIn(place, file) ?? '')
      .split('\n')
      .map((line) => line.split(' '))
      .filter((words) => words.length === 2)
      .map(([name, value]) => [name!, Number(value)]),
  );
}

function pressure(target: Target, what: string): number | undefined {
  const found = /^some avg10=([\d.]+)/.exec(readIn(placeOf(target, 'unified'), `${what}.pressure`) ?? '');
  return found ? Number(found[1]) / 100 : undefined;
}

const only = (counts: Record<string, number>, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.flatMap((name) => (counts[name] ? [[name, counts[name]]] : [])));

/** Drop what is not there, so that a reader of the JSON sees only facts. */
function line(name: string, unit: Line['unit'], rest: { [K in keyof Line]?: Line[K] | undefined }): Line[] {
  const facts = Object.fromEntries(
    Object.entries(rest).filter(
      ([, v]) => v !== undefined && !(typeof v === 'object' && Object.keys(v).length === 0),
    ),
  );
  return Object.keys(facts).length > 0 ? [{ name, unit, ...facts }] : [];
}

function memoryLines(target: Target): Line[] {
  const place = placeOf(target, 'memory');
  const some = pressure(target, 'memory');
  if (place?.version === 1) {
    const oom = table(place, 'memory.oom_control');
    return [
      ...line('memory', 'bytes', {
        limit: limit(place, 'memory.limit_in_bytes'),
        use: number(place, 'memory.usage_in_bytes'),
        peak: number(place, 'memory.max_usage_in_bytes'),
        pressure: some,
        counts: {
          ...only({ failcnt: number(place, 'memory.failcnt') ?? 0 }, ['failcnt']),
          ...only(oom, ['oom_kill', 'under_oom']),
        },
      }),
      ...line('memory+swap', 'bytes', {
        limit: limit(place, 'memory.memsw.limit_in_bytes'),
        use: number(place, 'memory.memsw.usage_in_bytes'),
        peak: number(place, 'memory.memsw.max_usage_in_bytes'),
      }),
    ];
  }
  const high = limit(place, 'memory.high');
  const low = number(place, 'memory.low');
  const events = table(place, 'memory.events');
  return [
    ...line('memory', 'bytes', {
      limit: limit(place, 'memory.max'),
      use: number(place, 'memory.current'),
      peak: number(place, 'memory.peak'),
      pressure: some,
      counts: only(events, ['high', 'max', 'oom', 'oom_kill', 'oom_group_kill']),
    }),
    ...(high !== undefined && high !== 'max' ? line('memory high', 'bytes', { limit: high }) : []),
    ...(low ? line('memory low', 'bytes', { limit: low }) : []),
    ...line('swap', 'bytes', {
      limit: limit(place, 'memory.swap.max'),
      use: number(place, 'memory.swap.current'),
      peak: number(place, 'memory.swap.peak'),
    }),
  ];
}

function cpuLines(target: Target): Line[] {
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
    ...['cpus', 'mems'].flatMap((what) => {
      const set = placeOf(target, 'cpuset');
      const value = readIn(set, `cpuset.${what}`) || readIn(set, `cpuset.${what}.effective`);
      return value ? line(what, 'text', { limit: value }) : [];
    }),
  ];
}

function pidsLines(target: Target): Line[] {
  const place = placeOf(target, 'pids');
  const refused = table(place, 'pids.events').max ?? 0;
  return line('pids', 'count', {
    limit: limit(place, 'pids.max'),
    use: number(place, 'pids.current'),
    peak: number(place, 'pids.peak'),
    counts: only({ refused }, ['refused']),
  });
}

function ioLines(target: Target): Line[] {
  const v1 = placeOf(target, 'blkio');
  if (v1) return blkioLines(v1, pressure(target, 'io'));
  const place = placeOf(target, 'io');
  const limits = new Map(
    (readIn(place, 'io.max') ?? '')
      .split('\n')
      .filter(Boolean)
      .map((l) => [l.split(' ')[0]!, l]),
  );
  const stats = (readIn(place, 'io.stat') ?? '').split('\n').filter(Boolean);
  // A device that nothing was read from or written to yet has no line there.
  for (const device of limits.keys()) if (!stats.some((l) => l.split(' ')[0] === device)) stats.push(device);
  const some = pressure(target, 'io');
  const lines = stats.flatMap((text) => {
    const [device, ...words] = text.split(' ');
    const values = Object.fromEntries(words.map((w) => w.split('=') as [string, string]));
    const caps = Object.fromEntries(
      (limits.get(device!) ?? '')
        .split(' ')
        .slice(1)
        .map((w) => w.split('=') as [string, string]),
    );
    const cap = (key: string): number | 'max' =>
      caps[key] === undefined || caps[key] === 'max' ? 'max' : Number(caps[key]);
    return [
      ...line(`io ${device} read`, 'rate', { limit: cap('rbps'), use: Number(values.rbytes ?? 0) }),
      ...line(`io ${device} write`, 'rate', { limit: cap('wbps'), use: Number(values.wbytes ?? 0) }),
      ...operations(device!, 'read', cap('riops')),
      ...operations(device!, 'write', cap('wiops')),
    ];
  });
  return [...lines, ...(some === undefined ? [] : line('io', 'text', { pressure: some }))];
}

/** A limit on operations a second. */
const operations = (device: string, word: string, cap: number | 'max'): Line[] =>
  cap === 'max' ? [] : [{ name: `io ${device} ${word} ops/s`, unit: 'count', limit: cap }];

function blkioLines(place: Place, some: number | undefined): Line[] {
  const used = (readIn(place, 'blkio.throttle.io_service_bytes') ?? '').split('\n').map((l) => l.split(' '));
  const lines: Line[] = [];
  for (const [word, kind] of [
    ['read', 'Read'],
    ['write', 'Write'],
  ] as const) {
    const caps = new Map(
      (readIn(place, `blkio.throttle.${word}_bps_device`) ?? '')
        .split('\n')
        .filter(Boolean)
        .map((l) => l.split(' ') as [string, string]),
    );
    const devices = new Set([...caps.keys(), ...used.filter((w) => w.length === 3).map((w) => w[0]!)]);
    for (const device of devices) {
      const use = Number(used.find((w) => w[0] === device && w[1] === kind)?.[2] ?? 0);
      const cap = caps.get(device);
      if (use > 0 || cap)
        lines.push(...line(`io ${device} ${word}`, 'rate', { limit: cap ? Number(cap) : 'max', use }));
    }
    for (const text of (readIn(place, `blkio.throttle.${word}_iops_device`) ?? '')
      .split('\n')
      .filter(Boolean))
      lines.push(...operations(text.split(' ')[0]!, word, Number(text.split(' ')[1])));
  }
  return [...lines, ...(some === undefined ? [] : line('io', 'text', { pressure: some }))];
}

function hugetlbLines(target: Target, pages: readonly string[]): Line[] {
  const place = placeOf(target, 'hugetlb');
  const v1 = place?.version === 1;
  return pages.flatMap((page) =>
    line(`hugetlb ${page}`, 'bytes', {
      limit: limit(place, `hugetlb.${page}.${v1 ? 'limit_in_bytes' : 'max'}`),
      use: number(place, `hugetlb.${page}.${v1 ? 'usage_in_bytes' : 'current'}`),
      counts: v1
        ? only({ max: number(place, `hugetlb.${page}.failcnt`) ?? 0 }, ['max'])
        : only(table(place, `hugetlb.${page}.events`), ['max']),
    }),
  );
}

function frozen({ places }: Target): boolean {
  const view = new View();
  return places.some(({ directory, version }) => view.frozen(directory, version));
}

/**
 * PIDs in a target's groups themselves. A process that is only where systemd tracks a unit's
 * (`systemd/counts.ts`) is there for us, and not one of its.
 */
export function processesOf(target: Target): Set<number> {
  const limiting = target.places.filter((p) => countsProcesses(p.controllers));
  return new Set(
    (limiting.length > 0 ? limiting : target.places).flatMap((p) =>
      (readIn(p, 'cgroup.procs') ?? '').split('\n').filter(Boolean).map(Number),
    ),
  );
}

/** Look at a target. `pages` are the sizes of huge pages that the machine has. */
export function inspect(target: Target, pages: readonly string[]): Report {
  return {
    group: target.name,
    paths: Object.fromEntries(
      target.places.map((p) => [p.version === 2 ? 'unified' : p.controllers.join(','), p.directory]),
    ),
    processes: processesOf(target).size,
    frozen: frozen(target),
    lines: [
      ...memoryLines(target),
      ...cpuLines(target),
      ...pidsLines(target),
      ...ioLines(target),
      ...hugetlbLines(target, pages),
      ...restLines(target, pages),
    ],
  };
}
