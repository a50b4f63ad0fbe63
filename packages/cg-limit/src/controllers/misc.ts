/** misc: scarce things of the host that are counted in pieces (cgroup-v2.rst, "Misc"). */
import { flag, UsageError } from '@ctr-tools/cli';
import { controller, OTHERS, section } from './controller.ts';
import { amount, placeOf, readIn, rows } from './show.ts';

const flags = [
  flag.list(
    'misc',
    {
      valueHint: 'NAME:N',
      group: OTHERS,
      description: 'most of a scarce thing of the host, as sev or sgx_epc (v2)',
      example: ['--misc=sev:3'],
      shown: { 2: 'misc sev' },
      property: { 2: { not: 'systemd does not know the controller' } },
    },
    (text, spelled): string => {
      const [, name, most] = /^([\w.]+):(\d+|max)$/.exec(text) ?? [];
      if (name === undefined) throw new UsageError(`${spelled} is "${text}"; give NAME:N or NAME:max`);
      return `${name} ${most}`;
    },
  ),
] as const;

export const misc = controller({
  names: ['misc'],
  flags,
  parse: (given) =>
    section('unified', { 'misc.max': given.misc.length > 0 ? given.misc.join('\n') : undefined }),

  byName: (file) =>
    file === 'misc.max'
      ? {
          invalid: 'this machine has no such resource; misc.capacity of the root group lists those there are',
        }
      : {},
  tables: { 'misc.max': (name) => `${name} max` },

  others(target) {
    const place = placeOf(target, 'misc');
    const used = new Map(rows(readIn(place, 'misc.current')).map(([name, n]) => [name, Number(n)]));
    return rows(readIn(place, 'misc.max')).flatMap(([name, most]) =>
      amount(`misc ${name}`, 'count', most, Number.NaN).map((found) => ({
        ...found,
        ...(used.has(name) && { use: used.get(name)! }),
      })),
    );
  },
});
