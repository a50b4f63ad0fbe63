import {
  type Declared,
  type EnumerationName,
  type enumerations,
  type OpName,
  type OpShape,
  type Ops,
  ops,
} from './ops.ts';
import type { Phase } from './phases.ts';

/** A value that exists only while the plan runs: a PID, a descriptor, a text read from the kernel. */
export interface Slot {
  slot: string;
  /** Where no step fills it, -1 stands for it. */
  optional?: boolean;
}

/** Text made ready around slots, which the launcher fills in as decimal or as text. */
export interface Template {
  parts: readonly (string | Uint8Array | Slot)[];
}

export const slot = (name: string): Slot => ({ slot: name });

/** A slot that another tool may fill or not. */
export const optionalSlot = (name: string): Slot => ({ slot: name, optional: true });

export const isSlot = (value: unknown): value is Slot =>
  typeof value === 'object' && value !== null && 'slot' in value;

export const isTemplate = (value: unknown): value is Template =>
  typeof value === 'object' && value !== null && Array.isArray((value as Template).parts);

/** Points at which the two sides of a container wait for one another. */
export const points = {
  /** container → host: the new user namespace exists and wants its maps */
  unmapped: 1,
  /** host → container: the maps are written */
  mapped: 2,
  /** container → host: namespaces and mounts exist; createRuntime hooks may run */
  mounted: 3,
  /** host → container: runtime hooks have run */
  hooked: 4,
  /** container → host: everything is set but the command */
  ready: 5,
  /** host → container: state written, go on */
  recorded: 6,
  /** container → host: the process is alive in its namespaces, before anything else */
  born: 7,
  /** host → container: interfaces and groups that need the PID are in place */
  placed: 8,
  /** host → container: the process is in the group that systemd made, with its limits set */
  grouped: 9,
} as const;

/** ``template`/proc/${slot('child.pid')}/uid_map` `` */
export function template(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | bigint | Uint8Array | Slot)[]
): Template {
  const parts: (string | Uint8Array | Slot)[] = [];
  for (const [i, text] of strings.entries()) {
    if (text !== '') parts.push(text);
    const value = values[i];
    if (value === undefined) continue;
    parts.push(typeof value === 'number' || typeof value === 'bigint' ? String(value) : value);
  }
  return { parts };
}

export type Text = string | Uint8Array | Slot | Template;
export type Int = number | bigint | boolean | Slot;

type ArgValue<K extends Declared> = K extends 'text' | 'blob'
  ? Text
  : K extends 'list'
    ? readonly Text[]
    : K extends 'ints'
      ? readonly Int[]
      : K extends 'out'
        ? Slot
        : K extends EnumerationName
          ? keyof (typeof enumerations)[K]
          : Int;

type Takes<O extends OpName> = Ops[O]['takes'];
type OptionalName<T> = { [A in keyof T]: T[A] extends readonly unknown[] ? A : never }[keyof T];

/** An operation's arguments, as a step is written: those with a default may be left out. */
export type Args<O extends OpName> = {
  [A in Exclude<keyof Takes<O>, OptionalName<Takes<O>>>]: ArgValue<Takes<O>[A] & Declared>;
} & {
  [A in OptionalName<Takes<O>>]?: Takes<O>[A] extends readonly [infer K extends Declared, unknown]
    ? ArgValue<K>
    : never;
};

/**
 * Who carries a step out. `container` is the process that becomes the command; `host` is
 * the one outside that prepares it. Where no process is cloned both are the same.
 */
export type Side = 'host' | 'container';

/** What a person is told when a step fails: `DOING: the kernel's answer; HINT`. */
export interface Words {
  /** What was being done and to what: "mount proc on /proc". No full stop, no tool's name. */
  doing: Text;
  /**
   * What a person can do about it, by the kernel's answer; `else` for any other. One that begins with "=" says the
   * answer itself in other words, and stands in its place.
   */
  hints?: Record<string, string>;
  /** The exit code for this failure, where it is not the plan's own. */
  exit?: number;
}

/** Arguments as they are once `step` has checked them against their operation, none left out. */
export type AnyArgs = Record<string, Int | Text | readonly Int[] | readonly Text[]>;

/** One kernel operation. Made by `step`, which checks the arguments' types. */
export interface AnyStep {
  op: OpName;
  args: AnyArgs;
  side: Side;
  phase: Phase;
  words: Words;
  /** How to take back what this step made. Undoings run backwards. */
  undo?: AnyUndo;
  /** Failures with these errno names are passed over (`any`: every one). */
  unless?: readonly string[];
}

export interface AnyUndo {
  op: OpName;
  args: AnyArgs;
  /** `failure` only, or `end`: also when the command has ended and the launcher stayed with it. */
  when: 'failure' | 'end';
  words: Words;
}

interface Rest {
  side?: Side;
  undo?: AnyUndo;
  unless?: readonly string[];
  hints?: Record<string, string>;
  exit?: number;
}

const whole = <O extends OpName>(op: O, args: Args<O>): AnyArgs => ({
  ...(ops[op] as OpShape).defaults,
  ...(args as AnyArgs),
});

/**
 * Write one step. The sentence says what is done to what ("make the cgroup /x"); side
 * `container` unless `rest` says otherwise.
 */
export function step<O extends OpName>(
  phase: Phase,
  op: O,
  args: Args<O>,
  doing: Text,
  rest: Rest = {},
): AnyStep {
  const { side = 'container', undo, unless, hints, exit } = rest;
  const words: Words = { doing, ...(hints && { hints }), ...(exit !== undefined && { exit }) };
  return {
    op,
    args: whole(op, args),
    side,
    phase,
    words,
    ...(undo && { undo }),
    ...(unless && { unless }),
  };
}

/** Write the undoing of a step. */
export function undo<O extends OpName>(when: AnyUndo['when'], op: O, args: Args<O>, doing: Text): AnyUndo {
  return { op, args: whole(op, args), when, words: { doing } };
}
