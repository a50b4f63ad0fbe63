import type { Grammar } from './argv.ts';
import { flagsOf } from './define.ts';
import { UsageError } from './errors.ts';
import { COMMAND } from './flag.ts';
import type { Host } from './host.ts';
import type { Flag, Parsed, Tool } from './tool.ts';
import { shellLine } from './words.ts';

const about = 'About this program';

/** The flags that every tool has. */
const commonFlags: readonly Flag[] = [
  { name: 'help', alias: ['h'], description: 'show this help', group: about },
  { name: 'version', alias: ['V'], description: 'show the version', group: about },
  {
    name: 'plan',
    description: 'print what would be done, one kernel operation a line, and do nothing',
    group: about,
  },
  { name: 'debug', description: 'when something fails, show the plan with a mark at the step', group: about },
];

const amendFlag: Flag = {
  name: 'amend',
  description: 'read a spec on stdin and write it amended on stdout',
  group: about,
};

/** All flags of a tool: its own, then the common ones. A letter that the tool uses itself stays the tool's. */
export function allFlags(tool: Pick<Tool, 'args' | 'alone'> & Partial<Pick<Tool, 'command'>>): Flag[] {
  const taken = new Set(flagsOf(tool).flatMap((flag) => [flag.name, ...(flag.alias ?? [])]));
  const common = tool.alone && tool.command !== 'never' ? [amendFlag, ...commonFlags] : commonFlags;
  return [
    ...flagsOf(tool),
    ...common
      .filter((flag) => !taken.has(flag.name))
      .map((flag) => ({
        ...flag,
        ...(flag.alias && { alias: flag.alias.filter((name) => !taken.has(name)) }),
      })),
  ];
}

export const grammarOf = (tool: Tool): Grammar => ({ flags: allFlags(tool), command: tool.command });

/** The acts that were asked for. */
export const actsOf = (flags: readonly Flag[], parsed: Parsed): Flag[] =>
  flags.filter(
    (flag) => flag.act && parsed.flags.has(flag.name) && !flag.beside?.some((name) => parsed.flags.has(name)),
  );

/** Whether an act reads a flag; without one, the command or the spec does. */
export function reads(act: Flag | undefined, { acts = [COMMAND], name, beside }: Flag): boolean {
  if (!act) return acts.includes(COMMAND);
  return (
    acts.includes(act.name) ||
    (act.applies === true && acts.includes(COMMAND)) ||
    beside?.includes(act.name) ||
    name === act.name
  );
}

/** Throws `UsageError` for a flag of the tool's that nothing reads on this line. */
export function refuseUnread(flags: readonly Flag[], parsed: Parsed, act: Flag | undefined): void {
  const unread = flags.find((flag) => parsed.flags.has(flag.name) && !reads(act, flag));
  if (!unread) return;
  const { name, acts = [COMMAND], instead } = unread;
  const hint = instead === undefined ? '' : `; ${instead}`;
  if (act && !acts.some((one) => one !== COMMAND))
    throw new UsageError(
      `--${name} says how a command is run, and --${act.name} does not read it: leave it out${hint}`,
    );
  const those = acts.map((one) => (one === COMMAND ? 'a command' : `--${one}`)).join(', ');
  throw new UsageError(`--${name} goes with ${those}${act ? `; --${act.name} does not read it` : ''}${hint}`);
}

/** Whether this line does nothing but set something on the process and become a command. */
export function isPlainApply(tool: Tool, parsed: Parsed): boolean {
  if (parsed.command === undefined || parsed.command.length === 0) return false;
  if (['help', 'version', 'plan', 'amend'].some((name) => parsed.flags.has(name))) return false;
  return actsOf(flagsOf(tool), parsed).length === 0;
}

/** The line that somebody without a command probably meant. */
export function probablyMeant(tool: Tool, host: Host, argv: readonly string[] = host.argv): string {
  const amend = tool.alone && !argv.includes('--amend') ? ['--amend'] : [];
  const plain = argv.filter((word) => word !== '--amend');
  const run = `${shellLine([tool.meta.name, ...plain])} -- ${tool.likely ?? 'COMMAND'}`;
  const pipe = shellLine([tool.meta.name, ...amend, ...argv]);
  return `to run a command: ${run}; to amend a spec: ctr-run spec - | ${pipe}`;
}
