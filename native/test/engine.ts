/** Running the planner's engine on scripts made here, as tests do it. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { slower } from '../../test/support.ts';
import { work } from './launcher.ts';

export const engine = resolve(import.meta.dirname, '../build/engine-run');
let count = 0;

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export const ended = (file: string, words: string[], input?: string): Ended => {
  const { status, signal, stdout, stderr } = spawnSync(file, words, {
    encoding: 'utf8',
    input,
    timeout: 60_000 * slower,
    maxBuffer: 64 << 20,
  });
  return { status, signal, stdout, stderr };
};

/** A bundle's file. */
export function bundle(script: string): string {
  const path = join(work, `bundle-${count++}.js`);
  writeFileSync(path, script);
  return path;
}

/** Run a script whose `main` is given; limits are MiB of heap, KiB of stack and seconds. */
export const run = (main: string, ...limits: number[]): Ended =>
  ended(engine, [bundle(`globalThis.main = () => { ${main} };`), ...limits.map(String)]);
