/** Somebody who exchanges two names while a container is made of what they lead to. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { killOne, start, tempDir, until } from '../../../test/support.ts';

let program: string | undefined;

/** Exchange the two until the test's work is done, which may take any number of tries. */
export async function exchanging<T>(one: string, other: string, work: () => T): Promise<T> {
  if (!program) {
    program = join(tempDir('exchange'), 'exchange');
    execFileSync('cc', ['-O1', '-o', program, join(import.meta.dirname, 'exchange.c')]);
  }
  const running = start(program, [one, other]);
  await until('the two are exchanged', () => running.output().stdout.includes('ready'));
  try {
    return work();
  } finally {
    killOne(running.child.pid!);
    await running.ended;
  }
}
