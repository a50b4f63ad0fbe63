import { byteLength, concat, encodeBytes } from '@ctr-tools/host';
import { ERRNO } from '@ctr-tools/sys/constants';
import type { Plan, PlannedStep } from './compile.ts';
import { anyDoes } from './effects.ts';
import { explainStep } from './explain.ts';
import { type ArgKind, argumentsOf, type EnumerationName, enumerations, type OpShape, ops } from './ops.ts';
import type { AnyUndo, Int, Slot, Template, Text, Words } from './step.ts';
import { isSlot } from './step.ts';

/**
 * The encoding of a plan, version 1, little-endian. `native/src/plan/plan.c` is its other half.
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

const nul = new Uint8Array(1);

const KIND = { nil: 0, int: 1, bytes: 2, slot: 3, template: 4, list: 5 } as const;

/** Plan flags in the header. */
export const PLAN_STAY = 1;
export const PLAN_DEBUG = 2;

/** A text that a C program could not take: it has a NUL inside. */
export class NulByteError extends Error {
  override name = 'NulByteError';
}

/** Cells in a row. */
interface Cells {
  first: number;
  count: number;
}

const none: Cells = { first: 0, count: 0 };

/**
 * Fills cells and data. A start waits for this, so it makes few objects: cells are numbers in
 * one array (four 32-bit words each), and all texts become bytes in one call.
 */
class Encoder {
  private words = new Uint32Array(4 * 2048);
  private cellCount = 1; // cell 0 is nil
  private readonly texts: string[] = [];
  /** Where each text begins behind the ones before it, counted in characters. */
  private readonly starts: number[] = [];
  private textLength = 0;
  private readonly known = new Map<string, number>();
  /** Cells of texts and which text each has, in turn. */
  private readonly textCells: number[] = [];
  private readonly blobs: [cell: number, blob: Uint8Array][] = [];
  private readonly slots = new Map<string, number>();
  private readonly hintCells = new Map<object, Cells>();

  get slotCount(): number {
    return this.slots.size;
  }

  cellBytes(): Uint8Array {
    return new Uint8Array(this.words.buffer, 0, this.cellCount * CELL);
  }

  /** All bytes: texts, then blobs, each followed by a NUL. Cells are whole only after this. */
  dataBytes(): Uint8Array {
    const whole = this.texts.length > 0 ? `${this.texts.join('\0')}\0` : '';
    const encoded = encodeBytes(whole);
    if (encoded.length !== whole.length) this.countBytes();
    let end = encoded.length;
    const parts = [encoded];
    for (const [cell, blob] of this.blobs) {
      this.at(cell, KIND.bytes, blob.length, end);
      parts.push(blob, nul);
      end += blob.length + 1;
    }
    return concat(parts);
  }

  /** Offsets and lengths in bytes, where characters are more than one. */
  private countBytes(): void {
    let offset = 0;
    const places = this.texts.map((text) => {
      const place = { offset, length: byteLength(text) };
      offset += place.length + 1;
      return place;
    });
    for (let i = 0; i < this.textCells.length; i += 2) {
      const { length, offset } = places[this.textCells[i + 1]!]!;
      this.at(this.textCells[i]!, KIND.bytes, length, offset);
    }
  }

  /** Room for `count` cells in a row; the first one's index. They are filled by `at`. */
  private reserve(count: number): number {
    const first = this.cellCount;
    this.cellCount += count;
    if (this.cellCount * 4 > this.words.length) {
      const grown = new Uint32Array(Math.max(this.words.length * 2, this.cellCount * 4));
      grown.set(this.words);
      this.words = grown;
    }
    return first;
  }

  private at(cell: number, kind: number, length: number, low: number, high = 0): void {
    const { words } = this;
    const w = cell * 4;
    words[w] = kind;
    words[w + 1] = length;
    words[w + 2] = low;
    words[w + 3] = high;
  }

  private bytes(cell: number, value: string | Uint8Array, allowNul: boolean): void {
    if (typeof value !== 'string') {
      if (!allowNul && value.includes(0))
        throw new NulByteError(`a NUL byte in ${JSON.stringify(String(value))}`);
      this.blobs.push([cell, value]);
      return;
    }
    let text = this.known.get(value);
    if (text === undefined) {
      const holdsNul = value.includes('\0');
      if (holdsNul && !allowNul) throw new NulByteError(`a NUL byte in ${JSON.stringify(value)}`);
      text = this.texts.length;
      this.texts.push(value);
      this.starts.push(this.textLength);
      this.textLength += value.length + 1;
      // One with a NUL may be a blob and not a text.
      if (!holdsNul) this.known.set(value, text);
    }
    this.textCells.push(cell, text);
    this.at(cell, KIND.bytes, value.length, this.starts[text]!);
  }

  private slot(cell: number, value: Slot): void {
    let index = this.slots.get(value.slot);
    if (index === undefined) {
      index = this.slots.size;
      this.slots.set(value.slot, index);
    }
    this.at(cell, KIND.slot, 0, index);
  }

  private text(cell: number, value: Text, allowNul: boolean): void {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      this.bytes(cell, value, allowNul);
      return;
    }
    if (isSlot(value)) {
      this.slot(cell, value);
      return;
    }
    const { parts } = value as Template;
    const first = this.reserve(parts.length);
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (isSlot(part)) this.slot(first + i, part);
      else this.bytes(first + i, part, allowNul);
    }
    this.at(cell, KIND.template, parts.length, first);
  }

  private int(cell: number, value: Int): void {
    // What fits 32 bits, as nearly all do, needs none of the questions below.
    if (typeof value === 'number' && (value | 0) === value) {
      this.at(cell, KIND.int, 0, value >>> 0, value < 0 ? 0xffff_ffff : 0);
      return;
    }
    if (isSlot(value)) {
      this.slot(cell, value);
      return;
    }
    if (typeof value === 'bigint') {
      const bits = BigInt.asUintN(64, value);
      this.at(cell, KIND.int, 0, Number(bits & 0xffff_ffffn), Number(bits >> 32n));
      return;
    }
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Error(`${number} is not an integer`);
    // Two's complement in two words: floor makes the upper one right for negative numbers too.
    this.at(cell, KIND.int, 0, number >>> 0, Math.floor(number / 4294967296) >>> 0);
  }

  private argument(cell: number, kind: ArgKind, value: unknown): void {
    if (kind === 'int') this.int(cell, value as Int);
    else if (kind === 'out') this.slot(cell, value as Slot);
    else if (kind === 'text' || kind === 'blob') this.text(cell, value as Text, kind === 'blob');
    else this.list(cell, kind, value as readonly unknown[]);
  }

  private list(cell: number, kind: 'list' | 'ints', items: readonly unknown[]): void {
    const first = this.reserve(items.length);
    for (let i = 0; i < items.length; i++) {
      if (kind === 'ints') this.int(first + i, items[i] as Int);
      else this.text(first + i, items[i] as Text, false);
    }
    this.at(cell, KIND.list, items.length, first);
  }

  /** The arguments of an operation as cells in a row; the first one's index. */
  arguments(op: keyof typeof ops, args: Record<string, unknown>): Cells {
    const { names, kinds } = argumentsOf[op];
    const first = this.reserve(kinds.length);
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      const value = args[names[i]!];
      if (value === undefined) throw new Error(`${op} lacks its argument ${names[i]}`);
      this.argument(
        first + i,
        kind,
        typeof value === 'string' && kind === 'int' ? numberOf(op, names[i]!, value) : value,
      );
    }
    return { first, count: kinds.length };
  }

  textCell(value: Text | undefined): number {
    if (value === undefined) return 0;
    const cell = this.reserve(1);
    this.text(cell, value, false);
    return cell;
  }

  ints(values: readonly number[]): number {
    const first = this.reserve(values.length);
    for (let i = 0; i < values.length; i++) this.int(first + i, values[i]!);
    return first;
  }

  /** The hints of a step. Steps that have the same ones share their cells. */
  hints({ hints }: Words): Cells {
    if (!hints) return none;
    const known = this.hintCells.get(hints);
    if (known) return known;
    const errnos = Object.keys(hints) as (keyof typeof hints)[];
    const first = this.reserve(errnos.length * 2);
    for (let i = 0; i < errnos.length; i++) {
      const errno = errnos[i]!;
      this.int(first + i * 2, errno === 'else' ? 0 : errnoNumber(errno));
      this.text(first + i * 2 + 1, hints[errno]!, false);
    }
    const cells = { first: errnos.length === 0 ? 0 : first, count: errnos.length };
    this.hintCells.set(hints, cells);
    return cells;
  }
}

/** The number behind a word of an enumeration; any other integer as it is. */
function numberOf(op: keyof typeof ops, name: string, value: string): number {
  const { spell }: OpShape = ops[op];
  const number = (enumerations[spell[name] as EnumerationName] as Record<string, number> | undefined)?.[
    value
  ];
  if (number === undefined) throw new Error(`${op} ${name} has no value ${value}`);
  return number;
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
export function encode(plan: Plan): Uint8Array {
  const e = new Encoder();
  const rows = rowsOf(plan);
  const steps = new Uint8Array(rows.length * STEP);
  const halves = new Uint16Array(steps.buffer);
  const words = new Uint32Array(steps.buffer);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const args = e.arguments(row.op, row.args);
    const hints = e.hints(row.words);
    const byte = i * STEP;
    const half = byte / 2;
    const word = byte / 4;
    halves[half] = ops[row.op].code;
    steps[byte + 2] = row.process;
    steps[byte + 3] = row.undoing ? 1 : 0;
    words[word + 1] = args.first;
    halves[half + 4] = args.count;
    halves[half + 5] = row.when;
    words[word + 3] = row.undo;
    words[word + 4] = e.textCell(row.words.doing);
    words[word + 5] = hints.first;
    halves[half + 12] = hints.count;
    halves[half + 13] = row.words.exit ?? 0;
    words[word + 7] = row.unless.length > 0 ? e.ints(row.unless.map(errnoNumber)) : 0;
    halves[half + 16] = row.unless.length;
    words[word + 9] = e.textCell(row.line);
  }
  const { manner } = plan;
  const tool = e.textCell(manner.tool);
  const log = e.textCell(manner.log?.path);
  const data = e.dataBytes();
  const cells = e.cellBytes();
  const stay = anyDoes(plan.steps, 'asks') ? PLAN_STAY : 0;
  const fields = [
    VERSION,
    HEADER + steps.length + cells.length + data.length,
    e.slotCount,
    plan.processes,
    rows.length,
    HEADER,
    cells.length / CELL,
    HEADER + steps.length,
    HEADER + steps.length + cells.length,
    data.length,
    tool,
    manner.exit,
    log,
    manner.log ? (manner.log.format === 'json' ? 2 : 1) : 0,
    manner.fault ? manner.fault.step + 1 : 0,
    manner.fault ? (manner.fault.mode === 'die' ? 2 : 1) : 0,
    stay | (manner.debug ? PLAN_DEBUG : 0),
  ];
  const header = new Uint8Array(HEADER);
  for (let i = 0; i < MAGIC.length; i++) header[i] = MAGIC.charCodeAt(i);
  new Uint32Array(header.buffer).set(fields, MAGIC.length / 4);
  return concat([header, steps, cells, data]);
}
