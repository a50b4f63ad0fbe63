import { describe, expect, test } from 'vitest';
import { probablyMeant } from '../src/common.ts';
import { UsageError } from '../src/errors.ts';
import type { Host } from '../src/host.ts';
import type { Tool } from '../src/tool.ts';
import { runTool } from '../src/verbs.ts';
import { hostOf, nameTool, siblingsOf } from './fixtures.ts';

const call = (argv: string[], changed: Partial<Host> = {}, tool: unknown = nameTool) =>
  runTool(tool as Tool, hostOf('ns-enter', argv, changed), siblingsOf());

test('an act gets no more operands than it takes', async () => {
  await expect(call(['--show', 'a', 'b', 'c', 'd'])).rejects.toThrow(
    'd is too much: --show[=WHAT] takes 3 words beside it',
  );
  await expect(call(['--drop', 'it'])).rejects.toThrow('it is too much: --drop takes no word beside it');
});

test('with --plan an act that only asks says so, and is not carried out', async () => {
  expect(await call(['--plan', '--drop'])).toBe(0);
  expect(await call(['--drop'])).toBe(7);
});

test('an act gets its operands and gives its exit code', async () => {
  expect(await call(['--show', 'a', 'b'])).toBe(2);
  expect(await call(['--drop'])).toBe(7);
});

test('an act may run the command itself where it says so', async () => {
  expect(await call(['--learn', '--', 'true'])).toBe(7);
  expect(await call(['--learn', 'true'])).toBe(7);
});

const alone = { ...nameTool, alone: () => 42 };

test('a tool that does something alone does it without --amend', async () => {
  expect(await call([], {}, alone)).toBe(42);
});

describe('one verb a call', () => {
  test.each([
    [['--show', '--drop'], '--show and --drop are two acts; one call does one'],
    [['--drop', '--', 'true'], '--drop takes no command; leave out -- true'],
    [
      ['--hostname', 'x', '--'],
      'no command after "--"; to run a command: ns-enter --hostname x -- COMMAND; to amend a spec: ctr-run spec - | ns-enter --hostname x',
    ],
    [['--plan'], '--plan needs a command'],
    [['--amend', '--', 'true'], 'unknown flag --amend'],
    [['--keep'], '--keep has no place in a spec'],
  ])('%j', async (argv, message) => {
    const caught = await call(argv).catch((error: unknown) => error);
    expect(caught).toBeInstanceOf(UsageError);
    expect((caught as Error).message).toContain(message);
  });

  test('amending from a terminal says what was probably meant', async () => {
    await expect(call(['-n', 'my box'], { tty: [true, true, true] })).rejects.toThrow(
      "no command, and stdin is a terminal and no spec; to run a command: ns-enter -n 'my box' -- COMMAND; to amend a spec: ctr-run spec - | ns-enter -n 'my box'",
    );
  });

  test('an act and --amend exclude each other', async () => {
    await expect(call(['--amend', '--drop'], {}, alone)).rejects.toThrow('give one');
    await expect(call(['--amend', '--', 'ls'], {}, alone)).rejects.toThrow('takes no command');
  });
});

test('the line probably meant has --amend where the tool needs it', () => {
  expect(probablyMeant(alone as unknown as Tool, hostOf('ns-enter', ['-n', 'x']))).toBe(
    'to run a command: ns-enter -n x -- COMMAND; to amend a spec: ctr-run spec - | ns-enter --amend -n x',
  );
});
