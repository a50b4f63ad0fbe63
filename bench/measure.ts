/** Whole processes timed in turn, by `interleave.c`. */
import { execFileSync } from 'node:child_process';

/** One contender: its name, and the command line that is timed. */
export interface Contender {
  name: string;
  argv: readonly string[];
}

export interface Measured {
  name: string;
  /** Milliseconds. */
  median: number;
  best: number;
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

/** Run the contenders in turn, `rounds` times each after `warmup`, with the interleaver built in `directory`. */
export function measure(
  contenders: readonly Contender[],
  rounds: number,
  warmup: number,
  directory: string,
): Measured[] {
  const interleave = compile('interleave.c', directory);
  const words = contenders.flatMap(({ argv }, i) => (i === 0 ? argv : ['---', ...argv]));
  const text = execFileSync(interleave, [String(warmup), String(rounds), ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const times: number[][] = contenders.map(() => []);
  for (const line of text.trim().split('\n')) {
    const [index, nanoseconds] = line.split(' ').map(Number);
    times[index!]!.push(nanoseconds! / 1e6);
  }
  return contenders.map(({ name }, i) => {
    const sorted = times[i]!.toSorted((a, b) => a - b);
    return { name, median: sorted[sorted.length >> 1]!, best: sorted[0]!, runs: sorted.length };
  });
}
