/**
 * Flags that know what their value is: one declaration gives the parser's table, the help, the completions and
 * the typed value.
 *
 *     const flags = [flag.count('nice', { description: 'share of the CPU', least: -20n, most: 19n })] as const;
 *     given(flags, parsed).nice; // number | undefined
 */
import { UsageError } from './errors.ts';
import type { Flag, Parsed } from './tool.ts';
import { parseInteger } from './units.ts';

/** In `Flag.acts`: what is run, or the spec that is amended. */
export const COMMAND = 'COMMAND';

/** A flag with its value: `T`, made of the words that were given for it; without any, of undefined. */
export interface Typed<N extends string = string, T = unknown> extends Flag {
  name: N;
  /** Throws `UsageError` for words that are not a value. */
  read(texts: readonly string[] | undefined): T;
}

/** What is said of a flag beside its name and its kind; a table may say more of each. */
type About = Omit<Flag, 'name' | 'many' | 'type'>;

/** `flag` is how errors name it: `--memory`. */
type Parse<T> = (text: string, flag: string) => T;

/** The last one counts, where more may be given at all (`Grammar.lastCounts`). */
const last = <T>(name: string, parse: Parse<T>) => ({
  read: (texts: readonly string[] | undefined): T | undefined =>
    texts === undefined ? undefined : parse(texts.at(-1)!, `--${name}`),
});

/** A value of any kind; `about.valueHint` is what the help calls it. */
const of = <N extends string, A extends About & { valueHint: string }, T>(
  name: N,
  about: A,
  parse: Parse<T>,
) => ({
  ...about,
  name,
  type: 'string' as const,
  ...last(name, parse),
});

/** A text as it was given. */
const text = <N extends string, A extends About & { valueHint: string }>(name: N, about: A) =>
  of(name, about, (given): string => given);

/** Whether it was given; it has no value. */
const yes = <N extends string, A extends Omit<About, 'valueHint'>>(name: N, about: A) => ({
  ...about,
  name,
  type: 'boolean' as const,
  read: (texts: readonly string[] | undefined): boolean => texts !== undefined,
});

/** A flag that may be given more than once: the values in their order, `[]` for none. */
const list = <N extends string, A extends About & { valueHint: string }, T>(
  name: N,
  about: A,
  parse: Parse<T>,
) => ({
  ...about,
  name,
  type: 'string' as const,
  many: true as const,
  read: (texts: readonly string[] | undefined): T[] =>
    (texts ?? []).map((given) => parse(given, `--${name}`)),
});

/** The texts of a flag that may be given more than once. */
const texts = <N extends string, A extends About & { valueHint: string }>(name: N, about: A) =>
  list(name, about, (given): string => given);

/** A whole number from `least` to `most`. */
const count = <N extends string, A extends Omit<About, 'valueHint'>>(
  name: N,
  least: bigint,
  most: bigint,
  about: A,
) =>
  of(name, { ...about, valueHint: 'N' }, (given, spelled) =>
    Number(parseInteger(given, spelled, least, most)),
  );

/** One of these words. */
const word = <N extends string, const W extends readonly string[], A extends About & { valueHint: string }>(
  name: N,
  words: W,
  about: A,
) =>
  of(name, about, (given, spelled): W[number] => {
    if (!words.includes(given))
      throw new UsageError(
        `${spelled} is "${given}"; it is ${words.slice(0, -1).join(', ')}${words.length > 1 ? ' or ' : ''}${words.at(-1)}`,
      );
    return given;
  });

export const flag = { of, text, yes, list, texts, count, word };

/** Those of a table that have a value of their own: what an act is given, it reads itself. */
type Valued<F> = F extends Typed ? F : never;

/** The values of flags by their names. */
export type Values<F extends readonly Flag[]> = {
  readonly [K in Valued<F[number]> as K['name']]: ReturnType<K['read']>;
};

/** What was given for these flags. Throws `UsageError`. */
export function given<const F extends readonly Flag[]>(flags: F, parsed: Parsed): Values<F> {
  const values: Record<string, unknown> = {};
  for (const flag of flags)
    if ('read' in flag) values[flag.name] = (flag as Typed).read(parsed.flags.get(flag.name));
  return values as Values<F>;
}
