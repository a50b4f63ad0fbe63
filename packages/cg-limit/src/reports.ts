/** Whose limit was it: the last word after a command that ran into one. */
import { type AnyStep, type AnyUndo, type Phase, step, undo } from '@ctr-tools/plan';
import type { GroupFacts } from './facts.ts';
import { groupFor } from './groups.ts';
import type { Setting } from './setting.ts';

const side = 'host';

/** Where else the kernel says whose limit was hit, by the file with the counts. */
interface Whose {
  /** Pairs of files: the peak of use, and the limit that it is to be compared with. */
  pairs: readonly (readonly [peak: string, limit: string])[];
  /** A file whose counts are for the group's own limit alone, and the word in it. */
  local?: readonly [file: string, key: string];
  /** Counts are the victim's group's: those of groups below are added up in an account. */
  account: boolean;
}

/**
 * What is counted in the victim's group, whosever limit it was, and so has an account. The launcher has
 * them from here (scripts/gen-ops.ts): it hands the counts of a group that it removes up.
 */
export const accounts = [
  {
    file: 'memory.oom_control',
    key: 'oom_kill',
    bytes: true,
    pairs: [
      ['memory.max_usage_in_bytes', 'memory.limit_in_bytes'],
      ['memory.memsw.max_usage_in_bytes', 'memory.memsw.limit_in_bytes'],
    ],
  },
  { file: 'pids.events', key: 'max', bytes: false, pairs: [['pids.peak', 'pids.max']] },
] as const;

/**
 * - v1 memory.oom_control counts where the process was that was killed (cgroup-v1/memory.rst 10).
 *   Use has two limits, with and without swap, and may come up to either.
 * - memory.events counts in all groups above too; memory.events.local has an `oom` where the
 *   group's own limit left no memory (cgroup-v2.rst, Memory Interface Files; Linux 5.2).
 * - pids.events counts on v1, and on v2 before Linux 6.11, where the process was that could not fork. After
 *   that it counts in all groups above the limit, and pids.events.local for the group's own (cgroup-v2.rst, PID).
 */
const whose: Readonly<Record<string, Whose>> = {
  ...Object.fromEntries(accounts.map(({ file, pairs }) => [file, { pairs, account: true }])),
  'memory.events': {
    pairs: [['memory.peak', 'memory.max']],
    local: ['memory.events.local', 'oom'],
    account: false,
  },
  'pids.events': { pairs: accounts[1].pairs, local: ['pids.events.local', 'max'], account: true },
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
