/** Commands as citty defines them, from our tables. What citty lacks stands beside its own members. */
import { type CommandDef, defineCommand } from 'citty';
import type { Arg, Definition, Flag, Program, Tool } from './tool.ts';

/** A table of flags as the arguments of a definition. */
export const argsOf = (flags: readonly Flag[]): Record<string, Arg> =>
  Object.fromEntries(flags.map((flag) => [flag.name, typed(flag)]));

/** In its place: flags that many commands share lie in the planner's heap once. */
const typed = (flag: Flag): Arg =>
  Object.assign(flag, { type: flag.valueHint === undefined ? 'boolean' : 'string' } as const) as Arg;

/** The flags of a definition, in the order of the help. */
export const flagsOf = ({ args }: Pick<Definition, 'args'>): readonly Flag[] => Object.values(args);

/** `defineCommand` gives back what it is given, and forgets what is not citty's. */
const define = <T extends CommandDef>(command: T): T => defineCommand(command) as T;

export const defineTool = <O, F>(tool: Tool<O, F>): Tool<O, F> => define(tool);
/** The commands of a program. */
export const defineAll = <T extends CommandDef>(commands: readonly T[]): readonly T[] => commands.map(define);
export const defineProgram = (program: Program): Program => define(program);
