/**
 * Which members of config.json stand behind a step: those without which, or with another value of which, the plan
 * has no such step. So it holds for every step there will ever be, and no tool has to note it beside its own.
 */
import { err, Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type Plan, phases } from '@ctr-tools/plan';
import { jsonText, plain } from '../inspect/plain.ts';
import { wrapWords } from '../inspect/wrap.ts';
import type { Call } from '../subcommand.ts';
import { clauseOf, clauseOfStep, specification } from './clauses.ts';
import { changed, lineOf, membersOf, type Pointer, spelled, valueAt } from './pointer.ts';
import { planIfAny, quietPlan, type Seen, stepsOf } from './quiet.ts';

export interface Cause {
  pointer: Pointer;
  /** How many steps of the plan go with it. The fewer, the more of it is about this one. */
  steps: number;
}

/** A value of the same kind that means something else. */
function another(value: unknown): unknown {
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'bigint') return value + 1n;
  if (typeof value === 'boolean') return !value;
  return undefined;
}

/** What is behind step `at` of a plan, the closest first. `plans` makes the steps of a changed spec, or nothing. */
export async function causesOf<T>(
  spec: T,
  steps: readonly string[],
  at: number,
  plans: (spec: T) => Promise<readonly string[] | undefined>,
): Promise<Cause[]> {
  const wanted = steps[at]!;
  const count = (of: readonly string[]): number => of.filter((step) => step === wanted).length;
  const times = count(steps);
  /** How many steps a change takes away, 0 where the one that is asked for stays, undefined where nothing can be planned. */
  async function takes(other: T): Promise<number | undefined> {
    const left = await plans(other);
    if (left === undefined) return undefined;
    if (count(left) >= times) return 0;
    const rest = new Set(left);
    return steps.filter((step) => !rest.has(step)).length;
  }
  async function below(pointer: Pointer): Promise<Cause[]> {
    const found: Cause[] = [];
    // Of what is one thing, a mount or a limit, two members that matter are it as a whole.
    const most = pointer.length < 2 ? Number.POSITIVE_INFINITY : 2;
    for (const member of membersOf(valueAt(spec, pointer), pointer)) {
      found.push(...(await look(member)));
      if (found.length >= most) break;
    }
    return found;
  }
  async function look(pointer: Pointer): Promise<Cause[]> {
    const value = valueAt(spec, pointer);
    let lost = await takes(changed(spec, pointer));
    if (lost === 0) return [];
    // An element of a list is one thing: a mount, a limit, a path.
    if (lost !== undefined && typeof pointer.at(-1) === 'number') return [{ pointer, steps: lost }];
    const found = await below(pointer);
    if (lost === undefined && found.length === 0) {
      const other = another(value);
      lost = other === undefined ? 0 : await takes(changed(spec, pointer, { value: other }));
    }
    if (found.length === 1 || (pointer.length < 2 && found.length > 0)) return found;
    if (found.length > 1) return [{ pointer, steps: lost ?? Math.max(...found.map((one) => one.steps)) }];
    return lost ? [{ pointer, steps: lost }] : [];
  }
  const all = await below([]);
  return all.toSorted((a, b) => a.steps - b.steps);
}

const LONGEST = 160;
const shorten = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

/** `ctr-run plan --why N`. `file` is the config.json and its text, where the spec comes from one. */
export async function tellWhy(
  call: Call,
  spec: Spec,
  seen: Seen,
  number: string,
  file: { path: string; text: string } | undefined,
): Promise<string> {
  const { root } = call.globals;
  const plan = await quietPlan(call, spec, seen);
  const keyed = (of: Plan): string[] => stepsOf(of, seen, root).map(({ text, bytes }) => `${text} ${bytes}`);
  const at = /^\d+$/.test(number) ? Number(number) : Number.NaN;
  const step = plan.steps[at];
  if (!step)
    throw new Failure(
      `--why is "${number}"; it is the number of a step, 0 to ${plan.steps.length - 1}, as ctr-run plan prints it`,
    );
  if (call.host.tty[2]) err('ctr-run: looking which members of the spec change this step …\n');
  const causes = await causesOf(spec, keyed(plan), at, async (other) => {
    const made = await planIfAny(call, other, seen);
    return made && keyed(made);
  });
  const width = call.host.tty[1] ? call.host.columns : 80;
  const lines = [
    `step ${at}: ${stepsOf(plan, seen, root)[at]!.text}`,
    ...wrapWords(`${step.phase}: ${phases[step.phase]}`, width),
    '',
    ...causes.flatMap(({ pointer, steps }) => {
      const line = file && lineOf(file.text, pointer);
      const where = line === undefined ? '' : `${file!.path}:${line}: `;
      const clause = clauseOf(pointer);
      return [
        `${where}${spelled(pointer)}: ${shorten(jsonText(valueAt(spec, pointer)).replace(/\s*\n\s*/g, ' '))}`,
        ...(clause === undefined ? [] : [`    ${specification}${clause}`]),
        ...(steps > 1 ? [`    without it ${steps} steps of the plan would be others`] : []),
      ];
    }),
  ];
  if (causes.length === 0) {
    const clause = clauseOfStep(step);
    lines.push(
      ...wrapWords(
        'No member of the spec alone decides this step: every container of this machine has it, or the command line decides it.',
        width,
      ),
      ...(clause === undefined ? [] : [`    ${specification}${clause}`]),
    );
  }
  return `${lines.map(plain).join('\n')}\n`;
}
