/** The files of tests that are run in the machine, and how long each takes. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { vm } from '../../vitest.config.ts';
import { top } from './tree.ts';

export interface TestFile {
  /** From the top of the repository. */
  path: string;
  /** How long it takes beside the others, in whatever unit. */
  weight: number;
}

/** All files of the vm layer, with the time that each took in this report of vitest's, where it did. */
export function testFiles(report = join(top, '.cache/check/host.json')): TestFile[] {
  const known = durations(report);
  return globSync(vm.include, { cwd: top, exclude: vm.exclude })
    .sort()
    .map((path) => ({ path, weight: known.get(path) ?? statSync(join(top, path)).size / 5 }));
}

function durations(report: string): Map<string, number> {
  const found = new Map<string, number>();
  if (!existsSync(report)) return found;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: { duration?: number | null }[] }[];
  };
  for (const { name, assertionResults } of testResults) {
    // Its being begun counts too.
    const ms = assertionResults.reduce((sum, { duration }) => sum + (duration ?? 0), 100);
    found.set(name.replace(`${top}/`, ''), ms);
  }
  return found;
}

/** Cut in two so that each half, with what its lane has to do besides, takes as long as the other. */
export function cutInTwo(
  files: readonly TestFile[],
  besides: readonly [number, number] = [0, 0],
): [string[], string[]] {
  const halves: [string[], string[]] = [[], []];
  const sums = [...besides];
  for (const { path, weight } of [...files].sort((a, b) => b.weight - a.weight)) {
    const side = sums[0]! <= sums[1]! ? 0 : 1;
    halves[side].push(path);
    sums[side]! += weight;
  }
  return halves;
}
