/**
 * The wire format of D-Bus, little-endian (D-Bus Specification 0.43, "Marshaling" and
 * "Message Format"): as much of it as talking to systemd needs. A library would be larger
 * than this and would be loaded before a container's start.
 */

/** A value for a signature: numbers for `y`, `u`; bigints for `t`; arrays for `a…` and `(…)`; `[signature, value]` for `v`. */
export type Value = number | bigint | string | boolean | Uint8Array | readonly Value[];

const alignment: Record<string, number> = {
  y: 1,
  g: 1,
  v: 1,
  u: 4,
  i: 4,
  b: 4,
  s: 4,
  o: 4,
  a: 4,
  t: 8,
  x: 8,
  '(': 8,
  '{': 8,
};

/** The first complete type of a signature. */
export function firstType(signature: string): string {
  const [head] = signature;
  if (head === undefined) throw new Error('an empty D-Bus signature');
  if (head === 'a') return head + firstType(signature.slice(1));
  if (head !== '(' && head !== '{') return head;
  let depth = 0;
  for (const [i, letter] of [...signature].entries()) {
    if (letter === '(' || letter === '{') depth++;
    if (letter === ')' || letter === '}') depth--;
    if (depth === 0) return signature.slice(0, i + 1);
  }
  throw new Error(`an open bracket in the D-Bus signature ${signature}`);
}

/** All complete types of a signature, one after the other. */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let rest = signature; rest !== ''; rest = rest.slice(types.at(-1)!.length))
    types.push(firstType(rest));
  return types;
}

export class Writer {
  private bytes = Buffer.alloc(256);
  length = 0;

  private room(n: number): number {
    while (this.length + n > this.bytes.length)
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length)]);
    const at = this.length;
    this.length += n;
    return at;
  }

  align(n: number): void {
    const pad = (n - (this.length % n)) % n;
    const at = this.room(pad);
    this.bytes.fill(0, at, at + pad);
  }

  u8(value: number): void {
    const at = this.room(1);
    this.bytes.writeUInt8(value, at);
  }

  u32(value: number): void {
    this.align(4);
    const at = this.room(4);
    this.bytes.writeUInt32LE(value >>> 0, at);
  }

  private raw(data: Uint8Array): void {
    const at = this.room(data.length);
    this.bytes.set(data, at);
  }

  write(type: string, value: Value): void {
    const [head] = type;
    if (head === 'y') this.u8(value as number);
    else if (head === 'u') this.u32(value as number);
    else if (head === 'b') this.u32(value ? 1 : 0);
    else if (head === 't') {
      this.align(8);
      const at = this.room(8);
      this.bytes.writeBigUInt64LE(BigInt.asUintN(64, value as bigint), at);
    } else if (head === 's' || head === 'o') {
      const text = Buffer.from(value as string);
      this.u32(text.length);
      this.raw(text);
      this.u8(0);
    } else if (head === 'g') {
      this.u8((value as string).length);
      this.raw(Buffer.from(value as string));
      this.u8(0);
    } else if (head === 'v') {
      const [signature, inner] = value as readonly [string, Value];
      this.write('g', signature);
      this.write(signature, inner);
    } else if (head === 'a') this.array(type.slice(1), value as readonly Value[] | Uint8Array);
    else if (head === '(') {
      this.align(8);
      for (const [i, member] of typesOf(type.slice(1, -1)).entries())
        this.write(member, (value as readonly Value[])[i]!);
    } else throw new Error(`no D-Bus type ${type}`);
  }

  /** The length counts the elements, not the padding before the first. */
  private array(element: string, values: Iterable<Value>): void {
    this.u32(0);
    const lengthAt = this.length - 4;
    this.align(alignment[element[0]!]!);
    const from = this.length;
    for (const value of values) this.write(element, value);
    this.bytes.writeUInt32LE(this.length - from, lengthAt);
  }

  done(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}

export class Reader {
  private readonly bytes: Buffer;
  at: number;
  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  align(n: number): void {
    this.at += (n - (this.at % n)) % n;
  }

  u32(): number {
    this.align(4);
    this.at += 4;
    return this.bytes.readUInt32LE(this.at - 4);
  }

  private text(length: number): string {
    const text = this.bytes.toString('utf8', this.at, this.at + length);
    this.at += length + 1;
    return text;
  }

  read(type: string): Value {
    const [head] = type;
    switch (head) {
      case 'y':
        return this.bytes.readUInt8(this.at++);
      case 'u':
        return this.u32();
      case 'b':
        return this.u32() !== 0;
      case 't':
        this.align(8);
        this.at += 8;
        return this.bytes.readBigUInt64LE(this.at - 8);
      case 's':
      case 'o':
        return this.text(this.u32());
      case 'g':
        return this.text(this.bytes.readUInt8(this.at++));
      case 'v': {
        const signature = this.read('g') as string;
        return [signature, this.read(signature)];
      }
      case 'a': {
        const length = this.u32();
        this.align(alignment[type[1]!]!);
        const end = this.at + length;
        const values: Value[] = [];
        while (this.at < end) values.push(this.read(type.slice(1)));
        return values;
      }
      case '(':
      // A dictionary's entry is laid out as a struct of two (D-Bus specification, Marshaling).
      case '{':
        this.align(8);
        return typesOf(type.slice(1, -1)).map((member) => this.read(member));
      default:
        throw new Error(`no D-Bus type ${type}`);
    }
  }
}

export const MESSAGE = { CALL: 1, RETURN: 2, ERROR: 3, SIGNAL: 4 } as const;
/** Codes of header fields. */
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

export interface Message {
  type: number;
  serial: number;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  signature?: string;
  body: readonly Value[];
}

const fieldTypes: Record<number, string> = { 1: 'o', 2: 's', 3: 's', 4: 's', 5: 'u', 6: 's', 8: 'g' };

export function encodeMessage(message: Message): Buffer {
  const body = new Writer();
  const signature = message.signature ?? '';
  for (const [i, type] of typesOf(signature).entries()) body.write(type, message.body[i]!);
  const fields = Object.entries(FIELD).flatMap(([name, code]): Value[] => {
    const value = message[name as keyof typeof FIELD];
    return value === undefined || value === '' ? [] : [[code, [fieldTypes[code]!, value]]];
  });
  const head = new Writer();
  head.u8(0x6c); // 'l': little-endian
  head.u8(message.type);
  head.u8(0);
  head.u8(1);
  head.u32(body.length);
  head.u32(message.serial);
  head.write('a(yv)', fields);
  head.align(8);
  return Buffer.concat([head.done(), body.done()]);
}

/** The first message of `bytes` and how long it is; undefined while it has not come whole. */
export function decodeMessage(bytes: Buffer): { message: Message; length: number } | undefined {
  if (bytes.length < 16) return undefined;
  if (bytes[0] !== 0x6c) throw new Error('a D-Bus message that is not little-endian');
  const bodyLength = bytes.readUInt32LE(4);
  const headLength = (16 + bytes.readUInt32LE(12) + 7) & ~7;
  const length = headLength + bodyLength;
  if (bytes.length < length) return undefined;
  const message: Message = { type: bytes[1]!, serial: bytes.readUInt32LE(8), body: [] };
  for (const field of new Reader(bytes, 12).read('a(yv)') as readonly [number, [string, Value]][]) {
    const name = Object.entries(FIELD).find(([, code]) => code === field[0])?.[0];
    if (name) Object.assign(message, { [name]: field[1][1] });
  }
  const reader = new Reader(bytes.subarray(headLength, length));
  message.body = typesOf(message.signature ?? '').map((type) => reader.read(type));
  return { message, length };
}
