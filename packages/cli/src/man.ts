/** Manual pages (man(7) macros, which groff and mandoc both read) from the same tables as the help. */
import { isOptional } from './argv.ts';
import { flagsOf } from './define.ts';
import { exitCodes, flagHelp, grouped } from './help.ts';
import type { Described, Flag } from './tool.ts';

/** Text for roff: backslashes and hyphens are what they look like, and no line is a request by accident. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;
const italic = (text: string): string => `\\fI${roff(text)}\\fR`;

/** All names of a flag, its value behind each. */
function flagTerm(flag: Flag): string {
  const names = [
    ...(flag.alias ?? []).filter((n) => n.length === 1),
    flag.name,
    ...(flag.alias ?? []).filter((n) => n.length > 1),
  ];
  return names
    .map((name) => {
      const dashed = bold(name.length === 1 ? `-${name}` : `--${name}`);
      if (flag.valueHint === undefined) return dashed;
      if (isOptional(flag)) return `${dashed}[=${italic(flag.valueHint.slice(1, -1))}]`;
      return `${dashed} ${italic(flag.valueHint)}`;
    })
    .join(', ');
}

/** The page of section 1. `date` as YYYY-MM-DD. */
export function renderMan(tool: Described, version: string, date: string): string {
  const lines = [
    `.TH ${tool.meta.name.toUpperCase()} 1 ${date} "ctr-tools ${version}" "User Commands"`,
    '.SH NAME',
    `${roff(tool.meta.name)} \\- ${roff(tool.meta.description)}`,
    '.SH SYNOPSIS',
    ...tool.usage.flatMap((usage, i) => [...(i ? ['.br'] : []), `${bold(tool.meta.name)} ${roff(usage)}`]),
    '.SH OPTIONS',
  ];
  for (const [name, flags] of grouped(tool)) {
    lines.push(`.SS ${roff(name)}`);
    for (const flag of flags) lines.push('.TP', flagTerm(flag), roff(flagHelp(flag)));
  }
  if (tool.commands) lines.push('.SH COMMANDS');
  if (tool.pages) for (const page of tool.pages) lines.push(...commandLines(page));
  else for (const [name, summary] of tool.commands ?? []) lines.push('.TP', bold(name), roff(summary));
  if (tool.examples.length) lines.push('.SH EXAMPLES');
  lines.push(...tool.examples.flatMap(exampleLines));
  if (tool.notes?.length) lines.push('.SH NOTES');
  for (const note of tool.notes ?? []) lines.push('.PP', roff(note));
  const variables = flagsOf(tool).filter((flag) => flag.env !== undefined);
  if (variables.length) lines.push('.SH ENVIRONMENT');
  for (const flag of variables) lines.push('.TP', bold(flag.env!), `Default of ${bold(`--${flag.name}`)}.`);
  lines.push('.SH EXIT STATUS');
  for (const [code, what] of tool.exits ?? exitCodes) lines.push('.TP', bold(code), roff(what));
  const also =
    tool.meta.name === 'ctr-run' ? `${bold('ns-enter')}(1), ${bold('cg-limit')}(1)` : `${bold('ctr-run')}(1)`;
  lines.push('.SH SEE ALSO', `${also}, the OCI runtime specification`, '');
  return lines.join('\n');
}

/** A command of a program: how it is called, its flags, and what else there is to say of it. */
function commandLines({ meta: { name, description }, args, usage, notes, examples }: Described): string[] {
  return [
    `.SS ${roff(name)}`,
    `${roff(description)}.`,
    ...usage.flatMap((line) => ['.PP', `${bold(name)} ${roff(line)}`]),
    ...flagsOf({ args }).flatMap((flag) => ['.TP', flagTerm(flag), roff(flagHelp(flag))]),
    ...(notes ?? []).flatMap((note) => ['.PP', roff(note)]),
    ...examples.flatMap((example) => ['.PP', ...exampleLines(example)]),
  ];
}

const exampleLines = ([line, what]: readonly [string, string]): string[] => [
  `${roff(what)}:`,
  ...['.PP', '.nf', '.RS', ...line.split('\n').map(roff), '.RE', '.fi', '.PP'],
];
