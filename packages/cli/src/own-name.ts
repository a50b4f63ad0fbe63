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

/** What a tool calls a thing that it makes for one process: `cg-limit` its group. */
export const ownName = (pid: number): string => `${stem}${pid}`;

const stem = 'ctr-limit-';
const pid = slot('caller.pid');
const side = 'host';
const learn = step('state', 'self_pid', { pid }, 'note the own PID', { side });

export interface Named {
  links: AnyStep[][];
  /** That nothing of such a name is there. They come first, and where they alone are carried out the PID is known to them. */
  guards: AnyStep[];
  /** Steps by which the PID is known to the links. */
  learns: AnyStep[];
}

/**
 * Steps that were planned for the process `caller`, for any process: where the name stands that a
 * tool gives to what it makes for one, a slot has the PID. Undefined where no slot can stand, or where
 * the name was taken and another was made from it.
 */
export function afterCaller(links: readonly (readonly AnyStep[])[], caller: number): Named | undefined {
  const naming = new Naming(ownName(caller));
  const named = links.map((link) => link.map((one) => naming.step(one)));
  if (naming.impossible) return undefined;
  if (!naming.used) return { links: named, guards: [], learns: [] };
  return { links: named, guards: [{ ...learn, guard: true }, ...named.flatMap(absent)], learns: [learn] };
}

/** Guards: what is made under such a name is not there yet. */
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

  constructor(name: string) {
    this.name = name;
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
    return between.flatMap((text, i) => (i === 0 ? [text] : [stem, pid, text])).filter((p) => p !== '');
  }
}
