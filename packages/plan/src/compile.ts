import { does } from './effects.ts';
import type { OpName } from './ops.ts';
import { argumentsOf } from './ops.ts';
import { inOrder, type Phase } from './phases.ts';
import type { AnyArgs, AnyStep, AnyUndo, Int, Slot, Words } from './step.ts';
import { isSlot } from './step.ts';

/** A step with its process decided: what the launcher will do, one a line. */
export interface PlannedStep {
  op: OpName;
  args: AnyArgs;
  /** Which process of the plan carries it out; 0 is the launcher itself. */
  process: number;
  phase: Phase;
  words: Words;
  undo?: AnyUndo;
  unless?: readonly string[];
}

/** How the launcher speaks and ends when a step fails. */
export interface Manner {
  /** The name before each message: `ctr-run`. */
  tool: string;
  /** The exit code when the tool itself fails: 125, or 1 for the OCI subcommands. */
  exit: number;
  /** A file that gets each error as well, for engines. */
  log?: { path: string; format: 'text' | 'json' };
  /** On failure, print the plan with a mark at the step. */
  debug?: boolean;
  /** Fail or die at this step of the plan, to show that nothing is left. */
  fault?: { step: number; mode: 'fail' | 'die' };
}

export interface Plan {
  steps: PlannedStep[];
  /** How many processes: 1 and one for each `clone`. */
  processes: number;
  manner: Manner;
}

/** In `process` arguments of a tool's steps: the process on the other side. */
export const peer = -1;

/**
 * Make one plan from the links of a chain, each a list of steps, in the order typed. A
 * container of `ctr-run` is a chain of one link. Steps between two sides that turn out to
 * be one process fall away.
 *
 * Throws an `Error` for a slot that is used before any step fills it: a fault of ours.
 */
export function compile(links: readonly (readonly AnyStep[])[], manner: Manner): Plan {
  const steps: PlannedStep[] = [];
  let processes = 1;
  let current = 0;
  for (const link of links) {
    const host = current;
    for (const step of inOrder(link)) {
      if (does(step, 'clones')) {
        if (current !== host) throw new Error('a link can clone only once');
        current = processes++;
        steps.push(planned(step, host, { process: current }));
        continue;
      }
      const process = step.side === 'host' ? host : current;
      if (step.args.process !== peer) {
        steps.push(planned(step, process, {}));
      } else if (host !== current) {
        steps.push(planned(step, process, { process: step.side === 'host' ? current : host }));
      } else if (!does(step, 'between')) {
        throw new Error(`${step.op} needs a process outside, and there is none`);
      }
    }
  }
  resolveSlots(steps);
  return { steps, processes, manner };
}

function planned(step: AnyStep, process: number, resolved: Record<string, number>): PlannedStep {
  const { op, args, phase, words, undo, unless } = step;
  return {
    op,
    args: { ...args, ...resolved },
    process,
    phase,
    words,
    ...(undo && { undo }),
    ...(unless && { unless }),
  };
}

/** Optional slots that nobody fills become -1; any other unfilled slot is a mistake. */
function resolveSlots(steps: PlannedStep[]): void {
  const filled = new Set<string>();
  for (const step of steps) {
    const { names, kinds } = argumentsOf[step.op];
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const kind = kinds[i]!;
      const value = step.args[name];
      if (kind === 'out') filled.add((value as Slot).slot);
      else if (kind === 'int') {
        if (typeof value === 'object') step.args[name] = resolveInt(value as Int, filled, step.op);
      } else if (kind === 'ints')
        step.args[name] = (value as readonly Int[]).map((v) => resolveInt(v, filled, step.op));
    }
  }
}

function resolveInt(value: Int, filled: ReadonlySet<string>, op: OpName): Int {
  if (!isSlot(value) || filled.has(value.slot)) return value;
  if (value.optional) return -1;
  throw new Error(`${op} uses the slot ${value.slot} before anything fills it`);
}
