/** pids: cgroup-v1/pids.rst; cgroup-v2.rst, "PID". */
import { flag, parseInteger } from '@ctr-tools/cli';
import type { Report } from '../setting.ts';
import { sizeProperty } from '../systemd/property.ts';
import { both, carrier, controller, section, type Whose } from './controller.ts';
import { unlimited } from './limit-flag.ts';
import { processShare, shareOf } from './machine.ts';
import { limit, line, number, only, placeOf, table } from './show.ts';

const flags = [
  flag.of(
    'pids-limit',
    {
      valueHint: 'N',
      group: 'Processes',
      description: 'most processes and threads, or 10% of what there can be; max for no limit',
      example: ['--pids-limit=20'],
      shown: both('pids'),
      property: both('TasksMax'),
    },
    (text, spelled): number => {
      if (unlimited.has(text) || text === '0') return -1;
      const share = shareOf(text, 'pids-limit');
      return Number(share === undefined ? parseInteger(text, spelled, 1n, 4_194_304n) : processShare(share));
    },
  ),
] as const;

const refusals = { file: 'pids.events', key: 'max' };

const report = (most: string): Report => ({
  ...refusals,
  peak: 'pids.peak',
  bytes: false,
  text: `the limit of ${most} processes was reached; forks refused:`,
});

const pairs: Whose['pairs'] = [['pids.peak', 'pids.max']];

export const pids = controller({
  names: ['pids'],
  flags,
  parse: (given) => section('pids', { limit: given['pids-limit'] }),
  merge: (_old, { pids: added }) => (added ? { pids: added } : {}),

  /** A limit below 0 is none. 0 is not given, as for runc: what the group has by itself stays, which under systemd is a limit (DefaultTasksMax). */
  settings({ pids: { limit: most = 0 } = {} }, abilities) {
    if (BigInt(most) === 0n || (BigInt(most) < 0n && abilities.carriers.pids === undefined)) return [];
    const value = BigInt(most) > 0n ? String(most) : 'max';
    return [
      {
        controller: 'pids',
        version: carrier(abilities, 'pids', 'a limit on processes'),
        file: 'pids.max',
        value,
        what: 'the limit on processes',
        says: value,
        hints: { EINVAL: 'the kernel counts up to 4194304 processes' },
        ...(value !== 'max' && { report: report(value) }),
      },
    ];
  },
  byName: (file, text) => (file === 'pids.max' && /^\d+$/.test(text) ? { report: report(text) } : {}),

  hits: both(refusals),
  accounts: [{ ...refusals, bytes: false, pairs }],
  // Counted on v1, and on v2 before Linux 6.11, where the process was that could not fork. After that it counts in
  // all groups above the limit, and pids.events.local for the group's own (cgroup-v2.rst, PID).
  whose: { 'pids.events': { pairs, local: ['pids.events.local', 'max'], account: true } },

  enabledBySystemd: true,
  properties: ({ file, value }) => sizeProperty(file === 'pids.max' ? 'TasksMax' : undefined, value),

  use(target) {
    const place = placeOf(target, 'pids');
    const refused = table(place, 'pids.events').max ?? 0;
    return line('pids', 'count', {
      limit: limit(place, 'pids.max'),
      use: number(place, 'pids.current'),
      peak: number(place, 'pids.peak'),
      counts: only({ refused }, ['refused']),
    });
  },
});
