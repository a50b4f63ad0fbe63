import { expect, test } from 'vitest';
import {
  concat,
  decodeBytes,
  encodeBytes,
  equalBytes,
  hasDigits,
  hex,
  isUtf8,
  latin1,
  sha256,
} from '../src/index.ts';

const cases: [string, number[]][] = [
  ['ASCII', [0x61, 0x62]],
  ['UTF-8', [...Buffer.from('ä€😀')]],
  ['a lone continuation byte', [0x61, 0x80, 0x62]],
  ['a cut sequence', [0xe2, 0x82]],
  ['Latin-1', [0xe4, 0xf6, 0xfc]],
  ['a surrogate in UTF-8', [0xed, 0xb0, 0x80]],
  ['U+FFFD itself', [...Buffer.from('\ufffd')]],
  ['U+FFFD beside a stray byte', [...Buffer.from('\ufffd'), 0xff]],
];

test.each(cases)('%s comes back unchanged', (_, bytes) => {
  expect([...encodeBytes(decodeBytes(Uint8Array.from(bytes)))]).toEqual(bytes);
});

test('every pair of bytes comes back unchanged', () => {
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b += 5) {
      const bytes = Uint8Array.from([a, b, 0x41]);
      expect([...encodeBytes(decodeBytes(bytes))]).toEqual([...bytes]);
    }
  }
});

test('a surrogate that stands for no byte becomes U+FFFD', () => {
  for (const text of ['\ud800', '\udc00', '\udc7f', '\udd00'])
    expect(hex(encodeBytes(`a${text}b`))).toBe('61efbfbd62');
});

test('bytes are put together, compared and shown', () => {
  const [a, b] = [Uint8Array.of(1, 2), Uint8Array.of(0xff)];
  expect(hex(concat([a, b, new Uint8Array(0)]))).toBe('0102ff');
  expect([equalBytes(a, Uint8Array.of(1, 2)), equalBytes(a, b), equalBytes(a, Uint8Array.of(1))]).toEqual([
    true,
    false,
    false,
  ]);
  expect(latin1(Uint8Array.of(0x41, 0xe4, 0xff))).toBe('Aäÿ');
  expect([isUtf8(encodeBytes('ä')), isUtf8(Uint8Array.of(0xe4))]).toEqual([true, false]);
  const some = encodeBytes('12 345x678').subarray(1);
  expect([1, 3, 4].map((count) => hasDigits(some, count))).toEqual([true, true, false]);
  // FIPS 180-2, appendix B.1
  expect(sha256(encodeBytes('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
