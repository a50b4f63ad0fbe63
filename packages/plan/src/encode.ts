import { ERRNO } from '@ctr-tools/sys/constants';
import { encodeBytes } from './bytes.ts';
import type { Plan, PlannedStep } from './compile.ts';
import { explainStep } from './explain.ts';
import { type ArgKind, ops } from './ops.ts';
import type { AnyUndo, Int, Slot, Template, Text, Words } from './step.ts';
import { isSlot } from './step.ts';

/**
 * The encoding of a plan, version 1, little-endian. `native/src/plan.h` is its other half.
 *
 * - header, 96 bytes
 * - steps, 40 bytes each; undoings are steps of their own behind the others, marked
 * - cells, 16 bytes each: u32 kind, u32 length, u64 value. Cell 0 is nil.
 * - data: the bytes of all texts, each followed by a NUL that is not counted
 */
export const MAGIC = 'CTRPLAN\0';
export const VERSION = 1;
const HEADER = 96;
const STEP = 40;
const CELL = 16;

const KIND = { nil: 0, int: 1, bytes: 2, slot: 3, template: 4, list: 5 } as const;

/** Plan flags in the header. */
export const PLAN_STAY = 1;
export const PLAN_DEBUG = 2;

/** A text that a C program could not take: it has a NUL inside. */
export class NulByteError extends Error {
  override name = 'NulByteError';
}

interface Cell {
  kind: number;
  length: number;
  value: bigint;
}

class Encoder {
  readonly cells: Cell[] = [{ kind: KIND.nil, length: 0, value: 0n }];
  readonly data: Buffer[] = [];
  dataLength = 0;
  private readonly known = new Map<string, number>();
  private readonly slots = new Map<string, number>();

  get slotCount(): number {
    return this.slots.size;
  }

  private push(cells: readonly Cell[]): number {
    const at = this.cells.length;
    for (const cell of cells) this.cells.push(cell);
    return at;
  }

  private bytes(value: string | Uint8Array, allowNul: boolean): Cell {
    const buffer = typeof value === 'string' ? encodeBytes(value) : Buffer.from(value);
    if (!allowNul && buffer.includes(0))
      throw new NulByteError(`a NUL byte in ${JSON.stringify(String(value))}`);
    const key = typeof value === 'string' ? value : undefined;
    let offset = key === undefined ? undefined : this.known.get(key);
    if (offset === undefined) {
      offset = this.dataLength;
      this.data.push(buffer, Buffer.alloc(1));
      this.dataLength += buffer.length + 1;
      if (key !== undefined) this.known.set(key, offset);
    }
    return { kind: KIND.bytes, length: buffer.length, value: BigInt(offset) };
  }

  private slot(value: Slot): Cell {
    let index = this.slots.get(value.slot);
    if (index === undefined) {
      index = this.slots.size;
      this.slots.set(value.slot, index);
    }
    return { kind: KIND.slot, length: 0, value: BigInt(index) };
  }

  private text(value: Text, allowNul: boolean): Cell {
    if (isSlot(value)) return this.slot(value);
    if (typeof value === 'string' || value instanceof Uint8Array) return this.bytes(value, allowNul);
    const parts = (value as Template).parts.map((p) => (isSlot(p) ? this.slot(p) : this.bytes(p, allowNul)));
    return { kind: KIND.template, length: parts.length, value: BigInt(this.push(parts)) };
  }

  private int(value: Int): Cell {
    if (isSlot(value)) return this.slot(value);
    return { kind: KIND.int, length: 0, value: BigInt.asUintN(64, BigInt(value)) };
  }

  private argument(kind: ArgKind, value: unknown): Cell {
    switch (kind) {
      case 'int':
        return this.int(value as Int);
      case 'out':
        return this.slot(value as Slot);
      case 'text':
        return this.text(value as Text, false);
      case 'blob':
        return this.text(value as Text, true);
      case 'list':
      case 'ints': {
        const cells = (value as readonly unknown[]).map((v) =>
          kind === 'ints' ? this.int(v as Int) : this.text(v as Text, false),
        );
        return { kind: KIND.list, length: cells.length, value: BigInt(this.push(cells)) };
      }
    }
  }

  arguments(op: keyof typeof ops, args: Record<string, unknown>): { first: number; count: number } {
    const kinds = Object.entries(ops[op].args) as [string, ArgKind][];
    const cells = kinds.map(([name, kind]) => {
      const value = args[name];
      if (value === undefined) throw new Error(`${op} lacks its argument ${name}`);
      return this.argument(kind, value);
    });
    return { first: this.push(cells), count: cells.length };
  }

  textCell(value: Text | undefined): number {
    return value === undefined ? 0 : this.push([this.text(value, false)]);
  }

  ints(values: readonly number[]): number {
    return values.length === 0 ? 0 : this.push(values.map((v) => this.int(v)));
  }

  hints(words: Words): { first: number; count: number } {
    const pairs = Object.entries(words.hints ?? {});
    const cells = pairs.flatMap(([errno, hint]) => [
      this.int(errno === 'else' ? 0 : errnoNumber(errno)),
      this.text(hint, false),
    ]);
    return { first: cells.length ? this.push(cells) : 0, count: pairs.length };
  }
}

/** Number of an errno name on this machine; `any` is -1. */
export function errnoNumber(name: string): number {
  if (name === 'any') return -1;
  const number = ERRNO[name];
  if (number === undefined) throw new Error(`unknown errno ${name}`);
  return number;
}

interface Row {
  op: keyof typeof ops;
  args: Record<string, unknown>;
  process: number;
  words: Words;
  undoing: boolean;
  when: number;
  undo: number;
  unless: readonly string[];
  line?: string;
}

const whens = { failure: 1, end: 2 } as const;

function rowsOf(plan: Plan): Row[] {
  const rows: Row[] = plan.steps.map((s) => ({
    op: s.op,
    args: s.args,
    process: s.process,
    words: s.words,
    undoing: false,
    when: s.undo ? whens[s.undo.when] : 0,
    undo: 0,
    unless: s.unless ?? [],
    ...(plan.manner.debug && { line: explainStep(s) }),
  }));
  for (const [i, s] of plan.steps.entries()) {
    if (!s.undo) continue;
    rows[i]!.undo = rows.length;
    rows.push(undoRow(s, s.undo));
  }
  return rows;
}

function undoRow(step: PlannedStep, u: AnyUndo): Row {
  const args = u.args as Record<string, unknown>;
  return {
    op: u.op,
    args,
    process: step.process,
    words: u.words,
    undoing: true,
    when: 0,
    undo: 0,
    unless: [],
  };
}

/** Encode a plan for the launcher. Throws `NulByteError` for a text with a NUL inside. */
export function encode(plan: Plan): Buffer {
  const e = new Encoder();
  const rows = rowsOf(plan);
  const steps = Buffer.alloc(rows.length * STEP);
  for (const [i, row] of rows.entries()) {
    const at = i * STEP;
    const args = e.arguments(row.op, row.args);
    const hints = e.hints(row.words);
    steps.writeUInt16LE(ops[row.op].code, at);
    steps.writeUInt8(row.process, at + 2);
    steps.writeUInt8(row.undoing ? 1 : 0, at + 3);
    steps.writeUInt32LE(args.first, at + 4);
    steps.writeUInt16LE(args.count, at + 8);
    steps.writeUInt16LE(row.when, at + 10);
    steps.writeUInt32LE(row.undo, at + 12);
    steps.writeUInt32LE(e.textCell(row.words.doing), at + 16);
    steps.writeUInt32LE(hints.first, at + 20);
    steps.writeUInt16LE(hints.count, at + 24);
    steps.writeUInt16LE(row.words.exit ?? 0, at + 26);
    steps.writeUInt32LE(e.ints(row.unless.map(errnoNumber)), at + 28);
    steps.writeUInt16LE(row.unless.length, at + 32);
    steps.writeUInt32LE(e.textCell(row.line), at + 36);
  }
  const { manner } = plan;
  const tool = e.textCell(manner.tool);
  const log = e.textCell(manner.log?.path);
  const origin = e.textCell(plan.origin);
  const cells = Buffer.alloc(e.cells.length * CELL);
  for (const [i, cell] of e.cells.entries()) {
    cells.writeUInt32LE(cell.kind, i * CELL);
    cells.writeUInt32LE(cell.length, i * CELL + 4);
    cells.writeBigUInt64LE(cell.value, i * CELL + 8);
  }
  const stay = plan.steps.some((s) => s.op === 'ask') ? PLAN_STAY : 0;
  const header = Buffer.alloc(HEADER);
  header.write(MAGIC, 0, 'latin1');
  const fields = [
    VERSION,
    HEADER + steps.length + cells.length + e.dataLength,
    e.slotCount,
    plan.processes,
    rows.length,
    HEADER,
    e.cells.length,
    HEADER + steps.length,
    HEADER + steps.length + cells.length,
    e.dataLength,
    tool,
    manner.exit,
    log,
    manner.log ? (manner.log.format === 'json' ? 2 : 1) : 0,
    manner.fault ? manner.fault.step + 1 : 0,
    manner.fault ? (manner.fault.mode === 'die' ? 2 : 1) : 0,
    stay | (manner.debug ? PLAN_DEBUG : 0),
    origin,
  ];
  for (const [i, field] of fields.entries()) header.writeUInt32LE(field, 8 + i * 4);
  return Buffer.concat([header, steps, cells, ...e.data]);
}
