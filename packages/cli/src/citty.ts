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
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { allFlags } from './common.ts';
import { argsOf } from './define.ts';
import type { Described } from './tool.ts';

/**
 * The command. `launcher` is the tool's file or its name in PATH; the tool's own name if left
 * out. Running it waits for the tool, with this process's own terminal, and leaves its exit
 * code in `process.exitCode` (128+N if a signal ended it).
 */
export function cittyCommand(tool: Described, launcher: string = tool.meta.name): CommandDef {
  return defineCommand({
    meta: tool.meta,
    args: argsOf(allFlags(tool)) as ArgsDef,
    run({ rawArgs }) {
      const { status, signal, error } = spawnSync(launcher, rawArgs, { stdio: 'inherit' });
      if (error) throw error;
      process.exitCode = signal ? 128 + constants.signals[signal] : (status ?? 1);
    },
  });
}
