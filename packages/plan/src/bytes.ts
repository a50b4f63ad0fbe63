/**
 * Arguments, paths and variables are bytes to Linux and need not be UTF-8. Here they are
 * strings in which each byte that is not part of valid UTF-8 stands as a lone low
 * surrogate U+DC80 to U+DCFF (as Python's `surrogateescape` does), so that every byte
 * string has one string and comes back unchanged.
 */
import { isUtf8 } from 'node:buffer';

/** Bytes as a string; never loses anything. */
export function decodeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let text = '';
  for (let at = 0; at < buffer.length; ) {
    const width = validSequence(buffer, at);
    text += width ? buffer.toString('utf8', at, at + width) : String.fromCharCode(0xdc00 + buffer[at]!);
    at += width || 1;
  }
  return text;
}

function validSequence(buffer: Buffer, at: number): number {
  for (let width = 1; width <= 4 && at + width <= buffer.length; width++) {
    if (isUtf8(buffer.subarray(at, at + width))) return width;
  }
  return 0;
}

/** The bytes that `decodeBytes` made this string from. */
export function encodeBytes(text: string): Buffer {
  const encoded = Buffer.from(text, 'utf8');
  // A lone surrogate becomes U+FFFD; only then is the slow way needed.
  if (!encoded.includes('\ufffd')) return encoded;
  const parts: Buffer[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next <= 0xdfff) i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue;
    parts.push(Buffer.from(text.slice(from, i), 'utf8'), Buffer.from([unit - 0xdc00]));
    from = i + 1;
  }
  parts.push(Buffer.from(text.slice(from), 'utf8'));
  return Buffer.concat(parts);
}
