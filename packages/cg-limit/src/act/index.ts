/** What one flag asks or changes outside. */
import { type Host, type Outcome, out, type Parsed, UsageError, wantsColor } from '@ctr-tools/cli';
import { hugePageSizes } from '../gather.ts';
import type { Options } from '../options.ts';
import { kill, planOf, remove } from './end.ts';
import { freezeSteps } from './freeze.ts';
import { inspect } from './inspect.ts';
import { reportTable } from './table.ts';
import { changeable, ofProcess, targetOf } from './target.ts';
import { treeReports, treeTable } from './tree.ts';
import { updateSteps } from './update.ts';
import { refuseFromInside } from './within.ts';

/** Carry out the act. */
export async function act(name: string, given: Options, parsed: Parsed, host: Host): Promise<Outcome> {
  const text = targetText(name, parsed);
  if (name !== 'update' && Object.keys(given.resources).length > 0)
    throw new UsageError(`--${name} changes no limits; --update does`);
  if (name === 'show') return show(text, given.json, host);
  // Without a target a person watches the group that the shell is in.
  const target = text === '' ? ofProcess(host.pid) : targetOf(text, host);
  switch (name) {
    case 'watch':
      return (await import('./watch.ts')).watch(target, hugePageSizes(), host);
    case 'update':
      if (!given.fromInside)
        refuseFromInside(
          changeable(target),
          host.pid,
          `update ${target.name}`,
          'be limited by it too',
          '--from-inside if that is meant',
        );
      return planOf(updateSteps(target, given.resources, host));
    case 'freeze':
    case 'thaw':
      return planOf(freezeSteps(target, name === 'freeze', host.pid));
    case 'kill':
      return kill(target, host.pid);
    case 'remove':
      return remove(target, host);
    default:
      throw new Error(`no act ${name}`);
  }
}

/** `--show web` is what people type, though an optional value can only be attached. */
function targetText(name: string, parsed: Parsed): string {
  const attached = parsed.flags.get(name)![0]!;
  const [operand, second] = parsed.operands;
  if (operand === undefined) return attached;
  if (attached === '' && second === undefined && (name === 'show' || name === 'watch')) return operand;
  throw new UsageError(`--${name} takes one target; "${attached === '' ? second : operand}" is one too many`);
}

function show(text: string, json: boolean, host: Host): number {
  const style = { color: wantsColor(host, 1), ...(host.tty[1] && { width: host.columns }) };
  if (text === '') {
    out(json ? `${JSON.stringify(treeReports(), null, 2)}\n` : treeTable(style));
    return 0;
  }
  const report = inspect(targetOf(text, host), hugePageSizes());
  out(json ? `${JSON.stringify(report, null, 2)}\n` : reportTable(report, style));
  return 0;
}
