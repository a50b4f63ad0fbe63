/** The files of tests that are run in the machine, and how long each takes. */
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { vm } from '../../vitest.config.ts';
import { readTimes, type Times } from './times.ts';
import { top } from './tree.ts';

export interface TestFile {
  /** From the top of the repository. */
  path: string;
  /** How long it takes in a machine, in seconds. */
  weight: number;
}

/** A file begins in about a second; of one that was never timed its size must tell, at 2.5 ms a byte. */
const BEGIN = 1;
const BYTE = 0.0025;

/** All files of the vm layer, with the time that each took when it was last taken. */
export function testFiles({ files }: Pick<Times, 'files'> = readTimes()): TestFile[] {
  return globSync(vm.include, { cwd: top, exclude: vm.exclude })
    .sort()
    .map((path) => ({ path, weight: BEGIN + (files[path] ?? statSync(join(top, path)).size * BYTE) }));
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
