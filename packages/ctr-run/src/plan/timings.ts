/** What each step of a run took, from the log that `--debug --log FILE` writes (native/src/plan/report.c, log_step). Pure. */
import { paint, truncate } from '@ctr-tools/cli';
import { plain } from '../inspect/plain.ts';

export interface Timed {
  /** The step's number, or undefined for the planning before the first. */
  step?: number;
  process: number;
  /** Milliseconds since the launcher began. */
  at: number;
  took: number;
  text: string;
  /** It waits for another process of the plan, so its time is another's. */
  waits: boolean;
}

export interface Timings {
  /** Until the command ran, or until the launcher went. */
  start: Timed[];
  /** After the command: what is taken down. */
  end: Timed[];
}

const told = /^step (\d+) of process (\d+) at (\d+\.\d+) ms took (\d+\.\d+) ms: (.*)$/s;
const waiting = /^(await\w*|supervise|ask)\b/;

/** The message of a line in either form of logrus; undefined where it is not one of ours. */
function messageOf(line: string): string | undefined {
  try {
    if (line.startsWith('{')) return String((JSON.parse(line) as { msg?: unknown }).msg);
    const quoted = / level=debug msg=(".*")$/.exec(line)?.[1];
    return quoted === undefined ? undefined : (JSON.parse(quoted) as string);
  } catch {
    return undefined;
  }
}

/** The last run that a log tells of; undefined where it tells of none. */
export function timingsOf(log: string): Timings | undefined {
  let all: Timed[] = [];
  for (const line of log.split('\n')) {
    const [, step, process, at, took, text] = told.exec(messageOf(line) ?? '') ?? [];
    if (text === undefined) continue;
    // Engines append the runs of all their containers to one file.
    if (step === '0') all = [];
    all.push({
      step: Number(step),
      process: Number(process),
      at: Number(at),
      took: Number(took),
      text,
      waits: waiting.test(text),
    });
  }
  if (all.length === 0) return undefined;
  const ran = all.findIndex(({ text }) => text.startsWith('supervise'));
  const start = (ran < 0 ? all : all.slice(0, ran)).toSorted((a, b) => a.at - b.at);
  const planning: Timed = { process: 0, at: 0, took: start[0]?.at ?? 0, text: 'planning', waits: false };
  return { start: [planning, ...start], end: ran < 0 ? [] : all.slice(ran + 1) };
}

export const endOf = (steps: readonly Timed[]): number => Math.max(0, ...steps.map((s) => s.at + s.took));

/** Those that took a hundredth of the whole, and how many others there are. */
export function telling(steps: readonly Timed[]): { shown: Timed[]; left: Timed[] } {
  const least = (endOf(steps) - (steps[0]?.at ?? 0)) / 100;
  return { shown: steps.filter((s) => s.took >= least), left: steps.filter((s) => s.took < least) };
}

export const who = (process: number): string => ['host', 'container'][process] ?? `child ${process}`;
export const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

interface Paper {
  width: number;
  /** Lines may not be longer than that. */
  cut: boolean;
  color: boolean;
}

/** A waterfall of letters. */
export function asWaterfall({ start, end }: Timings, paper: Paper): string {
  const ran = start.some(({ text }) => text.startsWith('await_exec'));
  const sections = [
    `START  ${ms(endOf(start))} ms, ${start.length - 1} steps${ran ? ' until the command ran' : ''}`,
    ...waterfall(start, paper),
    ...(end.length > 0
      ? [
          '',
          `END  ${ms(endOf(end) - end[0]!.at)} ms, ${end.length} steps after the command`,
          ...waterfall(end, paper),
        ]
      : []),
  ];
  return `${sections.join('\n')}\n`;
}

function waterfall(steps: readonly Timed[], { width, cut, color }: Paper): string[] {
  const begin = steps[0]!.at;
  const whole = Math.max(endOf(steps) - begin, 0.001);
  const room = Math.max(16, Math.min(60, Math.floor(width / 4)));
  const { shown, left } = telling(steps);
  const style = paint(color);
  const lines = shown.map((one) => {
    const from = Math.min(room - 1, Math.floor(((one.at - begin) / whole) * room));
    const length = Math.max(1, Math.min(room - from, Math.round((one.took / whole) * room)));
    const bar = (one.waits ? '░' : '█').repeat(length);
    const numbers = `${ms(one.at - begin).padStart(7)}  ${ms(one.took).padStart(6)}  ${who(one.process).padEnd(9)}  `;
    const words = `${one.step === undefined ? '' : `${one.step} `}${plain(one.text)}`;
    const space = width - numbers.length - room - 2;
    const drawn = `${' '.repeat(from)}${one.waits ? style.dim(bar) : style.flag(bar)}${' '.repeat(room - from - length)}`;
    return `${numbers}${drawn}  ${cut ? truncate(words, Math.max(8, space)) : words}`.trimEnd();
  });
  return [
    `${'AT MS'.padStart(7)}  ${'TOOK'.padStart(6)}  ${'WHO'.padEnd(9)}  ${' '.repeat(room)}  STEP`,
    ...lines,
    ...(left.length > 0
      ? [`${left.length} shorter steps took ${ms(left.reduce((sum, s) => sum + s.took, 0))} ms together`]
      : []),
  ];
}
