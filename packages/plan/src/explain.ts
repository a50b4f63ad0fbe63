import { latin1 } from '@ctr-tools/host';
import {
  CLONE,
  capabilitiesOf,
  capabilityName,
  MOUNT_ATTR,
  MS,
  O,
  RLIM_INFINITY,
  rlimitNames,
  SECCOMP_FILTER_FLAG,
  SIGNALS,
} from '@ctr-tools/sys/constants';
import type { Plan, PlannedStep } from './compile.ts';
import { type ArgKind, type EnumerationName, type OpShape, ops, type Spelling } from './ops.ts';
import type { Int, Slot, Template, Text } from './step.ts';
import { isSlot } from './step.ts';

function bits(names: Record<string, number>, value: bigint): string {
  const found: string[] = [];
  let rest = value;
  for (const [name, bit] of Object.entries(names)) {
    if (bit !== 0 && (rest & BigInt(bit)) === BigInt(bit)) {
      found.push(name);
      rest &= ~BigInt(bit);
    }
  }
  if (rest !== 0n) found.push(`0x${rest.toString(16)}`);
  return found.join('|') || '0';
}

const decimal = (v: bigint): string => (v === RLIM_INFINITY ? 'unlimited' : String(v));

const spellings: Record<Spelling, (value: bigint) => string> = {
  oct: (v) => `0${v.toString(8)}`,
  clone: (v) => bits(CLONE, v),
  mount: (v) => bits(MS, v),
  attr: (v) => bits(MOUNT_ATTR, v),
  open: (v) => bits(O, v),
  signal: (v) => Object.entries(SIGNALS).find(([, n]) => BigInt(n) === v)?.[0] ?? String(v),
  rlimit: (v) => rlimitNames[Number(v)] ?? String(v),
  caps: (v) =>
    capabilitiesOf(v)
      .map((n) => capabilityName(n).slice(4).toLowerCase())
      .join(',') || 'none',
  seccomp: (v) => bits(SECCOMP_FILTER_FLAG, v),
};

function spellInt(value: Int | string, spelling: Spelling | EnumerationName | undefined): string {
  if (typeof value === 'string') return value;
  if (isSlot(value)) return `{${value.slot}}`;
  const number = BigInt(value);
  if (spelling === undefined) return decimal(number);
  return spellings[spelling as Spelling](BigInt.asUintN(64, number));
}

const plainText = /^[\x20-\x7e]*$/;
const bare = /^[\w./:@%+,={}-]+$/;

function spellText(value: Text): string {
  if (isSlot(value)) return `{${value.slot}}`;
  if (value instanceof Uint8Array) {
    const text = latin1(value);
    return plainText.test(text) && text.length < 200 ? quote(text) : `<${value.length} bytes>`;
  }
  if (typeof value === 'string') return quote(value);
  return quote((value as Template).parts.map(spellPart).join(''));
}

function spellPart(part: Template['parts'][number]): string {
  if (isSlot(part)) return `{${part.slot}}`;
  return typeof part === 'string' ? part : `<${part.length} bytes>`;
}

const quote = (text: string): string => (bare.test(text) ? text : JSON.stringify(text));

function spell(kind: ArgKind, value: unknown, spelling: Spelling | EnumerationName | undefined): string {
  switch (kind) {
    case 'int':
      return spellInt(value as Int, spelling);
    case 'out':
      return `{${(value as Slot).slot}}`;
    case 'text':
    case 'blob':
      return spellText(value as Text);
    case 'list':
      return `[${(value as readonly Text[]).map(spellText).join(' ')}]`;
    case 'ints':
      return `[${(value as readonly Int[]).map((v) => spellInt(v, spelling)).join(' ')}]`;
  }
}

/** `mount root={root} target=/proc type=proc …`: the operation and its arguments by name. */
export function explainCall(op: keyof typeof ops, args: Record<string, unknown>): string {
  const shape: OpShape = ops[op];
  const spelled = Object.entries(shape.args).map(
    ([name, kind]) => `${name}${kind === 'out' ? '→' : '='}${spell(kind, args[name], shape.spell[name])}`,
  );
  return [op, ...spelled].join(' ');
}

/** One step as one line, without its number. */
export function explainStep(step: PlannedStep): string {
  const undo = step.undo
    ? `   [undo at ${step.undo.when}: ${explainCall(step.undo.op, step.undo.args as never)}]`
    : '';
  const unless = step.unless?.length ? `   [unless ${step.unless.join(' ')}]` : '';
  return `${explainCall(step.op, step.args)}${unless}${undo}`;
}

/** The whole plan as text for people: number, process, operation, one a line. */
export function explain(plan: Plan): string {
  const width = String(plan.steps.length - 1).length;
  return plan.steps
    .map(
      (s, i) =>
        `${String(i).padStart(width)}  ${processName(s.process, plan.processes)}  ${explainStep(s)}\n`,
    )
    .join('');
}

export function processName(process: number, processes: number): string {
  if (processes === 1) return 'self     ';
  return process === 0 ? 'host     ' : processes === 2 ? 'container' : `child ${process}  `;
}
