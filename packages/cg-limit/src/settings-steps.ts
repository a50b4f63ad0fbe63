import { type AnyStep, type Phase, step } from '@ctr-tools/plan';
import type { GroupFacts } from './facts.ts';
import { groupFor } from './groups.ts';
import { reportOf } from './reports.ts';
import type { Setting } from './setting.ts';

const side = 'host';

/** One write for each limit. */
export function settingSteps(
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  phase: Phase = 'cgroup',
): AnyStep[] {
  return settings.flatMap((setting) => {
    const { controller, version, file, value, what, says, hints, unless, saysInvalid } = setting;
    const { directory } = groupFor(groups, controller, version)!;
    const report = reportOf(setting, directory);
    const path = `${directory}/${file}`;
    const doing = `set ${what} of ${directory} to ${says}`;
    return [
      step(phase, 'write', { path, data: value }, doing, {
        side,
        hints: { ENOENT: `this kernel has no ${file}`, ...hints },
        ...(unless && { unless }),
        ...(report && { undo: report }),
      }),
      ...(saysInvalid ? [step(phase, 'file_says', { path, text: value }, doing, { side })] : []),
    ];
  });
}
