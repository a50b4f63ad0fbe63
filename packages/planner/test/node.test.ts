/** What stays on Node: nothing that plans, and what docs/architecture.md says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aaConfine } from '@ctr-tools/aa-confine';
import { capsDrop } from '@ctr-tools/caps-drop';
import { cgLimit } from '@ctr-tools/cg-limit';
import type { Tool } from '@ctr-tools/cli';
import { flagsOf } from '@ctr-tools/cli';
import { imgPull } from '@ctr-tools/img-pull';
import { nsEnter } from '@ctr-tools/ns-enter';
import { seccompLoad } from '@ctr-tools/seccomp-load';
import { ufsMount } from '@ctr-tools/ufs-mount';
import { expect, test } from 'vitest';
import { bundleForEngine } from '../../../scripts/planner-bundle.ts';
import { subcommands } from '../../ctr-run/src/subcommands.ts';

const top = join(import.meta.dirname, '../../..');
const tools = [nsEnter, cgLimit, ufsMount, capsDrop, seccompLoad, aaConfine, imgPull] as unknown as Tool[];

/** Rows of the table of what needs Node, their first cells. */
const rows = readFileSync(join(top, 'docs/architecture.md'), 'utf8')
  .split('| needs Node because it')[1]!
  .split('\n\n')[0]!
  .split('\n')
  .map((line) => line.split('|')[1] ?? '');

test('planning code imports no module of Node and uses none of its globals', async () => {
  // It throws for the first that does.
  const { onlyOnNode } = await bundleForEngine('0.0.0');
  // What acts are: nobody plans, amends or makes a container with these.
  for (const path of onlyOnNode)
    expect(path).toMatch(
      /\/(act|watch|systemd|commands|container)\/|\/(garbage|write-image|zstd|pull|push|referrers)\.ts$/,
    );
}, 60_000);

test('each act that needs Node, and no other, is in the table', () => {
  for (const tool of tools)
    for (const { name, node = false } of flagsOf(tool).filter(({ act }) => act)) {
      const named = rows.some(
        (row) => row.includes(`\`${tool.meta.name} `) && new RegExp(`\`.*--${name}\\b`).test(row),
      );
      const partly = ['caps-drop --show', 'seccomp-load --show', 'ufs-mount --gc', 'ufs-mount --commit'];
      expect([tool.meta.name, name, named], 'in docs/architecture.md').toEqual([
        tool.meta.name,
        name,
        node || partly.includes(`${tool.meta.name} --${name}`),
      ]);
    }
});

test('each command of ctr-run that may need Node, and no other, is in the table', () => {
  for (const {
    meta: { name },
    node,
  } of subcommands)
    expect([name, rows.some((row) => new RegExp(`\`ctr-run ${name}[ \`]`).test(row))]).toEqual([
      name,
      node !== undefined,
    ]);
});
