import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type CommandDef, renderUsage, runCommand } from 'citty';
import { afterAll, afterEach, expect, test } from 'vitest';
import { siblings } from '../../planner/src/tools.ts';
import { cittyCommand } from '../src/citty.ts';
import { flagsOf } from '../src/define.ts';
import type { Program } from '../src/tool.ts';
import { toolNames } from '../src/tool-names.ts';
import { nameTool } from './fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-citty-'));
const launcher = join(dir, 'tool');
writeFileSync(launcher, `#!/bin/sh\nprintf '<%s>' "$@" >${dir}/words\nexit 7\n`);
chmodSync(launcher, 0o755);
afterAll(() => rmSync(dir, { recursive: true }));
const before = process.exitCode;
afterEach(() => {
  process.exitCode = before;
});

test('every tool is a definition of citty’s, which shows all of its flags', async () => {
  for (const name of toolNames) {
    const command = (await siblings(name))!;
    const usage = stripVTControlCharacters(await renderUsage(command as CommandDef));
    expect(usage).toContain(command.meta.description);
    for (const flag of flagsOf(command)) expect(usage, name).toContain(`--${flag.name}`);
  }
});

test('the commands of ctr-run are subcommands of citty’s', async () => {
  const program = (await siblings('ctr-run')) as Program;
  const commands = await program.subCommands();
  expect(Object.keys(commands)).toEqual(expect.arrayContaining(['run', 'create', 'exec', 'delete']));
  const usage = stripVTControlCharacters(await renderUsage(program as CommandDef));
  for (const name of Object.keys(commands)) expect(usage).toMatch(new RegExp(`^ +${name} `, 'm'));
  expect(stripVTControlCharacters(await renderUsage(commands.exec!, program as CommandDef))).toContain(
    'ctr-run exec',
  );
});

test('citty shows the usage of a tool as a command of another program', async () => {
  const usage = stripVTControlCharacters(await renderUsage(cittyCommand(nameTool)));
  expect(usage).toContain('set the host name');
  expect(usage).toMatch(/-n, --hostname=<NAME> +the name/);
  expect(usage).toMatch(/--keep +leave it/);
});

test('the tool gets its words as they were typed, and its exit code is the program’s', async () => {
  const rawArgs = ['--hostname', 'box', '--', 'ls', '--help', '', 'a b'];
  await runCommand(cittyCommand(nameTool, launcher), { rawArgs });
  expect(readFileSync(join(dir, 'words'), 'utf8')).toBe('<--hostname><box><--><ls><--help><><a b>');
  expect(process.exitCode).toBe(7);
});

test('a tool that is not there is an error', async () => {
  await expect(runCommand(cittyCommand(nameTool, join(dir, 'none')), { rawArgs: [] })).rejects.toThrow(
    'ENOENT',
  );
});
