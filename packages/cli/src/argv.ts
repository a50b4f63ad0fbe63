/**
 * The command line, split once and by our own rules (DESIGN.md, "Command lines"): where
 * the command begins, all after it is the command's; an unknown flag is an error; a second
 * one of what makes sense only once is an error; `--no-x` is only what a flag is named.
 * Words are byte strings and pass through unchanged.
 */
import { UsageError } from './errors.ts';
import type { Flag, Parsed } from './tool.ts';
import { didYouMean } from './words.ts';

export interface Grammar {
  flags: readonly Flag[];
  /** Where the command begins; `never`: there is none, and operands and flags may be mixed. */
  command: 'first-operand' | 'after-dashes' | 'never';
  /** Of a flag that is given twice the last one counts, as with runc; else that is an error. */
  lastCounts?: boolean;
}

interface Names {
  long: ReadonlyMap<string, Flag>;
  short: ReadonlyMap<string, Flag>;
}

function namesOf(flags: readonly Flag[]): Names {
  const long = new Map<string, Flag>();
  const short = new Map<string, Flag>();
  for (const flag of flags) {
    for (const name of [flag.name, ...(flag.alias ?? [])]) {
      const table = name.length === 1 ? short : long;
      if (table.has(name)) throw new Error(`two flags are named ${name}`);
      table.set(name, flag);
    }
  }
  return { long, short };
}

export const isOptional = (flag: Flag): boolean =>
  flag.valueHint !== undefined && /^\[.*\]$/.test(flag.valueHint);

/** `--memory SIZE`, as the help spells it. */
export function spellFlag(flag: Flag): string {
  if (flag.valueHint === undefined) return `--${flag.name}`;
  return isOptional(flag)
    ? `--${flag.name}[=${flag.valueHint.slice(1, -1)}]`
    : `--${flag.name} ${flag.valueHint}`;
}

const longName = (word: string): string => word.slice(2).split('=', 1)[0]!;

/**
 * What is said of a long flag that there is not. Those right behind it are named too; what follows a word may be
 * a command's, or a value.
 */
function unknownLong(word: string, rest: readonly string[], { long, short }: Names): string {
  const name = longName(word);
  const spelled = `--${name}`;
  if (short.has(name)) return `unknown flag ${spelled}; a flag of one letter has one dash: -${name}`;
  const end = rest.findIndex((next) => !/^--./.test(next) || long.has(longName(next)));
  const others = (end < 0 ? rest : rest.slice(0, end)).map((next) => `--${longName(next)}`);
  if (others.length > 0) return `unknown flags ${[spelled, ...others].join(', ')}`;
  const known = [...long.keys()].map((key) => `--${key}`);
  return `unknown flag ${spelled}${didYouMean(spelled, known)}`;
}

/** Split a command line. Throws `UsageError`. */
export function parseArgv(argv: readonly string[], grammar: Grammar): Parsed {
  const names = namesOf(grammar.flags);
  const flags = new Map<string, string[]>();
  const operands: string[] = [];
  let command: readonly string[] | undefined;
  // Beside an act there is no command, so words after it are its operands and flags go on.
  let act = false;
  let i = 0;

  const give = (flag: Flag, value: string, spelled: string): void => {
    const before = flags.get(flag.name);
    if (before && !flag.many && !grammar.lastCounts)
      throw new UsageError(`${spelled} is given twice; it takes effect only once`);
    if (flag.act && !flag.takesCommand) act = true;
    if (before) before.push(value);
    else flags.set(flag.name, [value]);
  };

  /** A value that was given as a word, attached or not. */
  const given = (flag: Flag, value: string, spelled: string): string => {
    if (value === '' && !flag.empty)
      throw new UsageError(
        `${spelled} has an empty value; it needs ${flag.valueHint!.replace(/^\[|\]$/g, '')}`,
      );
    return value;
  };

  const following = (flag: Flag, spelled: string): string => {
    const value = argv[++i];
    if (value === undefined) throw new UsageError(`${spelled} needs a value: ${spelled} ${flag.valueHint}`);
    if (value === '--')
      throw new UsageError(`${spelled} needs a value before "--": ${spelled} ${flag.valueHint}`);
    return given(flag, value, spelled);
  };

  const longFlag = (word: string): void => {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const flag = names.long.get(name);
    const spelled = `--${name}`;
    if (!flag) throw new UsageError(unknownLong(word, argv.slice(i + 1), names));
    if (flag.valueHint === undefined) {
      if (equals >= 0) throw new UsageError(`${spelled} takes no value, but "${word}" gives it one`);
      give(flag, '', spelled);
    } else if (equals >= 0) {
      give(flag, given(flag, word.slice(equals + 1), spelled), spelled);
    } else if (isOptional(flag)) give(flag, '', spelled);
    else give(flag, following(flag, spelled), spelled);
  };

  /** `-rn`, `-t5`, `-t 5`, `-t=5`; an optional value only as `-m=FILE`, or, as nsenter(1) has it, a path: `-w/etc`, `-r./x`. */
  const shortFlags = (word: string): void => {
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const spelled = `-${letter}`;
      const flag = names.short.get(letter);
      if (!flag) {
        const inside = word.length > 2 ? ` in "${word}"` : '';
        const long = names.long.has(word.slice(1)) ? `; did you mean -${word}?` : '';
        throw new UsageError(`unknown flag ${spelled}${inside}${long}`);
      }
      const rest = word.slice(at + 1);
      if (flag.valueHint === undefined) {
        if (rest.startsWith('='))
          throw new UsageError(`${spelled} takes no value, but "${word}" gives it one`);
        give(flag, '', spelled);
        continue;
      }
      if (rest.startsWith('=')) {
        give(flag, given(flag, rest.slice(1), spelled), spelled);
        return;
      }
      // A slash or a dot is the letter of no flag.
      if (isOptional(flag) && !/^(\.\.?$|\.{0,2}\/)/.test(rest)) {
        give(flag, '', spelled);
        continue;
      }
      give(flag, rest === '' ? following(flag, spelled) : rest, spelled);
      return;
    }
  };

  for (; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') {
      const rest = argv.slice(i + 1);
      if (grammar.command === 'never') operands.push(...rest);
      else command = rest;
      break;
    }
    if (word.startsWith('--')) longFlag(word);
    else if (word.startsWith('-') && word !== '-') shortFlags(word);
    else if (grammar.command === 'first-operand' && !act) {
      command = argv.slice(i);
      break;
    } else operands.push(word);
  }
  if (grammar.command !== 'never' && operands.includes(''))
    throw new UsageError('a word is empty, and names nothing (a variable that is not set?)');
  return { flags, operands, command };
}

/**
 * The same with the variables that are defaults of flags not given (`Flag.env`). An empty
 * variable is as none.
 */
export function withDefaults(
  parsed: Parsed,
  flags: readonly Flag[],
  env: ReadonlyMap<string, string>,
): Parsed {
  const filled = new Map(parsed.flags);
  for (const flag of flags) {
    if (flag.env === undefined || filled.has(flag.name)) continue;
    const value = env.get(flag.env);
    if (value !== undefined && value !== '') filled.set(flag.name, [value]);
  }
  return { ...parsed, flags: filled };
}
