/** Plans that are only looked at: nothing is said about what they are made from, and two of them can be compared. */
import { latin1 } from '@ctr-tools/host';
import { type Spec, validateSpec } from '@ctr-tools/oci';
import {
  type AnyStep,
  compile,
  explainStep,
  type Plan,
  type PlannedStep,
  processName,
} from '@ctr-tools/plan';
import { containerSteps, gatherContainer } from '../container/compose.ts';
import { making, withBefore } from '../container/make.ts';
import { mannerOf } from '../globals.ts';
import { type Call, has } from '../subcommand.ts';
import type { Shown } from './diff.ts';

/** From where a spec is planned. */
export interface Seen {
  bundle: string;
  id: string;
  onStdin: boolean;
  /** What a person's flags ask for before all else. */
  steps?: readonly AnyStep[] | undefined;
}

/** What would be done for this spec. Throws what `run` would say of it. */
export async function quietPlan(call: Call, spec: Spec, { bundle, id, onStdin, steps }: Seen): Promise<Plan> {
  // What a spec is warned of is said by `run` and `plan`, not once more for each look.
  const globals = { ...call.globals, root: call.globals.root, warnings: [], debug: false };
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const made = withBefore(
    {
      ...making({ ...call, globals }, spec, bundle, id, course),
      created: '{now}',
      specOnStdin: onStdin,
    },
    steps,
  );
  const facts = await gatherContainer(made, call.host, 1);
  return compile([containerSteps(made, facts)], mannerOf(globals, 1));
}

/** The same of a spec that was changed, or undefined where nothing can be made of it. */
export async function planIfAny(call: Call, spec: Spec, seen: Seen): Promise<Plan | undefined> {
  try {
    validateSpec(spec, 'run', 'the spec');
    return await quietPlan(call, spec, seen);
  } catch {
    return undefined;
  }
}

/**
 * A step as it is told apart from others: by what the kernel is asked, and not by its number. The container's own
 * record has a copy of the whole spec, and the bundle its own place: neither is a difference.
 */
export function stepsOf(plan: Plan, { bundle, id }: Seen, root: string): Shown[] {
  const record = `${root}/${id}/`;
  return plan.steps.map((step) => ({
    text: `${processName(step.process, plan.processes)}  ${textOf(step)}`,
    bytes: bytesOf(step),
  }));

  function textOf(step: PlannedStep): string {
    const { path } = step.args;
    const own = step.op === 'write_file' && typeof path === 'string' && path.startsWith(record);
    const shown = own ? { ...step, args: { ...step.args, data: '' } } : step;
    const text = explainStep(shown)
      // A container whose root is made of layers has a directory of a name that is made up.
      .replaceAll(new RegExp(`ctr-${id.replace(/\W/g, '\\$&')}-[0-9a-f]{8}\\b`, 'g'), `ctr-${id}`)
      .replaceAll(bundle, '{bundle}');
    return own ? text.replace('data=""', 'data=…') : text;
  }
}

/** What a step hands over as bytes, which its line tells by their number alone. */
const bytesOf = ({ args }: PlannedStep): string =>
  Object.values(args)
    .map((value) => (value instanceof Uint8Array ? latin1(value) : ''))
    .join('');
