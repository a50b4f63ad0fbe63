/** What was measured, for people as a table, and for the chart as JSON in `bench/results`. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import type { Measured } from './measure.ts';

/** Ours beside a peer's, and what is aimed at. */
export interface Aim {
  ours: string;
  theirs: string;
  /** The ratio of the medians; none: only told. */
  atMost?: number;
  /** What is compared; wall time if it is not said. */
  of?: 'median' | 'cpu';
}

/** A ratio as it was measured. */
export interface Ratio extends Aim {
  ratio: number;
}

/** One run of a bench: what `bench/results/NAME.json` holds. */
export interface Result {
  /** What was timed: "start to end of one container". */
  title: string;
  /** Under what circumstances: "cgroup v2 alone". */
  view: string;
  rows: Measured[];
  ratios: Ratio[];
  /** Of what was measured: kernel, processor, peers. */
  machine: string;
}

const version = (program: string): string[] => {
  try {
    const [line = ''] = execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n');
    return [line.trim()];
  } catch {
    return [];
  }
};

export const machine = (): string =>
  [
    `Linux ${release()}`,
    `${cpus().length} × ${cpus()[0]?.model ?? 'a processor'}`,
    ...['runc', 'crun', 'bwrap', 'podman'].flatMap(version),
  ].join('; ');

const at = (n: number): string => n.toFixed(2).padStart(9);

/** Print a table of it and keep it as `bench/results/NAME.json`. */
export function report(
  name: string,
  title: string,
  view: string,
  rows: readonly Measured[],
  aims: readonly Aim[],
): void {
  const ratios = aims.flatMap((aim) => {
    const value = (row: string): number | undefined =>
      rows.find((each) => each.name === row)?.[aim.of ?? 'median'];
    const [ours, theirs] = [value(aim.ours), value(aim.theirs)];
    return ours === undefined || theirs === undefined ? [] : [{ ...aim, ratio: ours / theirs }];
  });
  const width = Math.max(...rows.map((row) => row.name.length), title.length);
  const lines = [
    ...(view ? [view] : []),
    `${title.padEnd(width)}  median ms    best ms     CPU ms   peak MiB`,
    ...rows.map(
      (row) =>
        `${row.name.padEnd(width)}  ${at(row.median)}  ${at(row.best)}  ${at(row.cpu)}  ${at(row.peak)}`,
    ),
    ...ratios.map(({ ours, theirs, ratio, atMost, of }) => {
      const aim = atMost === undefined ? '' : ` (aim: at most ${atMost}${ratio > atMost ? '; not met' : ''})`;
      return `${of === 'cpu' ? 'CPU of ' : ''}${ours} / ${theirs}: ${ratio.toFixed(2)}${aim}`;
    }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const result: Result = { title, view, rows: [...rows], ratios, machine: machine() };
  const directory = join(import.meta.dirname, 'results');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
