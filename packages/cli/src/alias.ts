/**
 * Called through a link that has the name of another's tool (nsenter, unshare, setpriv, …), the tool that replaces it takes
 * that one's command line: it is read as getopt_long(3) reads it there, and said again in our own words.
 */
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { version } from './version.ts';
import { nearest } from './words.ts';

export interface AliasOption {
  /** `t` and `target`. */
  names: readonly string[];
  /** What a value is called; in square brackets where it may be left out. */
  value?: string;
  /** The letter takes no value, as with unshare(1): `-pf` is two of them. */
  bareLetter?: true;
  /** What it becomes, for the help; for a word that cannot be done: why, and what can. */
  help: string;
  /** It cannot be done. */
  refused?: true;
}

/** Options in the order given, by their last name; a value that was left out is `''`. */
export type AliasGiven = readonly (readonly [name: string, value: string])[];

export interface Alias {
  /** Whose command line it is: `nsenter(1)`. */
  manual: string;
  options: readonly AliasOption[];
  /** The same in words of the tool's own. */
  words(given: AliasGiven, operands: readonly string[], host: Host): readonly string[];
}

/** Of util-linux a tool that fails itself ends with this (EXIT_FAILURE). */
export const ALIAS_FAILED = 1;

const common: readonly AliasOption[] = [
  { names: ['h', 'help'], help: 'this text' },
  { names: ['V', 'version'], help: 'which version this is' },
];

const nameOf = (option: AliasOption): string => option.names.at(-1)!;
const spelled = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

/** The words that a line of another's becomes, or the text that it asks for. */
export function translate(
  name: string,
  tool: string,
  alias: Alias,
  host: Host,
): { words: readonly string[] } | { text: string } {
  const options = [...alias.options, ...common];
  const { given, operands } = getopt(host.argv, options);
  if (given.some(([word]) => word === 'help')) return { text: helpOf(name, tool, alias) };
  if (given.some(([word]) => word === 'version'))
    return { text: `${name} of ${tool} (ctr-tools) ${version}\n` };
  return { words: alias.words(given, operands, host) };
}

/** Options up to the first operand, as getopt_long(3) reads them with `+`. Throws `UsageError`. */
export function getopt(
  argv: readonly string[],
  options: readonly AliasOption[],
): { given: [string, string][]; operands: readonly string[] } {
  const given: [string, string][] = [];
  const give = (option: AliasOption, as: string, value: string): void => {
    if (option.refused) throw new UsageError(`${as}: ${option.help}`);
    given.push([nameOf(option), value]);
  };
  let i = 0;
  const following = (as: string, option: AliasOption): string => {
    const value = argv[++i];
    if (value === undefined) throw new UsageError(`${as} needs a value: ${as} ${option.value}`);
    return value;
  };
  for (; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return { given, operands: argv.slice(i + 1) };
    if (word === '-' || !word.startsWith('-')) break;
    if (word.startsWith('--')) {
      const [, spelling, attached] = /^--([^=]*)(?:=(.*))?$/s.exec(word)!;
      const option = longOption(spelling!, options);
      const as = spelled(spelling!);
      if (option.value === undefined && attached !== undefined)
        throw new UsageError(`${as} takes no value; here it has ${attached}`);
      const needs = option.value !== undefined && !option.value.startsWith('[');
      give(option, as, attached ?? (needs ? following(as, option) : ''));
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const option = options.find(({ names }) => names.includes(letter));
      if (!option) throw new UsageError(`there is no -${letter}`);
      if (option.value === undefined || option.bareLetter) {
        give(option, `-${letter}`, '');
        continue;
      }
      const rest = word.slice(at + 1);
      give(
        option,
        `-${letter}`,
        rest !== '' || option.value.startsWith('[') ? rest : following(`-${letter}`, option),
      );
      break;
    }
  }
  return { given, operands: argv.slice(i) };
}

/** By its name or what only one begins with. */
function longOption(spelling: string, options: readonly AliasOption[]): AliasOption {
  const long = (option: AliasOption): string[] => option.names.filter((name) => name.length > 1);
  const exact = options.find((option) => long(option).includes(spelling));
  if (exact) return exact;
  const begun = options.filter((option) => long(option).some((name) => name.startsWith(spelling)));
  if (begun.length === 1) return begun[0]!;
  if (begun.length > 1)
    throw new UsageError(
      `--${spelling} can be ${begun.map((option) => spelled(nameOf(option))).join(' or ')}: write it out`,
    );
  const meant = nearest(spelling, options.flatMap(long));
  throw new UsageError(`there is no --${spelling}${meant === undefined ? '' : `; did you mean --${meant}?`}`);
}

function helpOf(name: string, tool: string, alias: Alias): string {
  const head = ({ names, value }: AliasOption): string => {
    const optional = value?.startsWith('[');
    const inner = value?.replace(/^\[|\]$/g, '');
    return `${names.map(spelled).join(', ')}${value === undefined ? '' : optional ? `[=${inner}]` : ` ${inner}`}`;
  };
  const lines = [...alias.options, ...common].map(
    (option) => `  ${head(option).padEnd(32)} ${option.refused ? 'refused: ' : ''}${option.help}\n`,
  );
  return (
    `${name}: ${tool} with the command line of ${alias.manual}\n\n${lines.join('')}\n` +
    `What it becomes stands behind each; ${tool} --help has all that ${tool} can do beside it.\n` +
    `It ends as the command ends; with ${ALIAS_FAILED} where it fails itself, 126 where the command cannot be run, 127 where it is not found.\n`
  );
}
