/**
 * What a limit did, told at the end although systemd removes a unit's groups with the last process in
 * them. It learns of that by the hierarchy in which it tracks processes: v2, or `name=systemd`.
 */
import { dirname } from '@ctr-tools/host';
import { type AnyStep, type Phase, slot, step, undo } from '@ctr-tools/plan';
import type { Facts, GroupFacts } from '../facts.ts';
import { groupFor } from '../groups.ts';
import { countsProcesses } from '../layout.ts';
import { accountSteps, reportFiles } from '../reports.ts';
import type { Setting } from '../setting.ts';

const side = 'host';

/** Steps for a unit that is there, before its limits are set. */
export function countSteps(
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  { unit }: Facts,
  phase: Phase,
): AnyStep[] {
  const counted = settings.filter(({ report }) => report);
  const hold = counted.some(({ version }) => version === 1);
  return [
    ...(hold ? holding(groups, unit?.scope, phase) : []),
    ...accountSteps(counted, groups, phase),
    ...watching(counted, groups, phase),
  ];
}

/**
 * v1: a process of ours stays in the scope where systemd tracks it, and is in none of the groups
 * that have limits, so it counts for none.
 */
function holding(groups: readonly GroupFacts[], scope: string | undefined, phase: Phase): AnyStep[] {
  const tracked = groups
    .filter(({ bySystemd, version, controllers }) =>
      version === 1
        ? bySystemd && controllers.includes('name=systemd')
        : bySystemd && !countsProcesses(controllers),
    )
    .map(({ directory }) => (scope === undefined ? directory : `${directory}/${scope}`));
  if (tracked.length === 0) return [];
  const pid = slot('cgroup.holder');
  return [
    step(
      phase,
      'cgroup_hold',
      { groups: tracked, pid },
      `have systemd keep ${tracked[0]} until its counts are read`,
      {
        side,
        unless: ['any'],
        undo: undo('end', 'kill', { pid, signal: 9 }, `let go of ${tracked[0]}`),
      },
    ),
  ];
}

/** v2, whose files wake who waits for a change: what they say is read when they change, and the rest in the group above. */
function watching(settings: readonly Setting[], groups: readonly GroupFacts[], phase: Phase): AnyStep[] {
  return settings.flatMap((setting) => {
    const { controller, version, report, file: limit } = setting;
    if (version === 1) return [];
    const { directory } = groupFor(groups, controller, version)!;
    return reportFiles(setting).map((name) => {
      const args = {
        file: `${directory}/${name}`,
        peak: `${directory}/${report!.peak}`,
        limit: `${directory}/${limit}`,
        // Its counts are those of all groups below, also where `name` is about the group alone.
        above: `${dirname(directory)}/${report!.file}`,
      };
      return step(phase, 'watch_file', args, `watch ${args.file}`, { side });
    });
  });
}
