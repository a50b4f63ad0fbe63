/**
 * JSON as OCI documents need it: 64-bit integers survive unchanged (JSON.parse alone makes
 * 18446744073709552000 of RLIM_INFINITY), and what is wrong is said with line and column.
 */
import { isUtf8 } from 'node:buffer';
import { findSyntaxError } from './json-syntax.ts';

/** The document is no JSON, or no text at all. The message is one line and says where. */
export class JsonError extends Error {
  override name = 'JsonError';
}

// Proposal "JSON.parse source text access" (Node 21 and later, Bun): not in TypeScript's es2024 yet.
type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Only a text with so many digits in a row can hold an integer that a number cannot. */
const mayBeInexact = /\d{16}/;

const exactIntegers: Reviver = (_key, value, context) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
    ? BigInt(context!.source!)
    : value;

/**
 * Parse JSON. Integers that do not fit a number exactly become bigints. `name` is what the
 * document is called in messages: `config.json`, `stdin`. Throws `JsonError`.
 */
export function parseJson(input: Uint8Array | string, name: string): unknown {
  const text = typeof input === 'string' ? input : decode(input, name);
  if (text.trim() === '') throw new JsonError(`${name} is empty; a JSON document was expected`);
  try {
    return mayBeInexact.test(text) ? JSON.parse(text, exactIntegers as never) : JSON.parse(text);
  } catch (error) {
    if (error instanceof RangeError) throw new JsonError(`${name}: nested too deeply to be read`);
    throw new JsonError(describe(text, name, error as Error));
  }
}

/**
 * Write JSON, bigints as integers. `indent` as for JSON.stringify; a document written to a
 * file or a pipe ends with a newline, which is added where `indent` is given.
 */
export function serializeJson(value: unknown, indent?: number | string): string {
  const text = JSON.stringify(
    value,
    (_key, v: unknown) => (typeof v === 'bigint' ? rawJson(String(v)) : v),
    indent,
  );
  return indent === undefined ? text : `${text}\n`;
}

function decode(bytes: Uint8Array, name: string): string {
  let buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) buffer = buffer.subarray(3);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const mark = buffer.toString('hex', 0, 2);
  if (mark === 'feff' || mark === 'fffe')
    throw new JsonError(`${name} is UTF-16; JSON has to be UTF-8 (RFC 8259 section 8.1)`);
  throw new JsonError(`${name} is not UTF-8 text: byte ${invalidByte(buffer)} is not valid`);
}

/** Offset of the first byte that is not UTF-8. */
function invalidByte(buffer: Buffer): number {
  let at = 0;
  const width = () =>
    [1, 2, 3, 4].find((n) => at + n <= buffer.length && isUtf8(buffer.subarray(at, at + n)));
  for (let step = width(); step; step = width()) at += step;
  return at;
}

function describe(text: string, name: string, error: Error): string {
  const found = findSyntaxError(text);
  if (!found) return `${name} is no valid JSON: ${error.message}`;
  const before = text.slice(0, found.offset);
  const line = before.split('\n').length;
  const lineStart = before.lastIndexOf('\n') + 1;
  const column = found.offset - lineStart + 1;
  const near = excerpt(text, found.offset, lineStart);
  const where = `${name}: line ${line}, column ${column}`;
  return found.offset >= text.length
    ? `${where}: the text ends where ${found.expected} was expected, after ${near}`
    : `${where}: ${found.expected} was expected, near ${near}`;
}

/** A piece of the line around the place, quoted, with what cannot be shown as escapes. */
function excerpt(text: string, offset: number, lineStart: number): string {
  const atEnd = offset >= text.length;
  const from = atEnd ? Math.max(0, offset - 30) : Math.max(lineStart, offset - 20);
  const lineEnd = text.indexOf('\n', offset);
  const to = Math.min(lineEnd < 0 ? text.length : lineEnd, offset + 20);
  return JSON.stringify(text.slice(from, Math.max(to, offset + 1)).trim());
}
