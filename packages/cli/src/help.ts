/** The text of --help, made from the same tables as the parser. */
import { isOptional } from './argv.ts';
import { allFlags } from './common.ts';
import { flagsOf } from './define.ts';
import { paint, type Style } from './style.ts';
import type { Described, Flag } from './tool.ts';

export type { Described } from './tool.ts';

export interface Paper {
  /** Width of the terminal; 80 where there is none. */
  columns: number;
  color: boolean;
  /** Whether a person reads it at a terminal; else lines are 80 wide. */
  terminal: boolean;
}

/** What every tool's exit code means, for help and manual alike. */
export const exitCodes: readonly (readonly [code: string, what: string])[] = [
  ['125', 'the tool itself failed'],
  ['126', 'the command was found but cannot be run'],
  ['127', 'the command was not found'],
  ['else', "the command's own; a signal that ended it ends the tool too"],
];

/** `-t, --target PID`; long aliases are for those who know them and stand in the manual. */
export function flagHead(flag: Flag): string {
  const short = (flag.alias ?? []).filter((name) => name.length === 1).map((name) => `-${name}`);
  const long = `--${flag.name}`;
  const value =
    flag.valueHint === undefined
      ? ''
      : isOptional(flag)
        ? `[=${flag.valueHint.slice(1, -1)}]`
        : ` ${flag.valueHint}`;
  return short.length ? `${short.join(', ')}, ${long}${value}` : `    ${long}${value}`;
}

/** What stands behind a flag: its help, its variable, whether it may come again. */
export function flagHelp(flag: Flag): string {
  const extra = [flag.env && `default: $${flag.env}`, flag.many && 'may be repeated'].filter(Boolean);
  return extra.length ? `${flag.description} (${extra.join('; ')})` : flag.description;
}

/** Flags by their heading, in the order in which headings first appear. Acts without one come under theirs. */
export function grouped(tool: Described): Map<string, Flag[]> {
  const groups = new Map<string, Flag[]>();
  for (const flag of tool.ownFlagsOnly ? flagsOf(tool) : allFlags(tool)) {
    const name = flag.group ?? (flag.act ? 'Acts, one a call' : 'Flags');
    const group = groups.get(name);
    if (group) group.push(flag);
    else groups.set(name, [flag]);
  }
  return groups;
}

/**
 * Break text into lines of at most `width` columns, at spaces. A longer word has its own
 * line; a line that is indented stays so, and what follows of it too.
 */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const indent = /^ */.exec(paragraph)![0];
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.slice(indent.length).split(' ')) {
      if (line !== '' && indent.length + line.length + 1 + word.length > width) {
        lines.push(indent + line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(indent + line);
    return lines;
  });
}

/** The whole help. */
export function renderHelp(tool: Described, paper: Paper): string {
  const width = Math.max(40, Math.min(paper.terminal ? paper.columns : 80, 100));
  const style = paint(paper.color);
  const parts = [
    `${style.bold(tool.meta.name)}: ${tool.meta.description}\n`,
    section(
      'Usage',
      tool.usage.flatMap((line) => usageLines(tool.meta.name, line, width)),
      style,
    ),
  ];
  if (tool.commands) parts.push(section('Commands', commandLines(tool.commands, width, style), style));
  const groups = grouped(tool);
  // One column for all groups, so that the eye finds the help at one place.
  const heads = [...groups.values()].flat().map((flag) => flagHead(flag).length);
  const column = Math.max(...heads.filter((length) => length <= 26), 8) + 4;
  for (const [name, flags] of groups)
    parts.push(section(name, flagLines(flags, column, width, style), style));
  if (tool.examples.length) parts.push(section('Examples', exampleLines(tool, width, style), style));
  for (const note of tool.notes ?? []) parts.push(`${wrap(note, width).join('\n')}\n`);
  parts.push(
    section(
      'Exit codes',
      (tool.exits ?? exitCodes).flatMap(([code, what]) =>
        wrap(what, width - 8).map((text, i) => `  ${(i ? '' : code).padEnd(5)} ${text}`),
      ),
      style,
    ),
  );
  const manual = `Manual page: ${tool.meta.name.split(' ')[0]}(1), in share/man beside the directory of the program.`;
  parts.push(`${wrap(manual, width).join('\n')}\n`);
  return parts.join('\n');
}

const section = (name: string, lines: readonly string[], style: Style): string =>
  `${style.heading(name)}\n${lines.map((line) => `${line}\n`).join('')}`;

function usageLines(name: string, line: string, width: number): string[] {
  const indent = 4 + name.length;
  const lines = wrap(line, width - indent);
  return lines.map((text, i) => (i === 0 ? `  ${name} ${text}` : ' '.repeat(indent) + text));
}

function commandLines(commands: NonNullable<Described['commands']>, width: number, style: Style): string[] {
  const column = Math.max(...commands.map(([name]) => name.length)) + 4;
  return commands.flatMap(([name, summary]) =>
    wrap(summary, Math.max(24, width - column)).map(
      (text, i) =>
        `  ${i ? ' '.repeat(column - 2) : style.flag(name) + ' '.repeat(column - 2 - name.length)}${text}`,
    ),
  );
}

function flagLines(flags: readonly Flag[], column: number, width: number, style: Style): string[] {
  return flags.flatMap((flag) => {
    const head = flagHead(flag);
    const help = wrap(flagHelp(flag), Math.max(24, width - column));
    const first = `  ${style.flag(head)}${' '.repeat(Math.max(0, column - 2 - head.length))}`;
    const rest = ' '.repeat(column);
    if (head.length + 4 > column) return [`  ${style.flag(head)}`, ...help.map((text) => rest + text)];
    return help.map((text, i) => (i === 0 ? first : rest) + text);
  });
}

function exampleLines(tool: Described, width: number, style: Style): string[] {
  return tool.examples.flatMap(([line, what]) => [
    ...wrap(what, width - 4).map((text) => `  ${style.dim(`# ${text}`)}`),
    ...line.split('\n').map((text) => `  ${text}`),
  ]);
}
