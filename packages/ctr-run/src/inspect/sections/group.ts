import { spell } from '@ctr-tools/cg-limit/acts';
import { formatShare } from '@ctr-tools/cli';
import type { Facts } from '../facts.ts';
import type { Told } from './section.ts';

/** Waiting for this share of the last ten seconds is worth a line (accounting/psi.rst). */
const PRESSING = 0.05;

const alarming = ['oom_kill', 'oom_group_kill', 'under_oom', 'refused', 'throttled'];

export function tellGroup({ group }: Facts): Told {
  if (!group) return { summary: 'not to be seen' };
  const { report, mode, inRoot } = group;
  const amounts = ['memory', 'cpu', 'pids'].flatMap((name) => {
    const line = report.lines.find((l) => l.name === name);
    if (!line) return [`${name} not limited`];
    const limit =
      line.limit === undefined || line.limit === 'max' ? undefined : spell(line.unit, line.limit, true);
    const use = name === 'cpu' ? undefined : spell(line.unit, line.use, false);
    if (limit === undefined) return [`${name} ${use ? `${use}, ` : ''}no limit`];
    return [`${name} ${use ? `${use} of ` : ''}${limit}`];
  });
  return {
    summary: `${inRoot ? 'the root group' : report.group} (${mode}): ${amounts.join('; ')}`,
    notes: [
      ...(report.frozen ? ['it is frozen'] : []),
      ...report.lines.flatMap(({ name, pressure, counts }) => [
        ...(pressure !== undefined && pressure >= PRESSING
          ? [`waited for ${name} in ${formatShare(pressure)} of the last ten seconds`]
          : []),
        ...Object.entries(counts ?? {}).flatMap(([what, n]) =>
          alarming.includes(what) && n > 0 ? [`${name}: ${what} ${n}`] : [],
        ),
      ]),
    ],
    whole: [
      ...Object.entries(report.paths).map(([what, path]) => `${what}: ${path}`),
      `${report.processes} process${report.processes === 1 ? '' : 'es'}`,
      ...report.lines.map((line) => {
        const parts = [
          ['limit', spell(line.unit, line.limit, true)],
          ['use', spell(line.unit, line.use, false)],
          ['peak', spell(line.unit, line.peak, false)],
          ['waiting', line.pressure === undefined ? '' : formatShare(line.pressure)],
        ].filter(([, value]) => value !== '');
        return `${line.name.padEnd(16)} ${parts.map((p) => p.join(' ')).join(', ')}`;
      }),
    ],
  };
}
