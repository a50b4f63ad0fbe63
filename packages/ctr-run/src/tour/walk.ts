/** A page of docs/ as a walk: each command is shown, and run when Enter is pressed. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { out, type Style } from '@ctr-tools/cli';
import type { Block, Chapter } from './page.ts';
import { clear, lacks, type Place, removeContainers } from './place.ts';
import { prose } from './prose.ts';
import { Session } from './session.ts';

/** What the walk itself says, in the language of the page. */
export interface Words {
  prompt: string;
  /** `{}` stands for what is missing. */
  leftOut: string;
  status: string;
  clearing: string;
  done: string;
}

export interface Paper {
  width: number;
  style: Style;
  /** Enter is seen as it is typed. */
  echo: boolean;
}

const deadly = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;

/** Lines of stdin one by one; undefined at its end, and from `stop` on. */
function asker() {
  const lines: string[] = [];
  let ended = false;
  let wake: () => void = () => {};
  const reader = createInterface({ input: process.stdin, terminal: false });
  const stop = (): void => {
    ended = true;
    wake();
  };
  reader.on('line', (line) => {
    lines.push(line);
    wake();
  });
  reader.on('close', stop);
  return {
    async next(): Promise<string | undefined> {
      while (lines.length === 0 && !ended)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return lines.shift();
    },
    stop: (): void => {
      lines.length = 0;
      stop();
    },
    close: (): void => reader.close(),
  };
}

/**
 * Walk through `chapters`, after `before` has been run unseen. Whatever ends it (the last command, `q`, the end of
 * stdin, a signal, a closed stdout), what was made is taken away; a signal ends the process then.
 */
export async function walk(
  place: Place,
  before: readonly Chapter[],
  chapters: readonly Chapter[],
  words: Words,
  paper: Paper,
): Promise<number> {
  const { style } = paper;
  const person = asker();
  let told: NodeJS.Signals | undefined;
  let ending = false;
  let session = new Session(place.directory, place.env);
  const end = (): Promise<void> => session.end(() => void removeContainers(place));
  for (const signal of deadly)
    process.on(signal, () => {
      // Once is enough: a second one would leave things behind.
      if (told !== undefined) return;
      told = signal;
      person.stop();
      if (!ending) void end();
    });
  let undone: Block[] = [];
  const blocksOf = ({ parts }: Chapter): Block[] => parts.filter((part) => part.kind === 'block');
  const stepsOf = (blocks: readonly Block[]) =>
    blocks.filter(({ needs }) => lacks(place, needs) === undefined).flatMap(({ steps }) => steps);

  /** What was typed before the next command: go on, the next chapter, or the end. */
  const ask = async (): Promise<'run' | 'next' | 'quit'> => {
    out(style.dim(words.prompt));
    const line = await person.next();
    if (!paper.echo || line === undefined) out('\n');
    if (line === undefined || told !== undefined || line.trim() === 'q') return 'quit';
    return line.trim() === 'n' ? 'next' : 'run';
  };
  const block = async ({ needs, steps }: Block): Promise<'run' | 'next' | 'quit'> => {
    const missing = lacks(place, needs);
    if (missing !== undefined) out(`${style.dim(words.leftOut.replace('{}', missing))}\n`);
    else
      for (const { command } of steps) {
        out(`${style.bold(`$ ${command}`)}\n`);
        const answer = await ask();
        if (answer !== 'run') return answer;
        const { status } = await session.run(command, out);
        if (told !== undefined) return 'quit';
        if (status !== 0) out(`${style.dim(`${words.status} ${status}`)}\n`);
      }
    out('\n');
    return 'run';
  };
  const chapter = async (one: Chapter): Promise<boolean> => {
    undone = blocksOf(one).filter(({ undo }) => undo);
    out(`${style.heading(one.title)}\n\n`);
    for (const part of one.parts) {
      if (part.kind === 'prose') {
        const text = prose(part.lines, paper.width, style);
        out(text === '' ? '' : `${text}\n`);
        continue;
      }
      const answer = await block(part);
      if (answer === 'quit') return false;
      if (answer === 'next') break;
    }
    // After `n` too, and harmless where the walk has been through them.
    for (const { command } of stepsOf(undone)) if (told === undefined) await session.run(command);
    undone = [];
    return told === undefined;
  };

  try {
    for (const { command } of stepsOf(before.flatMap(blocksOf))) await session.run(command);
    let whole = true;
    for (const one of chapters) if (whole) whole = told === undefined && (await chapter(one));
    if (told === undefined) out(`${style.dim(whole ? words.done : words.clearing)}\n`);
  } finally {
    ending = true;
    await end();
    if (undone.length > 0) {
      session = new Session(place.directory, place.env);
      for (const { command } of stepsOf(undone)) await session.run(command);
      await end();
    }
    clear(place);
    person.close();
    for (const signal of deadly) process.removeAllListeners(signal);
  }
  if (told !== undefined) process.kill(process.pid, told);
  return 0;
}
