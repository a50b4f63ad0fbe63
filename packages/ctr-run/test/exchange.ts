/** Somebody who exchanges two names while a container is made of what they lead to. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { killOne, slower, start, top, until } from '../../../test/support.ts';

/** How often a race is tried: a start takes seconds under emulation. */
export const tries = slower > 1 ? 8 : 40;

let isMade = false;

/** Build that program. A machine of the tests' own has no compiler and gets the built file. */
export function makeExchange(): void {
  const words = ['-s', '-C', join(top, 'native'), 'build/exchange'];
  const { status, stderr } = spawnSync('make', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`make ${words.slice(1).join(' ')}: ${stderr}`);
}

/** Exchange the two until the test's work is done, which may take any number of tries. */
export async function exchanging<T>(one: string, other: string, work: () => T): Promise<T> {
  if (!isMade && existsSync(join(top, '.cache/planner.js'))) makeExchange();
  isMade = true;
  const running = start(join(top, 'native/build/exchange'), [one, other]);
  await until('the two are exchanged', () => running.output().stdout.includes('ready'));
  try {
    return work();
  } finally {
    killOne(running.child.pid!);
    await running.ended;
  }
}
