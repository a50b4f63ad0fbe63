/** How long each file, and each job that is not cut in two, took in a machine: what the lanes are laid out by. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from './results.ts';
import { top } from './tree.ts';

/** In seconds, of one processor that is emulated. */
export interface Times {
  /** Files as root in the unified boot, by their paths. */
  files: Record<string, number>;
  /** `hybrid root`, `unified vagrant` …, as a whole. */
  jobs: Record<string, number>;
}

/** Kept in the repository, since no host's times say much of a machine's; `pnpm test:vm --remember` writes it. */
const file = join(top, 'test-vm/times.json');

export const readTimes = (): Times => JSON.parse(readFileSync(file, 'utf8')) as Times;

const rounded = (ms: number): number => Math.round(ms / 100) / 10;

/** What a whole run took. Pure. */
export function timesOf(runs: readonly Run[]): Times {
  const [halves] = runs.filter(({ name }) => name === 'unified root');
  const files: Record<string, number> = {};
  for (const { file, ms = 0 } of halves?.tests ?? []) files[file] = (files[file] ?? 0) + ms;
  const jobs = runs.flatMap(({ name, seconds }) =>
    name === 'unified root' || seconds === undefined ? [] : [[name, rounded(seconds * 1000)] as const],
  );
  return {
    files: Object.fromEntries(
      Object.entries(files)
        .map(([path, ms]) => [path, rounded(ms)] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
    jobs: Object.fromEntries(jobs),
  };
}

export const remember = (runs: readonly Run[]): void =>
  writeFileSync(file, `${JSON.stringify(timesOf(runs), null, 2)}\n`);
