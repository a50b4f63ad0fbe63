import type { Definition, Flag, Host, Outcome, Parsed } from '@ctr-tools/cli';
import type { Globals } from './globals.ts';

/** What a subcommand is given. */
export interface Call {
  parsed: Parsed;
  globals: Globals;
  host: Host;
}

/** One subcommand's face: parser and help are made from it. Its code is loaded only when it is called. */
export interface Subcommand extends Definition {
  usage: readonly string[];
  /** Flags that the line may have so that it is refused in words; they are in no help. */
  refused?: readonly Flag[];
  command: 'first-operand' | 'after-dashes' | 'never';
  /** How many operands of its own, at least and at most. */
  operands: readonly [number, number];
  examples?: readonly (readonly [string, string])[];
  notes?: readonly string[];
  /** Whether only Node can carry out this line of it: it runs programs, waits, or makes system calls of its own. */
  node?(parsed: Parsed): boolean;
  load(): Promise<{ run(call: Call): Outcome | Promise<Outcome> }>;
}

export const one = (call: Call, flag: string): string | undefined => call.parsed.flags.get(flag)?.at(-1);
export const many = (call: Call, flag: string): readonly string[] => call.parsed.flags.get(flag) ?? [];
export const has = (call: Call, flag: string): boolean => call.parsed.flags.has(flag);
