import type { Spec } from '@ctr-tools/oci';
import type { AnyStep, Plan } from '@ctr-tools/plan';
import type { CommandDef, StringArgDef } from 'citty';
import type { Alias } from './alias.ts';
import type { Host } from './host.ts';

/**
 * One flag of a command, once: parser, help, completion and man page are made from it. It is citty's definition of an
 * argument (`ArgDef`) and what that lacks.
 */
export interface Flag extends Pick<StringArgDef, 'description' | 'valueHint'> {
  /** The long name without dashes: `memory`. */
  name: string;
  /** `string` for one with a value; `argsOf` says it where the table does not. */
  type?: 'boolean' | 'string';
  /** One line, no full stop. */
  description: string;
  /** Other names: one letter is a short flag (`m`), more is a long alias. */
  alias?: readonly string[];
  /**
   * What the value is called in the help (`SIZE`); no value if absent. A value in square
   * brackets (`[FILE]`) is optional and can only be attached with `=`.
   */
  valueHint?: string;
  /** May be given more than once; else a second one is an error. */
  many?: boolean;
  /** Heading in the help under which it stands. */
  group?: string;
  /** The variable that is its default (`CTR_CGROUP`). */
  env?: string;
  /**
   * This flag asks or changes something outside instead of applying or amending. With `--plan` an act that asks is
   * not carried out, and one that changes says what it would do (`Tool.act`).
   */
  act?: 'asks' | 'changes';
  /** Acts beside which this act only names whom they are about: then it is not one itself. */
  beside?: readonly string[];
  /**
   * What reads it: acts by their names, and COMMAND for a command or a spec; absent, that alone. Beside anything else it is
   * refused, as it would be given for nothing.
   */
  acts?: readonly string[];
  /** What can be done where it is refused. */
  instead?: string;
  /** An act that applies what a command would have applied. */
  applies?: boolean;
  /** An act that only Node can carry out: it changes files, waits, or makes system calls of its own. */
  node?: boolean;
  /** How many operands an act takes; none if absent. `tool`: they are the tool's own, who minds them itself. */
  operands?: number | 'tool';
  /** A flag without a place in a spec: an error when amending. */
  applyOnly?: boolean;
  /** An act that runs the command itself (`--learn -- COMMAND`); without it an act beside a command is an error. */
  takesCommand?: boolean;
  /** The empty text is a value like another (`--name=`); else it is an error: an unset variable names nothing. */
  empty?: boolean;
}

/** Flags as they were given. A flag without a value is `''`; an optional value left out is `''` too. */
export interface Parsed {
  /** By long name, in the order given. */
  flags: ReadonlyMap<string, readonly string[]>;
  /** Operands of the tool itself. */
  operands: readonly string[];
  /** The command and its arguments, or undefined where there is none. `[]` where `--` ended the line. */
  command: readonly string[] | undefined;
}

/** A flag in the definition of a command: what citty says of one that takes a value, or takes none. */
export type Arg = Flag & { type: 'boolean' | 'string'; alias?: string[] };

/** What citty's definitions of commands are made of (`CommandDef`). */
export interface Definition {
  /** `description` is one line for the list of tools and the head of the help. */
  meta: { name: string; description: string };
  /** By their names, in the order of the help. */
  args: Readonly<Record<string, Arg>>;
}

/**
 * A tool: the same three verbs everywhere. `O` is its options once parsed; `F` the facts
 * that its decisions need.
 *
 * Data flows one way: argv → `options` → `amend` (a spec) → `steps` → plan. Applying is
 * amending an empty spec and carrying out its steps; so each option is understood once.
 */
export interface Tool<O = unknown, F = unknown> extends Definition {
  /** Usage lines without the name: `[FLAGS] [--] COMMAND [ARG...]`. */
  usage: readonly string[];
  /** Where the command begins: at the first operand, or only after `--`. `never`: a tool that sets nothing on a process. */
  command: 'first-operand' | 'after-dashes' | 'never';
  /** What a line without a command was probably meant to run, where peers start a shell: `$SHELL`. `COMMAND` if absent. */
  likely?: string;
  /** Paragraphs after the flags: what it does not do, exit codes, variables. */
  notes?: readonly string[];
  /** What its exit codes mean, where that is not what those of every tool mean. */
  exits?: readonly (readonly [code: string, what: string])[];
  /** Example lines with what each does. */
  examples: readonly (readonly [line: string, what: string])[];
  /** Parse values. Throws `UsageError` for what does not parse or does not go together. */
  options(parsed: Parsed, host: Host): O;
  /** The one impure step: read what the decision needs. `spec` is what was amended so far, or is to be run. */
  gather(options: O | undefined, spec: Spec, host: Host): F;
  /** Pure. The spec with this tool's section changed; never changes its argument. */
  amend(spec: Spec, options: O, facts: F): Spec;
  /** Pure. What has to be there for the amended spec to be run, and is made before it is printed; mostly absent. */
  amending?(spec: Spec, facts: F): AnyStep[];
  /** Pure. The kernel operations for this tool's section of the spec. */
  steps(spec: Spec, facts: F): AnyStep[];
  /**
   * In a chain: whether this tool, planned before `earlier` steps are carried out, decides what it would
   * decide after them. Absent: always, with what `Host` has of them.
   */
  decidesAfter?(earlier: readonly AnyStep[]): boolean;
  /**
   * Whether this line has the tool look at more than its own process: at files or processes that only
   * some capabilities let it see. Absent: always.
   */
  looksAround?(parsed: Parsed): boolean;
  /** Whether something must stay beside the command (a cleanup), though nothing else clones a process. */
  stays?(spec: Spec, facts: F): boolean;
  /**
   * What of a container's spec is left undone although the spec allows to go on without it
   * ("MUST be logged as a warning", runtime-spec): a line each, for stderr and the log.
   */
  warnings?(spec: Spec, facts: F): string[];
  /**
   * Carry out the act `name` (a flag with `act`): the exit code, or a plan where the kernel's
   * work is the launcher's. Its code is loaded only then. Where `parsed` has the flag `plan`, an act that changes
   * something changes nothing: it answers with a plan, or prints what it would do (`wouldDo`).
   */
  act?(name: string, options: O, parsed: Parsed, host: Host): Outcome | Promise<Outcome>;
  /**
   * What the tool does when no command follows and `--amend` is not given, where that is not
   * amending (ufs-mount mounts and prints a path). Only a tool with this has `--amend`.
   */
  alone?(options: O, parsed: Parsed, host: Host): Outcome | Promise<Outcome>;
  /**
   * Answer an `ask` step of this tool's, whose topic is `TOOL/WHAT`, while the launcher waits.
   * A `Failure` becomes the failure of that step.
   */
  answer?(topic: string, payload: string, connection?: number): string | Promise<string>;
  /**
   * For the shells' completions: what the value of a flag may be, or an operand (`flag` undefined); undefined where the
   * name of the value says it (`complete.ts`).
   */
  suggest?(flag: string | undefined, host: Host): Suggested | undefined;
  /** Command lines of others that it takes when it is called by their names. */
  aliases?: Readonly<Record<string, Alias>>;
  /** Topics that only Node can answer. */
  nodeTopics?: readonly string[];
}

/** How a word may go on: by these words, with commas between where it is a list, and by what the shell knows. */
export interface Suggested {
  words?: readonly string[];
  list?: boolean;
  shell?: 'files' | 'directories';
}

/** What a command comes to: an exit code of the planner's own, or a plan for the launcher. */
export type Outcome = number | Plan | Conversation;

/** A plan with `ask` steps, and who answers them while the launcher carries it out. */
export interface Conversation {
  plan: Plan;
  /** The answer's text. A `Failure` becomes the failure of the step that asked. */
  answer(topic: string, payload: string, connection?: number): string | Promise<string>;
}

/** A command that reads its own command line (`ctr-run` with its subcommands). */
export interface Program extends Definition {
  /** By their names, once they are asked for. */
  subCommands(): Promise<Record<string, CommandDef>>;
  dispatch(host: Host, siblings: Siblings): Outcome | Promise<Outcome>;
  /** What its manual page is made from. */
  describe?(): Described | Promise<Described>;
}

/** What help and manual are made from: a tool, or one command of a program. */
export interface Described
  extends Pick<Tool, 'meta' | 'args' | 'usage' | 'notes' | 'examples' | 'exits' | 'alone'> {
  /** A program that has no flags but its own: the common ones (`--plan` …) are left out. */
  ownFlagsOnly?: boolean;
  /** Commands of the program: a heading, then each with its line. */
  commands?: readonly (readonly [name: string, summary: string])[];
  /** The commands in full, which the manual has in one page with the program. */
  pages?: readonly Described[];
}

export type Command = Tool | Program;

/**
 * The tools that this installation holds beside the one that was called. `undefined` for a
 * name that is none of ours or is not installed here.
 */
export interface Siblings {
  (name: string): Promise<Command | undefined>;
  /** The names of all that there are. */
  readonly names?: readonly string[];
}
