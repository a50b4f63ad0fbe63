import { Failure, isFailure, type Outcome, oneLine } from '@ctr-tools/cli';
import { ACCESS, dirname, isAccessible, statIfAny } from '@ctr-tools/host';
import { compile, type Plan, step } from '@ctr-tools/plan';
import type { Globals } from './globals.ts';

/*
 * An engine reads `--log` and not stderr (go-runc, getLastRuntimeError). A planner can write no file, so what
 * is for the log goes to the launcher with the plan.
 */

const side = 'host';

/** A warning for the engine's log, where there is one. */
export function logWarning({ log, warnings }: Pick<Globals, 'log' | 'warnings'>, text: string): void {
  if (log) warnings.push(text);
}

/** What a call came to, with its warnings. What is not a plan has nobody to write them. */
export function withWarnings(outcome: Outcome, { warnings }: Pick<Globals, 'warnings'>): Outcome {
  if (typeof outcome === 'number' || warnings.length === 0) return outcome;
  const steps = warnings.map((text) => ({
    ...step('state', 'log', { text: oneLine(text) }, 'write a warning to the log', { side }),
    process: 0,
  }));
  const said = (plan: Plan): Plan => ({ ...plan, steps: [...steps, ...plan.steps] });
  return 'plan' in outcome ? { ...outcome, plan: said(outcome.plan) } : said(outcome);
}

/** A failure as a plan that does nothing else. Undefined where there is no log. */
export function failurePlan(error: unknown, { log }: Pick<Globals, 'log'>): Plan | undefined {
  if (!log || !isFailure(error) || whyNot(log.path) !== undefined) return undefined;
  const { message, exit } = error as Failure;
  const fail = step('state', 'fail', {}, oneLine(message), { side });
  return compile([[fail]], { tool: 'ctr-run', exit: exit ?? 125, log });
}

/** Throw a `Failure` for a log that cannot be written, before anything is done: what is to be read there would be lost. */
export function checkLog({ log }: Pick<Globals, 'log'>): void {
  const why = log && whyNot(log.path);
  if (why !== undefined) throw new Failure(`open the log ${log!.path}: ${why}`);
}

/** Why the launcher will not be able to write there, as far as a planner can tell. */
function whyNot(path: string): string | undefined {
  // The caller's descriptors are not the planner's.
  if (/^\/(?:proc|dev\/fd)\//.test(path)) return undefined;
  const there = statIfAny(path);
  if (there?.isDirectory()) return 'it is a directory';
  const directory = dirname(path);
  if (!there && !statIfAny(directory)?.isDirectory()) return `there is no directory ${directory}`;
  return isAccessible(there ? path : directory, ACCESS.WRITE) ? undefined : 'it is not ours to write';
}
