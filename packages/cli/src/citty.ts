/**
 * A tool as a command of citty, for programs that are built with it: they can list the tool
 * among their subcommands, show citty's usage text of it, and run it.
 *
 *     const main = defineCommand({ subCommands: { ns: cittyCommand(nsEnter) } });
 *
 * citty only describes here. The words of the line go to the tool as they are, for citty's own
 * parser would take what belongs to the command behind it (`ns -- ls --help`).
 */
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { type ArgDef, type CommandDef, defineCommand } from 'citty';
import { isOptional } from './argv.ts';
import { allFlags } from './common.ts';
import type { Described, Flag } from './tool.ts';

function argOf(flag: Flag): ArgDef {
  const common = { description: flag.help, alias: [...(flag.alias ?? [])] };
  if (flag.value === undefined) return { ...common, type: 'boolean' };
  return { ...common, type: 'string', valueHint: isOptional(flag) ? flag.value.slice(1, -1) : flag.value };
}

/**
 * The command. `launcher` is the tool's file or its name in PATH; the tool's own name if left
 * out. Running it waits for the tool, with this process's own terminal, and leaves its exit
 * code in `process.exitCode` (128+N if a signal ended it).
 */
export function cittyCommand(tool: Described, launcher: string = tool.name): CommandDef {
  return defineCommand({
    meta: { name: tool.name, description: tool.summary },
    args: Object.fromEntries(allFlags(tool).map((flag) => [flag.name, argOf(flag)])),
    run({ rawArgs }) {
      const { status, signal, error } = spawnSync(launcher, rawArgs, { stdio: 'inherit' });
      if (error) throw error;
      process.exitCode = signal ? 128 + constants.signals[signal] : (status ?? 1);
    },
  });
}
