/** Whole processes timed in turn, by `interleave.c`. */
import { execFileSync } from 'node:child_process';

/** One contender: its name, and the command line that is timed. */
export interface Contender {
  name: string;
  /** `@@` in a word stands for a text that is new in each round; `<FILE` as the first word: see `interleave.c`. */
  argv: readonly string[];
  /** Carried out in its place, and not told of: what has to be done between what is measured. */
  untold?: boolean;
}

export interface Measured {
  name: string;
  /** Milliseconds from start to end. */
  median: number;
  best: number;
  /** Milliseconds of CPU, of it and of everything that it waited for: the median. */
  cpu: number;
  /** MiB, the largest of any process among these: the median. */
  peak: number;
  runs: number;
}

/** Compile a C file of this directory; the path of the program. */
export function compile(source: string, directory: string, flags: readonly string[] = []): string {
  const program = `${directory}/${source.replace(/\.c$/, '')}`;
  execFileSync('cc', [
    '-O2',
    '-Wall',
    '-Wextra',
    ...flags,
    '-o',
    program,
    `${import.meta.dirname}/${source}`,
  ]);
  return program;
}

/** The one in the middle. */
export const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Run the contenders in turn, `rounds` times each after `warmup`, with the interleaver built in `directory`. */
export function measure(
  contenders: readonly Contender[],
  rounds: number,
  warmup: number,
  directory: string,
): Measured[] {
  const interleave = compile('interleave.c', directory);
  const words = contenders.flatMap(({ argv, untold }, i) => [
    ...(i === 0 ? [] : ['---']),
    ...(untold ? ['+'] : []),
    ...argv,
  ]);
  const text = execFileSync(interleave, [String(warmup), String(rounds), ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  return contenders.flatMap(({ name, untold }, i) => {
    if (untold) return [];
    const own = lines.filter(([index]) => index === i);
    const column = (at: number, unit: number): number[] => own.map((line) => line[at]! / unit);
    const wall = column(1, 1e6);
    const measured = { median: middle(wall), best: Math.min(...wall) };
    return [
      { name, ...measured, cpu: middle(column(2, 1e3)), peak: middle(column(3, 1024)), runs: own.length },
    ];
  });
}
