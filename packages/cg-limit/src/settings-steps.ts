import { type AnyStep, type Phase, step, undo } from '@ctr-tools/plan';
import type { GroupFacts } from './facts.ts';
import { groupFor } from './groups.ts';
import type { Setting } from './setting.ts';

const side = 'host';

/** One write for each limit. */
export function settingSteps(
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  phase: Phase = 'cgroup',
): AnyStep[] {
  return settings.map(({ controller, version, file, value, what, says, hints, unless, report }) => {
    const { directory } = groupFor(groups, controller, version)!;
    return step(
      phase,
      'write',
      { path: `${directory}/${file}`, data: value },
      `set ${what} of ${directory} to ${says}`,
      {
        side,
        hints: { ENOENT: `this kernel has no ${file}`, ...hints },
        ...(unless && { unless }),
        ...(report && {
          undo: undo(
            'end',
            'cgroup_report',
            {
              file: `${directory}/${report.file}`,
              key: report.key,
              peak: `${directory}/${report.peak}`,
              bytes: report.bytes,
              text: report.text,
            },
            `read ${report.file} of ${directory}`,
          ),
        }),
      },
    );
  });
}
