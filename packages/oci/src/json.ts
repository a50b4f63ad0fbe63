/**
 * JSON as OCI documents need it: 64-bit integers survive unchanged (JSON.parse alone makes
 * 18446744073709552000 of RLIM_INFINITY), and what is wrong is said with line and column.
 */
import { decodeBytes, encodeBytes, hasDigits, hex, isUtf8 } from '@ctr-tools/host';
import { findSyntaxError } from './json-syntax.ts';
import { exactIntegers, nestsDeeper } from './json-walk.ts';

/** The document is not JSON, or not text at all. The message is one line and says where. */
export class JsonError extends Error {
  override name = 'JsonError';
}

/** Objects and lists within one another. Engines differ in what they bear; no OCI document comes near. */
const DEEPEST = 1000;

/** An integer that a number does not hold has at least so many: 2^53 is 9007199254740992. */
const INEXACT_DIGITS = 16;

/**
 * Parse JSON. Integers that do not fit a number exactly become bigints. `name` is what the
 * document is called in messages: `config.json`, `stdin`. Throws `JsonError`.
 */
export function parseJson(input: Uint8Array | string, name: string): unknown {
  const text = typeof input === 'string' ? input : decode(input, name);
  if (text.trim() === '') throw new JsonError(`${name} is empty; a JSON document was expected`);
  if (nestsDeeper(text, DEEPEST)) throw new JsonError(`${name}: nested too deeply to be read`);
  const value = parsed(text, name);
  const bytes = typeof input === 'string' ? encodeBytes(input) : input;
  return hasDigits(bytes, INEXACT_DIGITS) ? exactIntegers(value, text) : value;
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new JsonError(describe(text, name));
    throw error;
  }
}

/**
 * Write JSON, bigints as integers. `indent` as for JSON.stringify; a document written to a
 * file or a pipe ends with a newline, which is added where `indent` is given.
 */
export function serializeJson(value: unknown, indent?: number | string): string {
  const space = typeof indent === 'number' ? ' '.repeat(indent) : (indent ?? '');
  const text = serialized(value, space, '')!;
  return indent === undefined ? text : `${text}\n`;
}

/** The value as text; `margin` stands before its lines but the first. Undefined for what JSON has no text for. */
function serialized(value: unknown, indent: string, margin: string): string | undefined {
  if (typeof value === 'bigint') return String(value);
  const whole = withoutBigint(value, indent);
  // A string has no newline in JSON.
  if (whole !== holdsBigint) return margin === '' ? whole : whole?.replaceAll('\n', `\n${margin}`);
  const inner = margin + indent;
  const list = Array.isArray(value);
  const items = list
    ? value.map((item: unknown) => serialized(item, indent, inner) ?? 'null')
    : Object.entries(value as object).flatMap(([key, item]: [string, unknown]) => {
        const text = serialized(item, indent, inner);
        return text === undefined ? [] : `${JSON.stringify(key)}:${indent && ' '}${text}`;
      });
  const [open, close] = list ? ['[', ']'] : ['{', '}'];
  if (indent === '') return `${open}${items.join(',')}${close}`;
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${margin}${close}`;
}

const holdsBigint = Symbol('a bigint is in it');

/** What JSON.stringify makes of a value, which takes no bigint (ECMA-262, SerializeJSONProperty). */
function withoutBigint(value: unknown, indent: string): string | undefined | typeof holdsBigint {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    if (error instanceof TypeError) return holdsBigint;
    throw error;
  }
}

function decode(bytes: Uint8Array, name: string): string {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = marked ? bytes.subarray(3) : bytes;
  if (isUtf8(text)) return decodeBytes(text);
  const mark = hex(text.subarray(0, 2));
  if (mark === 'feff' || mark === 'fffe')
    throw new JsonError(`${name} is UTF-16; JSON has to be UTF-8 (RFC 8259 section 8.1)`);
  throw new JsonError(`${name} is not UTF-8 text: byte ${invalidByte(text)} is not valid`);
}

/** Offset of the first byte that is not UTF-8. */
function invalidByte(bytes: Uint8Array): number {
  let at = 0;
  const width = () => [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)));
  for (let step = width(); step; step = width()) at += step;
  return at;
}

function describe(text: string, name: string): string {
  const found = findSyntaxError(text);
  if (!found) return `${name} is not valid JSON`;
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
