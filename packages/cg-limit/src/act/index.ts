/** What one flag asks or changes outside. */
import {
  err,
  type Host,
  type Outcome,
  out,
  type Parsed,
  printable,
  UsageError,
  wantsColor,
} from '@ctr-tools/cli';
import type { AnyStep } from '@ctr-tools/plan';
import { hugePageSizes } from '../gather.ts';
import { countsProcesses } from '../layout.ts';
import type { Options } from '../options.ts';
import { killSteps, planOf, removeSteps } from './end.ts';
import { freezeSteps } from './freeze.ts';
import { inspect } from './inspect.ts';
import { membersOf, membersText } from './members.ts';
import { moveSteps } from './move.ts';
import { reportTable } from './table.ts';
import { changeable, type Target, targetOf } from './target.ts';
import { listTable, sortedReports, treeReports, treeTable } from './tree.ts';
import { updateSteps } from './update.ts';
import { busyIn, refuseFromInside } from './within.ts';

/** Carry out the act. */
export async function act(name: string, given: Options, parsed: Parsed, host: Host): Promise<Outcome> {
  const texts = targetTexts(name, parsed);
  if (name === 'show') return show(texts, given, host);
  if (name === 'watch') {
    if (texts.length === 0) return (await import('./watch-all.ts')).watchAll(host, given.json, given.sort);
    if (given.sort) throw new UsageError('--sort is for the list of all groups: --watch --sort memory');
    return (await import('./watch.ts')).watch(targetOf(texts[0]!, host), hugePageSizes(), host, given.json);
  }
  if (name === 'move') {
    if (texts.length > 1 && (!given.keep || given.cgroup !== undefined))
      throw new UsageError('--move stays with one process; for several give --keep, and no --cgroup');
    return planOf(texts.flatMap((text) => moveSteps(text, given, host)));
  }
  // All are looked at before the first is changed, and one that is refused takes back the others.
  return planOf(texts.flatMap((text) => stepsFor(name, text, targetOf(text, host), given, host)));
}

function stepsFor(name: string, text: string, target: Target, given: Options, host: Host): AnyStep[] {
  switch (name) {
    case 'update':
      if (!given.fromInside)
        refuseFromInside(
          changeable(target),
          host.pid,
          `update ${target.name}`,
          'be limited by it too',
          '--from-inside if that is meant',
        );
      return toldOfOthers(target, text, updateSteps(target, given.resources, host, true));
    case 'freeze':
    case 'thaw':
      return freezeSteps(target, name === 'freeze', host.pid);
    case 'kill':
      return killSteps(target, host.pid);
    case 'remove':
      return removeSteps(target, host, given.toParent);
    default:
      throw new Error(`no act ${name}`);
  }
}

/** The flag's value and the words after it. `--show web` is what people type, though an optional value can only be attached. */
function targetTexts(name: string, parsed: Parsed): readonly string[] {
  const attached = parsed.flags.get(name)![0]!;
  const texts = attached === '' ? parsed.operands : [attached, ...parsed.operands];
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined) throw new UsageError(`--${name}: the target ${twice} is given twice`);
  if (name === 'watch' && texts.length > 1)
    throw new UsageError(`--watch takes one target; "${texts[1]}" is one too many`);
  return texts;
}

/**
 * The steps of an update that can be planned. Who names a process may mean it alone, and is told who else gets these
 * limits before anything is changed.
 */
function toldOfOthers(target: Target, text: string, steps: AnyStep[]): AnyStep[] {
  if (!isProcess(text)) return steps;
  const limiting = changeable(target).filter((place) => countsProcesses(place.controllers));
  const others = (busyIn(limiting)?.processes ?? 1) - 1;
  const paths = [...new Set(limiting.map(({ directory, mountPoint }) => directory.slice(mountPoint.length)))];
  if (others > 0)
    err(
      `cg-limit: ${target.name} shares the group ${printable(paths.join(' and '))} with ${others} other process${others === 1 ? '' : 'es'}, which get${others === 1 ? 's' : ''} these limits too; --move limits it alone\n`,
    );
  return steps;
}

/** Who asks by a PID does not know which group it is in, and with whom. */
const isProcess = (text: string): boolean => /^\d+$/.test(text);

function show(texts: readonly string[], { json, sort }: Options, host: Host): number {
  const style = { color: wantsColor(host, 1), ...(host.tty[1] && { width: host.columns }) };
  const asJson = (value: unknown): number => {
    out(`${JSON.stringify(value, null, 2)}\n`);
    return 0;
  };
  if (texts.length === 0) {
    if (json) return asJson(sort ? sortedReports(sort) : treeReports());
    out(sort ? listTable(sort, style) : treeTable(style));
    return 0;
  }
  if (sort) throw new UsageError('--sort is for the list of all groups: --show --sort memory');
  const pages = hugePageSizes();
  const targets = texts.map((text) => targetOf(text, host));
  const reports = targets.map((target) => inspect(target, pages));
  if (json) {
    const full = reports.map((report, i) => ({ ...report, members: membersOf(targets[i]!) }));
    return asJson(full.length === 1 ? full[0] : full);
  }
  out(
    reports
      .map((report, i) =>
        reportTable(
          report,
          style,
          isProcess(texts[i]!) ? membersText(targets[i]!, Number(texts[i]), style.width) : '',
        ),
      )
      .join('\n'),
  );
  return 0;
}
