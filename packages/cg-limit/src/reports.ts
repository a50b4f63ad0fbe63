/** Whose limit was it: the last word after a command that ran into one. */
import { type AnyStep, type AnyUndo, type Phase, step, undo } from '@ctr-tools/plan';
import type { Account, Whose } from './controllers/controller.ts';
import { controllers } from './controllers/index.ts';
import type { GroupFacts } from './facts.ts';
import { groupFor } from './groups.ts';
import type { Setting } from './setting.ts';

const side = 'host';

/**
 * What is counted in the victim's group, whosever limit it was, and so has an account. The launcher has
 * them from here (scripts/gen-ops.ts): it hands the counts of a group that it removes up.
 */
export const accounts: readonly Account[] = controllers.flatMap((one) => one.accounts ?? []);

const whose: Readonly<Record<string, Whose>> = {
  ...Object.fromEntries(accounts.map(({ file, pairs }) => [file, { pairs, account: true }])),
  ...Object.assign({}, ...controllers.map((one) => one.whose)),
};

/** The report of a limit's step, for the end. */
export function reportOf({ report, what, says }: Setting, directory: string): AnyUndo | undefined {
  if (!report) return undefined;
  const { pairs, local = ['', ''] } = whose[report.file] ?? { pairs: [] };
  return undo(
    'end',
    'limit_report',
    {
      group: directory,
      file: report.file,
      key: report.key,
      local: local[0],
      localKey: local[1],
      peaks: pairs.map(([peak]) => `${directory}/${peak}`),
      limits: pairs.map(([, limit]) => `${directory}/${limit}`),
      bytes: report.bytes,
      text: report.text,
      early: `${what} of ${says} is too low for the command even to begin`,
      says,
    },
    `read ${report.file} of ${directory}`,
  );
}

/** Files of a group that tell its report, for who has to look while the group is there. */
export const reportFiles = (setting: Setting): string[] =>
  setting.report
    ? [setting.report.file, whose[setting.report.file]?.local?.[0] ?? ''].filter((file) => file !== '')
    : [];

/** Open the accounts in which groups below leave their counts when they go. Where the kernel keeps no such marks, nothing is counted. */
export function accountSteps(
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  phase: Phase = 'cgroup',
): AnyStep[] {
  return settings.flatMap(({ controller, version, report }) => {
    if (!report || !whose[report.file]?.account) return [];
    const path = groupFor(groups, controller, version)!.directory;
    return [mark(path, report.file, '0', `count in ${path} what happens in groups below`, phase)];
  });
}

/** A group that whoever ends around it is to leave behind. */
export const keepStep = (path: string): AnyStep => mark(path, 'keep', '1', `mark ${path} as one to keep`);

const mark = (path: string, name: string, value: string, doing: string, phase: Phase = 'cgroup'): AnyStep =>
  step(phase, 'cgroup_mark', { path, name, value }, doing, { side, unless: ['any'] });
