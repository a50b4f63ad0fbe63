/** Amending: a spec on stdin, the same with this tool's section changed on stdout; whole or not at all. */
import { readSpec, serializeJson } from '@ctr-tools/oci';
import { compile, step } from '@ctr-tools/plan';
import { withDefaults } from './argv.ts';
import { TOOL_FAILED } from './chain.ts';
import { probablyMeant } from './common.ts';
import { flagsOf } from './define.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { err, out } from './output.ts';
import { readStdin } from './stdin.ts';
import type { Outcome, Parsed, Tool } from './tool.ts';
import { shellLine } from './words.ts';

/** What a flag that a spec has no place for goes with. */
function neededBy(tool: Tool, parsed: Parsed, host: Host): string {
  // What it lacks beside a command too is said first: the line that is named here shall work.
  tool.options({ ...parsed, command: ['true'] }, host);
  return `has no place in a spec; it needs a command: ${shellLine([tool.meta.name, ...host.argv])} -- ${tool.likely ?? 'COMMAND'}`;
}

export function amendSpec(tool: Tool, parsed: Parsed, host: Host): Outcome {
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
    if (told) err(`${tool.meta.name}: warning: stdin: ${path}: ${message}\n`);
  const facts = tool.gather(options, spec, host);
  const amended = tool.amend(spec, options, facts);
  const text = serializeJson(amended, 2);
  if (tool.amending) {
    const side = 'host';
    const last = [
      step('supervise', 'print', { fd: 1, text: text.trimEnd() }, 'print the spec', { side }),
      step('supervise', 'exit', { code: 0 }, 'end', { side }),
    ];
    return compile([[...tool.amending(amended, facts), ...last]], {
      tool: tool.meta.name,
      exit: TOOL_FAILED,
    });
  }
  out(text);
  return 0;
}
