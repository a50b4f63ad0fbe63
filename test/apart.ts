/** The tools in a directory of their own, from which Node can be taken away: what runs without it uses a plan again. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tools as names } from '../scripts/tools.ts';
import { dist } from './dist.ts';
import { tempDir } from './support.ts';

/** How a call ends that finds no plan, and no Node for the planner. */
export const noPlanner = {
  status: 125,
  stdout: '',
  stderr: expect.stringContaining('no Node for the planner'),
};

/** Names of the plans that are kept in a state root. */
export const plansIn = (root: string): string[] =>
  existsSync(`${root}/.plans`) ? readdirSync(`${root}/.plans`) : [];

/** Lay the tools apart, with the planner on Node. */
export function layApart() {
  const directory = tempDir('tools');
  for (const part of ['bin', 'lib']) mkdirSync(join(directory, part));
  for (const name of [...names, 'ctr-launcher'])
    copyFileSync(join(dist, 'bin', name), join(directory, 'bin', name));
  const planner = join(directory, 'lib/planner.cjs');
  const node = join(directory, 'lib/node');
  symlinkSync(join(dist, 'lib/planner.cjs'), planner);
  symlinkSync(readlinkSync(join(dist, 'lib/node')), node);
  const away = `${node}.away`;
  const take = (): void => renameSync(node, away);
  /** Nothing where it was not taken. */
  const give = (): void => {
    if (existsSync(away)) renameSync(away, node);
  };
  return {
    directory,
    planner,
    tool: (name: string): string => join(directory, 'bin', name),
    take,
    give,
    /** Do something without Node. */
    without<T>(call: () => T): T {
      take();
      try {
        return call();
      } finally {
        give();
      }
    },
  };
}
