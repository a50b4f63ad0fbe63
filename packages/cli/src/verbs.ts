/** Which of the three verbs a command line means (DESIGN.md, "Three verbs"), and doing it. */
import { needNode } from '@ctr-tools/host';
import { explain } from '@ctr-tools/plan';
import { isOptional, parseArgv, spellFlag, withDefaults } from './argv.ts';
import { applyChain } from './chain.ts';
import { actsOf, grammarOf, probablyMeant, refuseUnread } from './common.ts';
import { flagsOf } from './define.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { out } from './output.ts';
import type { Flag, Outcome, Parsed, Siblings, Tool } from './tool.ts';
import { shellLine } from './words.ts';

/** Carry out one call of a tool. */
export async function runTool(tool: Tool, host: Host, siblings: Siblings): Promise<Outcome> {
  const parsed = parseArgv(host.argv, grammarOf(tool));
  if (parsed.flags.has('help')) {
    const { renderHelp } = await import('./help.ts');
    out(renderHelp(tool, { columns: host.columns, color: wantsColor(host, 1), terminal: host.tty[1] }));
    return 0;
  }
  if (tool.command === 'never' && parsed.operands.includes(''))
    throw new UsageError('a word is empty, and names nothing (a variable that is not set?)');
  if (parsed.flags.has('version')) {
    const { version } = await import('./version.ts');
    out(`${tool.meta.name} (ctr-tools) ${version}\n`);
    return 0;
  }
  const outcome = await verb(tool, parsed, host, siblings);
  if (!parsed.flags.has('plan')) return outcome;
  if (typeof outcome === 'number') return outcome;
  out(explain('plan' in outcome ? outcome.plan : outcome));
  return 0;
}

async function verb(tool: Tool, parsed: Parsed, host: Host, siblings: Siblings): Promise<Outcome> {
  const flags = flagsOf(tool);
  const acts = actsOf(flags, parsed);
  const [act, second] = acts;
  const amending = parsed.flags.has('amend');
  if (act && second)
    throw new UsageError(`--${act.name} and --${second.name} are two acts; one call does one`);
  if (act) {
    if (amending) throw new UsageError(`--${act.name} and --amend are two different things to do; give one`);
    if (parsed.command && !act.takesCommand)
      throw new UsageError(
        `--${act.name} takes no command; leave out ${shellLine(['--', ...parsed.command])}`,
      );
    if (!tool.act) throw new Error(`${tool.meta.name} has the act ${act.name} but does not carry it out`);
    checkOperands(act, parsed);
    refuseUnread(flags, parsed, act);
    const full = withDefaults(parsed, flags, host.env);
    const options = tool.options(full, host);
    if (act.act === 'asks' && parsed.flags.has('plan'))
      return wouldDo(`${tool.meta.name} --${act.name} only asks; it would change nothing`);
    if (act.node) needNode(`--${act.name}`);
    return tool.act(act.name, options, full, host);
  }
  refuseUnread(flags, parsed, undefined);
  if (parsed.command) {
    if (parsed.command.length === 0)
      throw new UsageError(`no command after "--"; ${probablyMeant(tool, host, host.argv.slice(0, -1))}`);
    if (amending)
      throw new UsageError('--amend reads a spec on stdin and takes no command; give one of the two');
    const full = withDefaults(parsed, flags, host.env);
    return applyChain(tool, full, host, siblings, { debug: parsed.flags.has('debug') });
  }
  if (tool.alone && !amending) {
    const full = withDefaults(parsed, flags, host.env);
    return tool.alone(tool.options(full, host), full, host);
  }
  if (parsed.flags.has('plan')) throw new UsageError(`--plan needs a command; ${probablyMeant(tool, host)}`);
  const { amendSpec } = await import('./amend.ts');
  return amendSpec(tool, parsed, host);
}

/** An operand that an act does not take was meant for something, and would be lost. */
function checkOperands(act: Flag, { operands, flags }: Parsed): void {
  if (act.operands === 'tool' || operands.length <= (act.operands ?? 0)) return;
  const surplus = operands[act.operands ?? 0]!;
  const attached = !act.operands && isOptional(act) && flags.get(act.name)![0] === '';
  throw new UsageError(
    attached
      ? `--${act.name} takes its value attached: ${shellLine([`--${act.name}=${surplus}`])}`
      : `${shellLine([surplus])} is too much: ${spellFlag(act)} takes ${act.operands ? `${act.operands} word${act.operands > 1 ? 's' : ''}` : 'no word'} beside it`,
  );
}

/** What an act says for `--plan` where it has no kernel operations to print: a line each. The exit code. */
export function wouldDo(...lines: readonly string[]): number {
  for (const line of lines) out(`${line}\n`);
  return 0;
}

/** Whether colour belongs on descriptor 1 or 2 (no-color.org: a NO_COLOR that is not empty). */
export function wantsColor(host: Host, fd: 1 | 2): boolean {
  return host.tty[fd] && !host.env.get('NO_COLOR') && host.env.get('TERM') !== 'dumb';
}
