/** Messages of D-Bus: header and body (D-Bus Specification 0.43, "Message Format"). */
import { typesOf, WireError } from './signature.ts';
import { Reader, type Value, Writer } from './wire.ts';

export const MESSAGE = { CALL: 1, RETURN: 2, ERROR: 3, SIGNAL: 4 } as const;

/** Codes of header fields; others are to be ignored. */
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

const fieldTypes: Readonly<Record<number, string>> = {
  1: 'o',
  2: 's',
  3: 's',
  4: 's',
  5: 'u',
  6: 's',
  8: 'g',
};

/** What a message's header says. */
export interface Header {
  type: number;
  serial: number;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  signature?: string;
}

export interface Message extends Header {
  body: readonly Value[];
}

/** A message that has come whole, of which only the header was read. */
export interface Received extends Header {
  /** How long the whole message is, in bytes. */
  length: number;
  /** The values of the body. Throws a `WireError`. */
  readBody(): readonly Value[];
}

export function encodeMessage(message: Message): Uint8Array {
  const body = new Writer();
  const signature = message.signature ?? '';
  for (const [i, type] of typesOf(signature).entries()) body.write(type, message.body[i]!);
  const fields = Object.entries(FIELD).flatMap(([name, code]): Value[] => {
    const value = message[name as keyof typeof FIELD];
    return value === undefined || value === '' ? [] : [[code, [fieldTypes[code]!, value]]];
  });
  const whole = new Writer();
  whole.u8(0x6c); // 'l': little-endian
  whole.u8(message.type);
  whole.u8(0);
  whole.u8(1);
  whole.u32(body.length);
  whole.u32(message.serial);
  whole.write('a(yv)', fields);
  whole.align(8);
  whole.raw(body.done());
  return whole.done();
}

/** Until here a message says how long it is, and how long its fields are. */
const FIXED = 16;
/** "Message Format": 128 MiB, header and body. */
const LONGEST = 1 << 27;

/** The first message of `bytes`, or undefined while it has not come whole. Throws a `WireError`. */
export function decodeMessage(bytes: Uint8Array): Received | undefined {
  if (bytes.length < FIXED) return undefined;
  const [order, type] = bytes as unknown as [number, number];
  if (order !== 0x6c && order !== 0x42) throw new WireError(`a message begins with the byte ${order}`);
  if (bytes[3] !== 1) throw new WireError(`a message is of version ${bytes[3]} of the protocol`);
  const little = order === 0x6c;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyLength = view.getUint32(4, little);
  const fieldsEnd = FIXED + view.getUint32(12, little);
  const bodyAt = Math.ceil(fieldsEnd / 8) * 8;
  const length = bodyAt + bodyLength;
  if (length > LONGEST) throw new WireError(`a message claims to have ${length} bytes`);
  if (bytes.length < length) return undefined;
  const header: Header = { type, serial: view.getUint32(8, little) };
  readFields(new Reader(bytes.subarray(0, fieldsEnd), little, 12), header);
  return {
    ...header,
    length,
    readBody: () => {
      const reader = new Reader(bytes.subarray(bodyAt, length), little);
      return typesOf(header.signature ?? '').map((member) => reader.read(member));
    },
  };
}

function readFields(reader: Reader, header: Header): void {
  for (const [code, [type, value]] of reader.read('a(yv)') as readonly [number, [string, Value]][]) {
    const name = Object.entries(FIELD).find(([, known]) => known === code)?.[0];
    if (name === undefined) continue;
    if (type !== fieldTypes[code]) throw new WireError(`the field ${name} of a message is of type ${type}`);
    Object.assign(header, { [name]: value });
  }
}
