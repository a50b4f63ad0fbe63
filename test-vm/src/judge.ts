/** Whether a run can say that a test is run nowhere, and why not where it cannot. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { testFiles } from './files.ts';
import { hostReport } from './host.ts';
import type { Run } from './results.ts';
import { top } from './tree.ts';

/** What the host's results are of: its tests, and what they run. */
const tested = (): string[] => [
  'dist/bin/ctr-run',
  'dist/lib/planner.cjs',
  ...testFiles().map(({ path }) => path),
];

/** Why the results in this report are not the host's of today, or undefined where they are. */
export function hostLacks(
  report = hostReport,
  paths: readonly string[] = tested(),
  from = top,
): string | undefined {
  if (!existsSync(report)) return 'there are no results of the host; run: ./check host';
  const when = statSync(report).mtimeMs;
  const newer = paths.find(
    (path) => (statSync(join(from, path), { throwIfNoEntry: false })?.mtimeMs ?? 0) > when,
  );
  return newer && `the host's results are older than ${newer}; run: ./check host`;
}

export interface Asked {
  /** Why the host's results cannot be used. */
  hostLacks: string | undefined;
  via: 'qemu' | 'vagrant';
  /** What was chosen of all, as it was typed: `--boot hybrid`. */
  chosen: readonly string[];
  runs: readonly Run[];
  errors: readonly Error[];
}

/** Only a whole run with nothing amiss can say it. */
export function whyNotJudged({ hostLacks, via, chosen, runs, errors }: Asked): string | undefined {
  if (chosen.length > 0) return `only a part was asked for (${chosen.join(' ')})`;
  if (via !== 'qemu') return 'by Vagrant only one boot is run';
  if (errors.length > 0) return 'not all that was asked for has been run';
  const trouble = runs.find((run) => run.trouble.length > 0);
  if (trouble) return `${trouble.name} had trouble: ${trouble.trouble[0]}`;
  return hostLacks;
}
