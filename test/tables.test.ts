/**
 * What holds for every flag of every tool, by the tables that command lines are split by: a flag that is
 * new is in here by itself.
 */

import { describe, expect, test } from 'vitest';
import { aaConfine } from '../packages/aa-confine/src/index.ts';
import { capsDrop } from '../packages/caps-drop/src/index.ts';
import { cgLimit } from '../packages/cg-limit/src/index.ts';
import { grammarOf, reads } from '../packages/cli/src/common.ts';
import {
  COMMAND,
  type Command,
  completions,
  type Flag,
  flagsOf,
  type Grammar,
  isOptional,
  parseArgv,
  runTool,
  type Tool,
  UsageError,
} from '../packages/cli/src/index.ts';
import { toolNames as names } from '../packages/cli/src/tool-names.ts';
import { hostOf } from '../packages/cli/test/fixtures.ts';
import { topFlags } from '../packages/ctr-run/src/globals.ts';
import { ctrRun } from '../packages/ctr-run/src/index.ts';
import { subcommands } from '../packages/ctr-run/src/subcommands.ts';
import { imgPull } from '../packages/img-pull/src/index.ts';
import { netJoin } from '../packages/net-join/src/index.ts';
import { nsEnter } from '../packages/ns-enter/src/index.ts';
import { seccompLoad } from '../packages/seccomp-load/src/index.ts';
import { ufsMount } from '../packages/ufs-mount/src/index.ts';

const tools = [
  nsEnter,
  cgLimit,
  ufsMount,
  capsDrop,
  seccompLoad,
  aaConfine,
  netJoin,
  imgPull,
] as unknown as Tool[];

test('these are all the tools that there are', () => {
  expect([...tools, ctrRun as Command].map(({ meta }) => meta.name).toSorted()).toEqual(names.toSorted());
});

const lines: readonly (readonly [string, Grammar])[] = [
  ...tools.map((tool) => [tool.meta.name, grammarOf(tool)] as const),
  ['ctr-run', { flags: topFlags, command: 'first-operand' }],
  ...subcommands.map(
    ({ meta, args, command }) => [`ctr-run ${meta.name}`, { flags: flagsOf({ args }), command }] as const,
  ),
];

const takesValue = (flag: Flag): boolean => flag.valueHint !== undefined;

describe.each(lines.filter(([, { flags }]) => flags.some(takesValue)))('%s', (_name, grammar) => {
  // docker-run(1): an empty entry point is none.
  const valued = grammar.flags.filter((flag) => takesValue(flag) && flag.name !== 'entrypoint');

  test('an empty value is refused, however it is given, by every flag that takes one', () => {
    for (const flag of valued) {
      const long = `--${flag.name}`;
      const letters = (flag.alias ?? []).filter((name) => name.length === 1).map((name) => `-${name}`);
      const forms = [[`${long}=`], ...letters.map((letter) => [`${letter}=`])];
      if (!isOptional(flag)) forms.push([long, ''], ...letters.map((letter) => [letter, '']));
      for (const words of forms) {
        const parse = () => parseArgv([...words, '--', 'true'], grammar);
        expect(parse, words.join(' ')).toThrow(UsageError);
        expect(parse, words.join(' ')).toThrow(/has an empty value; it needs/);
      }
    }
  });
});

/** A value that parses, for acts that need one. */
const someValue = (flag: Flag): string[] =>
  flag.valueHint === undefined || isOptional(flag) ? [`--${flag.name}`] : [`--${flag.name}`, 'default'];

describe.each(tools.map((tool) => [tool.meta.name, tool] as const))('acts of %s', (name, tool) => {
  const acts = flagsOf(tool).filter(
    // Else the word begins the command.
    (flag) => flag.act !== undefined && !(flag.takesCommand && tool.command === 'first-operand'),
  );
  const call = (...argv: string[]) =>
    runTool(
      {
        ...tool,
        act: (act) => {
          throw new Error(`${act} was carried out`);
        },
      },
      hostOf(name, argv),
      async () => undefined,
    );

  test('a word that an act does not take is refused, and the act not carried out', async () => {
    expect(acts).not.toEqual([]);
    // What a tool reads itself its own tests refuse.
    for (const act of acts.filter(({ operands }) => operands !== 'tool')) {
      const words = Array.from({ length: Number(act.operands ?? 0) + 1 }, (_, n) => `./word${n}`);
      const refused = call(...someValue(act), ...words);
      await expect(refused, act.name).rejects.toThrow(UsageError);
      await expect(refused, act.name).rejects.toThrow(
        isOptional(act) && !act.operands ? `--${act.name}=./word0` : /is too much/,
      );
    }
  });

  test('a flag that an act does not read is refused, and one for an act alone without it', async () => {
    const refusal = /(goes with|says how a command is run)/;
    for (const flag of flagsOf(tool).filter((one) => !one.act)) {
      const words =
        flag.valueHint === undefined || isOptional(flag) ? [`--${flag.name}`] : [`--${flag.name}`, 'x'];
      for (const act of acts.filter((one) => !reads(one, flag)))
        await expect(call(...someValue(act), ...words), `${act.name} ${flag.name}`).rejects.toThrow(refusal);
      for (const named of flag.acts ?? [])
        expect(
          [
            COMMAND,
            ...flagsOf(tool)
              .filter((one) => one.act)
              .map((one) => one.name),
          ],
          flag.name,
        ).toContain(named);
      if (!reads(undefined, flag))
        await expect(call(...words, '--', 'true'), flag.name).rejects.toThrow(`--${flag.name} goes with`);
    }
  });

  test('beside an act only the flags that it reads are completed', async () => {
    const own = new Set(flagsOf(tool).map((flag) => `--${flag.name}`));
    for (const act of acts.filter((one) => !one.takesCommand)) {
      const lines = await completions(
        tool,
        [...someValue(act), '--'],
        hostOf(name, []),
        async () => undefined,
      );
      const offered = lines.map(([word]) => word).filter((word) => own.has(word));
      const read = flagsOf(tool).filter((flag) => (flag !== act || flag.many) && reads(act, flag));
      expect(offered, act.name).toEqual(read.map((flag) => `--${flag.name}`));
    }
    expect(own.size).toBeGreaterThan(0);
  });

  test('an empty word is refused', async () => {
    for (const act of acts)
      await expect(call(...someValue(act), ''), act.name).rejects.toThrow(/a word is empty/);
  });
});
