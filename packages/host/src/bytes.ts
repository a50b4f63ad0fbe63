/**
 * Arguments, paths and variables are bytes to Linux and need not be UTF-8. Here they are
 * strings in which each byte that is not part of valid UTF-8 stands as a lone low
 * surrogate U+DC80 to U+DCFF (as Python's `surrogateescape` does), so that every byte
 * string has one string and comes back unchanged.
 */
import { system } from './system-node.ts';

/** Bytes as a string; never loses anything. */
export const decodeBytes = (bytes: Uint8Array): string => system.utf8(bytes);

/** The bytes that `decodeBytes` made this string from. */
export const encodeBytes = (text: string): Uint8Array => system.bytes(text);

export const isUtf8 = (bytes: Uint8Array): boolean => system.isUtf8(bytes);

/** Whether at least `count` decimal digits of ASCII stand in a row. */
export const hasDigits = (bytes: Uint8Array, count: number): boolean => system.hasDigits(bytes, count);

/** Each byte as the character of its number. */
export const latin1 = (bytes: Uint8Array): string => system.latin1(bytes);

/** The SHA-256 of some bytes, in lower case hexadecimal. */
export const sha256 = (bytes: Uint8Array): string => system.sha256(bytes);

/** The SHA-512 of some bytes, in lower case hexadecimal. */
export const sha512 = (bytes: Uint8Array): string => system.sha512(bytes);

/** The bytes that base64 stands for (RFC 4648 section 4). What is not base64 is passed over. */
export function fromBase64(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  for (const char of text) {
    const value = letters.indexOf(char);
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[length++] = bits >> held;
  }
  return bytes.subarray(0, length);
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** How many bytes the string has by `encodeBytes`. */
export const byteLength = (text: string): number => encodeBytes(text).length;

/** Several byte strings, one behind the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const digits = '0123456789abcdef';

/** Lower case hexadecimal, two digits a byte. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += digits[byte >> 4]! + digits[byte & 15]!;
  return text;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** For numbers in a structure's bytes. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
