/** What `--show` tells of block I/O. */
import {
  type Line,
  limited,
  line,
  type Place,
  placeOf,
  pressure,
  readIn,
  rows,
  type Target,
} from '../show.ts';

export function use(target: Target): Line[] {
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

/** Weights: 100 with BFQ and io.weight, 500 with CFQ, which went with Linux 5.0 (blkio-controller.rst of 4.20). */
export function others(target: Target): Line[] {
  const place = placeOf(target, 'blkio') ?? placeOf(target, 'io');
  const weights = (file: string, name: string, usual: string): Line[] =>
    rows(readIn(place, file)).flatMap((words) => {
      // The weight alone, or behind `default` or a device's numbers.
      const [device, weight] = words.length === 1 ? ['default', words[0]!] : [words[0]!, words[1]!];
      if (device === 'default') return weight === usual ? [] : [limited(name, 'count', Number(weight))];
      return [limited(`${name} ${device}`, 'count', Number(weight))];
    });
  const perDevice = (file: string, name: string): Line[] =>
    weights(file, name, '').filter((found) => found.name !== name);
  return [
    ...weights('blkio.bfq.weight', 'io weight', '100'),
    ...perDevice('blkio.bfq.weight_device', 'io weight'),
    ...weights('blkio.weight', 'io weight', '500'),
    ...perDevice('blkio.weight_device', 'io weight'),
    ...weights('io.weight', 'io weight', '100'),
    ...weights('io.bfq.weight', 'io bfq weight', '100'),
    ...rows(readIn(place, 'io.latency')).map(([device, ...words]) =>
      limited(`io ${device} latency`, 'text', words.join(' ')),
    ),
  ];
}
