/**
 * `TOOL --complete -- WORD... LAST`: how LAST may go on, for the shells' completions (`share/`), from the tables by
 * which command lines are read. A line each: a whole word, a tab, what it means; or what only the shell knows:
 * `:files`, `:directories`, and `:command N`, a command line that begins N words before the last.
 */
import { namesIn, readText, statIfAny } from '@ctr-tools/host';
import { SIGNALS } from '@ctr-tools/sys/constants';
import { isOptional } from './argv.ts';
import { allFlags, reads } from './common.ts';
import { flagsOf } from './define.ts';
import type { Host } from './host.ts';
import { out } from './output.ts';
import { defaultStateRoot, STATE_ROOT } from './state-root.ts';
import type { Command, Described, Flag, Siblings, Suggested, Tool } from './tool.ts';

type Line = readonly [word: string, help?: string];

interface Grammar {
  name: string;
  flags: readonly Flag[];
  command: 'first-operand' | 'after-dashes' | 'never';
  /** A tool's own words. */
  own?: Tool['suggest'];
  /** Whether a flag says something beside an act; every flag does if absent. */
  goesWith?(act: Flag, flag: Flag): boolean;
  /** How an operand may be called, by how many there are before it; undefined where the command begins. */
  operand(count: number, act: Flag | undefined): Suggested | undefined;
}

/** Print what there is. Never fails: a shell shows nothing where there is nothing. */
export async function complete(
  command: Command,
  words: readonly string[],
  host: Host,
  siblings: Siblings,
): Promise<number> {
  for (const [word, help] of await completions(command, words, host, siblings))
    out(help === undefined ? `${word}\n` : `${word}\t${help}\n`);
  return 0;
}

/** What there is, as words with their help. */
export async function completions(
  command: Command,
  words: readonly string[],
  host: Host,
  siblings: Siblings,
): Promise<Line[]> {
  if (!('dispatch' in command)) return linesOf(grammarOfTool(command, host), words, host, siblings);
  const described = await command.describe?.();
  if (!described) return [];
  const top: Grammar = {
    name: command.meta.name,
    flags: flagsOf(described),
    command: 'never',
    operand: () => ({ words: (described.commands ?? []).map(([name]) => name) }),
  };
  const at = indexOfOperand(top, words);
  if (at === undefined || at === words.length - 1) {
    const lines = await linesOf(top, words, host, siblings);
    return lines.map(([word, help]) => [
      word,
      help ?? described.commands?.find(([name]) => name === word)?.[1] ?? '',
    ]);
  }
  const page = described.pages?.find(({ meta }) => meta.name.endsWith(` ${words[at]}`));
  return page ? linesOf(grammarOfPage(page, host), words.slice(at + 1), host, siblings) : [];
}

const grammarOfTool = (tool: Tool, host: Host): Grammar => ({
  name: tool.meta.name,
  flags: allFlags(tool),
  command: tool.command,
  // The common ones go with all.
  goesWith: (act, flag) => reads(act, flag) || !flagsOf(tool).includes(flag),
  ...(tool.suggest && { own: (flag, h) => tool.suggest!(flag, h) }),
  operand: (_count, act) => {
    if (act)
      return act.operands === undefined
        ? { words: [] }
        : suggestedFor(tool.meta.name, act, host, tool.suggest);
    if (tool.command === 'first-operand') return undefined;
    return tool.suggest?.(undefined, host) ?? { shell: 'files' };
  },
});

/** A subcommand of ctr-run's: where its usage names a container, its first operand is one. */
function grammarOfPage(page: Described & { command?: Grammar['command'] }, host: Host): Grammar {
  const takesId = page.usage.some((line) => /(^|[^-\w])ID\b|CONTAINER/.test(line));
  const runs = page.command === 'first-operand' && !/ (exec|ps)$/.test(page.meta.name);
  return {
    name: page.meta.name,
    flags: flagsOf(page),
    command: runs ? 'first-operand' : 'never',
    operand: (count) => {
      if (count === 0 && takesId) return { words: containers(host) };
      if (/ kill$/.test(page.meta.name)) return { words: Object.keys(SIGNALS) };
      return / exec$/.test(page.meta.name) ? undefined : { words: [] };
    },
  };
}

/** Where the first operand stands. */
function indexOfOperand(grammar: Grammar, words: readonly string[]): number | undefined {
  const read = readWords(grammar, words.slice(0, -1));
  if (read.operands[0] !== undefined) return read.operands[0];
  return read.pending || words.at(-1)!.startsWith('-') ? undefined : words.length - 1;
}

interface Read {
  given: Set<string>;
  /** Where operands stand. */
  operands: number[];
  act: Flag | undefined;
  /** A flag whose value is the next word. */
  pending: Flag | undefined;
  /** Where the command begins. */
  command: number | undefined;
}

/** What parseArgv (argv.ts) would make of a line that is not finished. */
function readWords({ flags, command, operand }: Grammar, words: readonly string[]): Read {
  const read: Read = {
    given: new Set(),
    operands: [],
    act: undefined,
    pending: undefined,
    command: undefined,
  };
  const named = (name: string): Flag | undefined =>
    flags.find((flag) => flag.name === name || flag.alias?.includes(name));
  const give = (flag: Flag | undefined): void => {
    if (!flag) return;
    read.given.add(flag.name);
    if (flag.act && !flag.takesCommand) read.act = flag;
  };
  for (const [i, word] of words.entries()) {
    if (read.pending) {
      read.pending = undefined;
    } else if (word === '--') {
      if (command !== 'never') read.command = i + 1;
      break;
    } else if (word.startsWith('--')) {
      const flag = named(word.slice(2).split('=')[0]!);
      give(flag);
      if (flag?.valueHint !== undefined && !isOptional(flag) && !word.includes('=')) read.pending = flag;
    } else if (word.startsWith('-') && word !== '-') {
      for (let at = 1; at < word.length; at++) {
        const flag = named(word[at]!);
        give(flag);
        if (flag?.valueHint === undefined) continue;
        if (!isOptional(flag) && at === word.length - 1) read.pending = flag;
        if (!isOptional(flag) || /^[=/.]/.test(word.slice(at + 1))) break;
      }
    } else if (operand(read.operands.length, read.act) === undefined) {
      read.command = i;
      break;
    } else read.operands.push(i);
  }
  return read;
}

async function linesOf(
  grammar: Grammar,
  words: readonly string[],
  host: Host,
  siblings: Siblings,
): Promise<Line[]> {
  const last = words.at(-1) ?? '';
  const read = readWords(grammar, words.slice(0, -1));
  if (read.command !== undefined) {
    const rest = words.slice(read.command);
    const sibling = rest.length > 1 && !rest[0]!.includes('/') ? await siblings(rest[0]!) : undefined;
    return sibling ? completions(sibling, rest.slice(1), host, siblings) : [[`:command ${rest.length - 1}`]];
  }
  if (read.pending) return asLines(suggestedFor(grammar.name, read.pending, host, grammar.own), last);
  const attached = /^(--([^=]+)=)(.*)$/s.exec(last);
  if (attached) {
    const flag = grammar.flags.find(
      ({ name, alias }) => name === attached[2] || alias?.includes(attached[2]!),
    );
    if (flag?.valueHint === undefined) return [];
    return asLines(suggestedFor(grammar.name, flag, host, grammar.own), attached[3]!, attached[1]!);
  }
  if (last.startsWith('-')) {
    const { act } = read;
    const flags = grammar.flags.filter((flag) => !act || (grammar.goesWith?.(act, flag) ?? true));
    return flagLines(flags, read.given, last);
  }
  const operand = grammar.operand(read.operands.length, read.act);
  return operand ? asLines(operand, last) : [[':command 0']];
}

const flagLines = (flags: readonly Flag[], given: ReadonlySet<string>, last: string): Line[] =>
  flags
    .filter(({ name, many }) => many || !given.has(name))
    .flatMap((flag): Line[] => {
      const long: Line = [`--${flag.name}`, flag.description];
      return isOptional(flag) && last.length > 2 ? [long, [`--${flag.name}=`, flag.description]] : [long];
    })
    .filter(([word]) => word.startsWith(last));

/** Words that begin as `typed` does; of a list between commas, its last one. */
function asLines({ words = [], list, shell }: Suggested, typed: string, before = ''): Line[] {
  const comma = list ? typed.lastIndexOf(',') + 1 : 0;
  const [head, tail] = [typed.slice(0, comma), typed.slice(comma)];
  const had = new Set(head.split(','));
  const found = words
    .filter((word) => word.startsWith(tail) && !(list && had.has(word)))
    .map((word): Line => [`${before}${head}${word}`]);
  return shell ? [...found, [`:${shell}`]] : found;
}

/** What a flag's value may be: what the tool says, else what the name of the value does, as the help spells it. */
function suggestedFor(tool: string, flag: Flag, host: Host, own?: Tool['suggest']): Suggested {
  const said = own?.(flag.name, host);
  if (said) return said;
  const value = (flag.valueHint ?? '').replace(/^\[|\]$/g, '');
  switch (value) {
    case 'DIR':
    case 'ROOT':
      return { shell: 'directories' };
    case 'DIR|host':
      return { words: ['host'], shell: 'directories' };
    case 'FILE':
    case 'PATH':
    case 'SOCKET':
    case 'OUT':
    case 'FD|FILE':
    case 'FILE|-':
    case 'REF':
      return { shell: 'files' };
    case 'PROFILE':
      return { words: ['default', 'unconfined'], shell: 'files' };
    case 'PID':
    case 'TARGET':
      return tool === 'ufs-mount' ? { shell: 'directories' } : { words: targets(host) };
    case 'FORMAT':
      return { words: ['table', 'json', 'text'] };
    case 'USER[:GROUP]':
    case 'UID':
      return { words: namesOf('/etc/passwd') };
    case 'GROUP':
    case 'GID':
      return { words: namesOf('/etc/group') };
    case 'SIGNAL':
      return { words: Object.keys(SIGNALS) };
    default:
      return { words: /^[\w-]+(\|[\w-]+)+$/.test(value) ? value.split('|') : [] };
  }
}

const orNone = <T>(look: () => readonly T[]): readonly T[] => {
  try {
    return look();
  } catch {
    return [];
  }
};

/** Containers of ctr-run's, by ID. */
const containers = (host: Host): readonly string[] =>
  orNone(() => {
    const root = defaultStateRoot(host) ?? STATE_ROOT;
    return namesIn(root).filter((id) => statIfAny(`${root}/${id}/state.json`) !== undefined);
  });

const targets = (host: Host): string[] => [
  ...containers(host),
  ...orNone(() => namesIn('/proc').filter((name) => /^\d+$/.test(name))),
  'docker:',
  'podman:',
];

const namesOf = (file: string): readonly string[] =>
  orNone(() =>
    readText(file)
      .split('\n')
      .map((line) => line.split(':')[0]!)
      .filter((name) => /^[a-z_]/i.test(name)),
  );
