import {
  type AnyArgs,
  type AnyStep,
  isSlot,
  isTemplate,
  type Slot,
  slot,
  step,
  type Template,
  type Text,
} from '@ctr-tools/plan';
import { whatWasSeen } from './observe.ts';

const side = 'host';

/** Where plans lie that are used again; no container can have this name. */
export const plansIn = (root: string): string => `${root}/.plans`;

/** What a tool calls a thing that it makes for one process: `cg-limit` its group. */
export const ownName = (pid: number): string => `ctr-limit-${pid}`;

/**
 * What makes a plan one that is used again: a guard with all that it was decided by, and the keeping
 * of it in the state root. The launcher finds it by the request (`native/src/again.c`), so whoever
 * says other words, stands elsewhere, or has other variables or descriptors asks the planner.
 * Nothing where the planner did not watch (`observe`), or saw what cannot be seen again.
 */
export function againSteps(
  root: string | undefined,
  steps: readonly AnyStep[],
  kept: 'state' | 'running',
): AnyStep[] {
  // A planner that stays for questions is one that was not needed.
  if (root === undefined || steps.some(({ op }) => op === 'ask')) return [];
  const answers = whatWasSeen();
  if (!answers) return [];
  const directory = plansIn(root);
  return [
    step('state', 'seen', { answers }, 'see that nothing has changed', { side, guard: true }),
    step(kept, 'keep_plan', { directory }, `keep the plan in ${directory}`, { side, unless: ['any'] }),
  ];
}

const pid = slot('caller.pid');
const learnPid = step('state', 'self_pid', { pid }, 'note the own PID', { side });

/**
 * The links of a chain as a plan that is used again has them: what is named after this process is
 * named after whoever carries the plan out, if nothing of that name is there. As they are where that cannot be.
 */
export function chainAgain(
  root: string | undefined,
  links: readonly (readonly AnyStep[])[],
  caller: number,
): AnyStep[][] {
  const as = links.map((link) => [...link]);
  const [guard, keep] = againSteps(root, links.flat(), 'state');
  if (!guard || !keep) return as;
  const naming = new Naming(ownName(caller));
  const named = as.map((link) => link.map((one) => naming.step(one)));
  if (naming.impossible) return as;
  named[0]!.unshift(
    guard,
    ...(naming.used ? named.flatMap(absent) : []),
    keep,
    ...(naming.used ? [learnPid] : []),
  );
  if (naming.used) named[0]!.splice(1, 0, { ...learnPid, guard: true });
  return named;
}

/** Guards: what the plan makes under a name of the caller's is not there. */
function absent(link: readonly AnyStep[]): AnyStep[] {
  return link.flatMap(({ op, args: { path } }) =>
    op === 'mkdir' && isTemplate(path)
      ? [step('state', 'absent', { path }, 'see that a name is free', { side, guard: true })]
      : [],
  );
}

/** Puts the slot of a PID into whatever text has a name that ends with it. */
class Naming {
  used = false;
  /** The name stands where no slot can be, or another of its kind does. */
  impossible = false;
  private readonly name: string;
  private readonly stem: string;

  constructor(name: string) {
    this.name = name;
    this.stem = name.slice(0, name.search(/\d+$/));
  }

  step(one: AnyStep): AnyStep {
    const { args, words, undo } = one;
    if (Object.values(words.hints ?? {}).some((hint) => hint.includes(this.name))) this.impossible = true;
    return {
      ...one,
      args: this.args(args),
      words: { ...words, doing: this.text(words.doing) },
      ...(undo && {
        undo: {
          ...undo,
          args: this.args(undo.args),
          words: { ...undo.words, doing: this.text(undo.words.doing) },
        },
      }),
    };
  }

  private args(args: AnyArgs): AnyArgs {
    const named: AnyArgs = {};
    for (const [key, value] of Object.entries(args)) {
      if (Array.isArray(value)) named[key] = value.map((item) => this.value(item)) as AnyArgs[string];
      else named[key] = this.value(value as Text) as AnyArgs[string];
    }
    return named;
  }

  private value(value: unknown): unknown {
    const isText = typeof value === 'string' || value instanceof Uint8Array || isTemplate(value);
    return isText ? this.text(value as Text) : value;
  }

  private text(text: Text): Text {
    if (isSlot(text)) return text;
    if (isTemplate(text)) return { parts: text.parts.flatMap((part) => this.parts(part)) };
    const parts = this.parts(text);
    return parts.length === 1 && !isSlot(parts[0]) ? (parts[0] as string | Uint8Array) : { parts };
  }

  private parts(part: string | Uint8Array | Slot): Template['parts'] {
    if (isSlot(part)) return [part];
    if (typeof part !== 'string') {
      if (Buffer.from(part).includes(this.name)) this.impossible = true;
      return [part];
    }
    const between = part.split(this.name);
    if (between.length === 1) return [part];
    this.used = true;
    // A longer number, or a name made because this one is taken.
    if (between.slice(1).some((after) => /^[\d-]/.test(after))) this.impossible = true;
    return between.flatMap((text, i) => (i === 0 ? [text] : [this.stem, pid, text])).filter((p) => p !== '');
  }
}
