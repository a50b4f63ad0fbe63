/**
 * The wire format of D-Bus (D-Bus Specification 0.43, "Marshaling" and "Message Protocol"). What is
 * written is little-endian; what is read can be either, and of any type. A library would be larger
 * than this and would be loaded before a container's start.
 */
import { decodeBytes, encodeBytes } from '@ctr-tools/host';
import { alignmentOf, typesOf, WireError } from './signature.ts';

/**
 * A value for a signature: numbers for `y b n q i u h d`; bigints for `x` and `t`; arrays for `a…`,
 * `(…)` and `{…}`; `[signature, value]` for `v`.
 */
export type Value = number | bigint | string | boolean | Uint8Array | readonly Value[];

export class Writer {
  private bytes = new Uint8Array(256);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  private room(n: number): number {
    if (this.length + n > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.length + n));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    const at = this.length;
    this.length += n;
    return at;
  }

  /** Zeros up to the next multiple of `n`. */
  align(n: number): void {
    this.room((n - (this.length % n)) % n);
  }

  u8(value: number): void {
    const at = this.room(1);
    this.view.setUint8(at, value);
  }

  u32(value: number): void {
    this.align(4);
    const at = this.room(4);
    this.view.setUint32(at, value, true);
  }

  raw(data: Uint8Array): void {
    const at = this.room(data.length);
    this.bytes.set(data, at);
  }

  /** The types that calls to systemd take; a type that is not among them is an error of ours. */
  write(type: string, value: Value): void {
    const [head] = type;
    if (head === 'y') this.u8(value as number);
    else if (head === 'u') this.u32(value as number);
    else if (head === 'i') this.u32((value as number) >>> 0);
    else if (head === 'b') this.u32(value ? 1 : 0);
    else if (head === 't' || head === 'x') {
      this.align(8);
      const at = this.room(8);
      this.view.setBigUint64(at, BigInt.asUintN(64, value as bigint), true);
    } else if (head === 'd') {
      this.align(8);
      const at = this.room(8);
      this.view.setFloat64(at, value as number, true);
    } else if (head === 'n' || head === 'q') {
      this.align(2);
      const at = this.room(2);
      this.view.setUint16(at, (value as number) & 0xffff, true);
    } else if (head === 's' || head === 'o') {
      const text = encodeBytes(value as string);
      this.u32(text.length);
      this.raw(text);
      this.u8(0);
    } else if (head === 'g') {
      const text = encodeBytes(value as string);
      this.u8(text.length);
      this.raw(text);
      this.u8(0);
    } else if (head === 'v') {
      const [signature, inner] = value as readonly [string, Value];
      this.write('g', signature);
      this.write(signature, inner);
    } else if (head === 'a') this.array(type.slice(1), value as readonly Value[] | Uint8Array);
    else if (head === '(' || head === '{') {
      this.align(8);
      for (const [i, member] of typesOf(type.slice(1, -1)).entries())
        this.write(member, (value as readonly Value[])[i]!);
    } else throw new Error(`a call has no type ${type}`);
  }

  /** The length counts the elements, not the padding before the first. */
  private array(element: string, values: Iterable<Value>): void {
    this.u32(0);
    const lengthAt = this.length - 4;
    this.align(alignmentOf(element));
    const from = this.length;
    for (const value of values) this.write(element, value);
    this.view.setUint32(lengthAt, this.length - from, true);
  }

  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** "Valid Signatures" and "Arrays": an array is of 64 MiB at most, a variant lies in at most 64 containers. */
const LONGEST_ARRAY = 1 << 26;
const DEEPEST = 64;

/** Values out of bytes; whatever does not fit is a `WireError`. */
export class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly little: boolean;
  private at: number;
  private depth = 0;

  constructor(bytes: Uint8Array, little = true, at = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.little = little;
    this.at = at;
  }

  /** Where the next `n` bytes are, aligned to `n` or as said. */
  private take(n: number, alignment = n): number {
    const at = this.at + ((alignment - (this.at % alignment)) % alignment);
    if (at + n > this.bytes.length) throw new WireError('a message ends within a value');
    this.at = at + n;
    return at;
  }

  private u32(): number {
    return this.view.getUint32(this.take(4), this.little);
  }

  private text(length: number): string {
    const at = this.take(length + 1, 1);
    if (this.bytes[at + length] !== 0) throw new WireError('a text does not end with a NUL');
    return decodeBytes(this.bytes.subarray(at, at + length));
  }

  read(type: string): Value {
    const { view, little } = this;
    switch (type[0]) {
      case 'y':
        return view.getUint8(this.take(1));
      case 'b':
        return this.u32() !== 0;
      case 'n':
        return view.getInt16(this.take(2), little);
      case 'q':
        return view.getUint16(this.take(2), little);
      case 'i':
        return view.getInt32(this.take(4), little);
      case 'u':
      // The place of a descriptor among those that came along; systemd's private socket sends none.
      case 'h':
        return this.u32();
      case 'x':
        return view.getBigInt64(this.take(8), little);
      case 't':
        return view.getBigUint64(this.take(8), little);
      case 'd':
        return view.getFloat64(this.take(8), little);
      case 's':
      case 'o':
        return this.text(this.u32());
      case 'g':
        return this.text(view.getUint8(this.take(1)));
      default:
        return this.container(type);
    }
  }

  private container(type: string): Value {
    if (++this.depth > DEEPEST) throw new WireError('its values are too deep');
    const value =
      type[0] === 'v' ? this.variant() : type[0] === 'a' ? this.array(type.slice(1)) : this.members(type);
    this.depth--;
    return value;
  }

  private variant(): Value {
    const signature = this.read('g') as string;
    if (typesOf(signature).length !== 1)
      throw new WireError(`a variant is of "${signature}", not of one type`);
    return [signature, this.read(signature)];
  }

  private array(element: string): Value {
    const length = this.u32();
    this.take(0, alignmentOf(element));
    const end = this.at + length;
    if (length > LONGEST_ARRAY || end > this.bytes.length)
      throw new WireError(`an array claims to have ${length} bytes`);
    const values: Value[] = [];
    while (this.at < end) values.push(this.read(element));
    if (this.at !== end) throw new WireError('an array ends within an element');
    return values;
  }

  /** A dictionary's entry is laid out as a struct of two. */
  private members(type: string): Value {
    if (type[0] !== '(' && type[0] !== '{') throw new WireError(`"${type}" is not a type`);
    this.take(0, 8);
    return typesOf(type.slice(1, -1)).map((member) => this.read(member));
  }
}
