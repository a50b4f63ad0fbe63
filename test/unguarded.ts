/**
 * The tools with a guard taken out: an attack that fails is worth something where the same attack
 * succeeds without the guard. native/test/unguarded.c says which guards there are.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { toolNames as tools } from '../packages/cli/src/tool-names.ts';
import { dist } from './dist.ts';
import { tempDir, top } from './support.ts';

export type Guard =
  | 'console'
  | 'descriptors'
  | 'directory'
  | 'dumpable'
  | 'mounts'
  | 'null'
  | 'paths'
  | 'procfs'
  | 'sealing'
  | 'writing';

export interface Unguarded {
  /** The launcher's file, which reads from CTR_UNGUARDED what is taken out. */
  launcher: string;
  /** A script that calls a tool of this launcher with that variable: an engine gives a runtime none of its caller's. */
  tool(name: string): string;
}

const native = join(top, 'native');

/** Build that launcher. A machine of the tests' own has no compiler and gets the built file. */
export function makeUnguarded(): void {
  const words = ['-s', '-C', native, 'build/unguarded/ctr-launcher'];
  const { status, stderr } = spawnSync('make', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`make ${words.slice(1).join(' ')}: ${stderr}`);
}

/** Lay out the tools without these guards, in a directory that goes when the test file ends. */
export function unguarded(...guards: Guard[]): Unguarded {
  const native = join(top, 'native');
  if (existsSync(join(top, '.cache/planner.js'))) makeUnguarded();
  const directory = tempDir('unguarded');
  chmodSync(directory, 0o755);
  for (const part of ['bin', 'scripts']) mkdirSync(join(directory, part));
  symlinkSync(join(dist, 'lib'), join(directory, 'lib'));
  const launcher = join(directory, 'bin/ctr-launcher');
  copyFileSync(join(native, 'build/unguarded/ctr-launcher'), launcher);
  for (const name of tools) {
    // The siblings that a chain knows by their bare names.
    linkSync(launcher, join(directory, 'bin', name));
    const path = join(directory, 'scripts', name);
    writeFileSync(path, `#!/bin/sh\nCTR_UNGUARDED=${guards.join(',')} exec ${directory}/bin/${name} "$@"\n`);
    chmodSync(path, 0o755);
  }
  return { launcher, tool: (name) => join(directory, 'scripts', name) };
}
