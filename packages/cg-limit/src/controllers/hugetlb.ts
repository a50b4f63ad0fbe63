/**
 * hugetlb: the limit on use (a page fault beyond it is SIGBUS) and that on reservations, which fails mmap(2) instead
 * and which the runtime-spec prefers (config-linux.md, Huge page limits).
 */
import { Failure, flag, formatSize, parseSize, UsageError } from '@ctr-tools/cli';
import type { HugepageLimit } from '@ctr-tools/oci';
import type { Report, Setting } from '../setting.ts';
import { both, byKey, carrier, controller, OTHERS } from './controller.ts';
import { parted } from './device.ts';
import { integer } from './limit-flag.ts';
import { amount, limit, line, number, only, placeOf, readIn, table } from './show.ts';

/** What `max` is in a spec, which has only a number for it: LONG_MAX. */
const PAGES_MAX = (1n << 63n) - 1n;

const flags = [
  flag.list(
    'hugetlb',
    {
      valueHint: 'PAGESIZE:SIZE',
      group: OTHERS,
      description: 'most memory in huge pages of a size: 2MB:64M',
      example: ['--hugetlb=2MB:64M'],
      shown: both('hugetlb 2MB'),
      property: both({ not: 'systemd does not know the controller' }),
    },
    (text, spelled): HugepageLimit => {
      const [page, size] = parted(text, 'hugetlb', 'SIZE', 'PAGESIZE');
      const [, digits, unit] = /^(\d+)([KMG])i?B?$/i.exec(page) ?? [];
      if (digits === undefined)
        throw new UsageError(`${spelled} is "${text}"; give the page's size first: 2MB:64M`);
      const most = size === 'max' ? PAGES_MAX : parseSize(size, spelled);
      if (most > 0n && most < parseSize(page, spelled))
        throw new UsageError(`${spelled} is "${text}"; that is less than one page, which is none at all (0)`);
      return { pageSize: `${digits}${unit!.toUpperCase()}B`, limit: integer(most) };
    },
  ),
] as const;

/**
 * v2 counts both kinds in one file (hugetlb_cgroup.c, __hugetlb_cgroup_charge_cgroup), and has no file
 * for a peak as yet; it would be called as memory.peak is.
 */
const reportOf = (page: string, kind: '' | '.rsvd', most: bigint, version: 1 | 2): Report => ({
  file: version === 1 ? `hugetlb.${page}${kind}.failcnt` : `hugetlb.${page}.events`,
  key: version === 1 ? '' : 'max',
  peak: version === 1 ? `hugetlb.${page}${kind}.max_usage_in_bytes` : `hugetlb.${page}.peak`,
  bytes: true,
  text: `the limit of ${formatSize(most)} in huge pages of ${page} was reached; times refused:`,
});

function settingsOf({ pageSize, limit: most }: HugepageLimit, version: 1 | 2): Setting[] {
  const base = { controller: 'hugetlb', version, value: String(most), says: formatSize(most) } as const;
  const suffix = version === 1 ? 'limit_in_bytes' : 'max';
  const report = (kind: '' | '.rsvd'): { report: Report } | undefined =>
    BigInt(most) >= PAGES_MAX ? undefined : { report: reportOf(pageSize, kind, BigInt(most), version) };
  return [
    {
      ...base,
      file: `hugetlb.${pageSize}.${suffix}`,
      what: `the limit on huge pages of ${pageSize}`,
      ...report(''),
    },
    {
      ...base,
      file: `hugetlb.${pageSize}.rsvd.${suffix}`,
      what: `the limit on reserved huge pages of ${pageSize}`,
      unless: ['ENOENT'],
      // On v2 it counts where the other does.
      ...(version === 1 && report('.rsvd')),
    },
  ];
}

export const hugetlb = controller({
  names: ['hugetlb'],
  flags,
  parse: ({ hugetlb: hugepageLimits }) => (hugepageLimits.length > 0 ? { hugepageLimits } : {}),
  merge: (old, { hugepageLimits: added }) =>
    added ? { hugepageLimits: byKey(old.hugepageLimits, added, (h) => h.pageSize) } : {},

  settings({ hugepageLimits: limits }, abilities) {
    if (!limits?.length) return [];
    const version = carrier(abilities, 'hugetlb', 'a limit on huge pages');
    return limits.flatMap((given) => {
      if (!abilities.hugePages.includes(given.pageSize))
        throw new Failure(
          `there are no huge pages of ${given.pageSize} here; this machine has ${abilities.hugePages.join(', ') || 'none'}`,
        );
      return settingsOf(given, version);
    });
  },
  byName(file, text) {
    const [, page] = /^hugetlb\.(\w+)(?:\.rsvd)?\.max$/.exec(file) ?? [];
    return page !== undefined && /^\d+$/.test(text) ? { report: reportOf(page, '', BigInt(text), 2) } : {};
  },

  use(target, pages) {
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
  },
  others(target, pages) {
    const place = placeOf(target, 'hugetlb');
    return pages.flatMap((page) =>
      amount(
        `hugetlb ${page} reserved`,
        'bytes',
        readIn(place, `hugetlb.${page}.rsvd.${place?.version === 1 ? 'limit_in_bytes' : 'max'}`),
        Number.NaN,
      ),
    );
  },
});
