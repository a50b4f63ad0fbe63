/** Amending: a spec on stdin, the same with this tool's section changed on stdout; whole or not at all. */
import { readSpec, serializeJson } from '@ctr-tools/oci';
import { withDefaults } from './argv.ts';
import { probablyMeant } from './common.ts';
import { flagsOf } from './define.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { err, out } from './output.ts';
import { readStdin } from './stdin.ts';
import type { Parsed, Tool } from './tool.ts';
import { shellLine } from './words.ts';

/** What a flag that a spec has no place for goes with. */
function neededBy(tool: Tool, parsed: Parsed, host: Host): string {
  // What it lacks beside a command too is said first: the line that is named here shall work.
  tool.options({ ...parsed, command: ['true'] }, host);
  return `has no place in a spec; it needs a command: ${shellLine([tool.meta.name, ...host.argv])} -- ${tool.likely ?? 'COMMAND'}`;
}

export function amendSpec(tool: Tool, parsed: Parsed, host: Host): number {
  for (const flag of flagsOf(tool))
    if (flag.applyOnly && parsed.flags.has(flag.name))
      throw new UsageError(`--${flag.name} ${neededBy(tool, parsed, host)}`);
  if (host.tty[0])
    throw new UsageError(`no command, and stdin is a terminal and no spec; ${probablyMeant(tool, host)}`);
  // A variable is the default of what a spec can hold only.
  const full = withDefaults(
    parsed,
    flagsOf(tool).filter((flag) => !flag.applyOnly),
    host.env,
  );
  const options = tool.options(full, host);
  const input = readStdin();
  if (input === undefined || input.length === 0)
    throw new UsageError(
      `no command, and stdin is ${input ? 'empty' : 'closed'}; ${probablyMeant(tool, host)}`,
    );
  const { value: spec, warnings } = readSpec(input, 'stdin', 'draft');
  for (const { path, message, told } of warnings)
    if (told) err(`${tool.meta.name}: stdin: ${path}: ${message}\n`);
  out(serializeJson(tool.amend(spec, options, tool.gather(options, spec, host)), 2));
  return 0;
}
