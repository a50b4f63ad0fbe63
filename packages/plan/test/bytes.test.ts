import { expect, test } from 'vitest';
import { decodeBytes, encodeBytes } from '../src/index.ts';

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
