/** The wire format beside the D-Bus specification, by bytes computed by hand from it. */
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage, MESSAGE } from '../src/systemd/message.ts';
import { typesOf, WireError } from '../src/systemd/signature.ts';
import { Reader, type Value, Writer } from '../src/systemd/wire.ts';
import { bytesOf, join } from './systemd-peer.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('a message is what the specification draws', () => {
  // dbus-send --type=method_call of a member M, computed by hand from "Message Format".
  const message = { type: MESSAGE.CALL, serial: 1, path: '/a', member: 'M', signature: 's', body: ['hi'] };
  expect(hex(encodeMessage(message))).toBe(
    [
      '6c010001',
      '07000000',
      '01000000',
      '27000000', // l, call, no flags, 1; body 7; serial 1; fields 39
      '01016f00',
      '02000000',
      '2f6100',
      '0000000000', // path
      '03017300',
      '01000000',
      '4d00',
      '000000000000', // member
      '08016700',
      '017300',
      '00', // signature, padding of the header to 8
      ...['02000000', '686900'],
    ].join(''),
  );
});

test('a signature falls into its types', () => {
  expect(typesOf('ssa(sv)a(sa(sv))u')).toEqual(['s', 's', 'a(sv)', 'a(sa(sv))', 'u']);
  expect(typesOf('ybnqiuxtdsogha{sv}v')).toEqual([...'ybnqiuxtdsogh', 'a{sv}', 'v']);
});

test.each(['a', '(', '(s', '()', 'z', 's)', 'a{', 'a(s', `${'a'.repeat(34)}s`, '('.repeat(255)])(
  '%j is not a signature',
  (signature) => expect(() => typesOf(signature)).toThrow(WireError),
);

test('the padding before the first element is not part of an array', () => {
  const writer = new Writer();
  writer.write('at', [1n]);
  expect(hex(writer.done())).toBe('08000000' + '00000000' + '0100000000000000');
});

/** A value of each type, with its bytes in both orders. */
const values: readonly (readonly [type: string, value: Value, little: string, big: string])[] = [
  ['y', 200, 'c8', 'c8'],
  ['b', true, '01000000', '00000001'],
  ['n', -2, 'feff', 'fffe'],
  ['q', 65534, 'feff', 'fffe'],
  ['i', -2, 'feffffff', 'fffffffe'],
  ['u', 4294967294, 'feffffff', 'fffffffe'],
  ['x', -2n, 'feffffffffffffff', 'fffffffffffffffe'],
  ['t', (1n << 64n) - 2n, 'feffffffffffffff', 'fffffffffffffffe'],
  ['d', 1.5, '000000000000f83f', '3ff8000000000000'],
  ['s', 'ä', '02000000c3a400', '00000002c3a400'],
  ['o', '/o', '020000002f6f00', '000000022f6f00'],
  ['g', 'as', '02617300', '02617300'],
  ['h', 3, '03000000', '00000003'],
  ['ay', [1, 2], '020000000102', '000000020102'],
  ['(yu)', [1, 2], '0100000002000000', '0100000000000002'],
  ['a{yy}', [[1, 2]], '0200000000000000 0102', '0000000200000000 0102'],
  ['v', ['n', 5], '016e00 00 0500', '016e00 00 0005'],
  ['aav', [[['y', 1]]], '08000000 04000000 01790001', '00000008 00000004 01790001'],
];
test.each(values)('%s is read in both orders', (type, value, little, big) => {
  expect(new Reader(bytes(little)).read(type)).toEqual(value);
  expect(new Reader(bytes(big), false).read(type)).toEqual(value);
});
test.each(values.filter(([type]) => type !== 'h'))('%s is written', (type, value, little) => {
  const writer = new Writer();
  writer.write(type, value);
  expect(hex(writer.done())).toBe(little.replaceAll(' ', ''));
});

const signature = 'a(sv)tbuyas(so)';
const body: Value[] = [
  [
    ['A', ['t', (1n << 64n) - 1n]],
    ['B', ['as', ['x', 'yy']]],
    ['C', ['b', true]],
  ],
  7n,
  false,
  9,
  3,
  ['ä'],
  ['s', '/o'],
];
const whole = encodeMessage({ type: MESSAGE.CALL, serial: 5, path: '/p', member: 'M', signature, body });

test('all comes back, and nothing before it is whole', () => {
  const found = decodeMessage(join(whole, bytesOf('more')))!;
  expect(found.length).toBe(whole.length);
  expect(found).toMatchObject({ serial: 5, path: '/p', member: 'M', signature });
  expect(found.readBody()).toEqual(body);
  for (let n = 0; n < whole.length; n++) expect(decodeMessage(whole.subarray(0, n))).toBeUndefined();
});

test('a header of the other order is read, and fields that nobody knows are passed over', () => {
  const message = bytes(
    [
      '42040001 00000004 00000007 0000002a', // B, signal; body 4; serial 7; fields 42
      '01016f00 00000002 2f6100 0000000000', // path /a
      '63016400 00000000 3ff8000000000000', // field 99, a double
      '03017300 00000001 4d00 000000000000', // member M, padding of the header to 8
      '00000009',
    ].join(''),
  );
  expect(decodeMessage(message)).toMatchObject({ type: 4, serial: 7, path: '/a', member: 'M', length: 68 });
});

describe('what is not D-Bus is an error that says so', () => {
  const changed = (at: number, ...to: number[]): Uint8Array => {
    const copy = whole.slice();
    copy.set(to, at);
    return copy;
  };
  test.each([
    ['another byte order', changed(0, 0x48), 'begins with the byte 72'],
    ['another version', changed(3, 2), 'of version 2'],
    ['a body beyond 128 MiB', changed(4, 0, 0, 0, 8), 'claims to have'],
    ['fields beyond 128 MiB', changed(12, 255, 255, 255, 255), 'claims to have'],
    ['a field of another type', changed(16, 2), 'the field interface of a message is of type o'],
    ['a signature with a type that is not known', changed(17, 1, 0x7a), '"z" is not a signature'],
  ])('%s', (_what, message, words) => {
    expect(() => decodeMessage(message)).toThrow(WireError);
    expect(() => decodeMessage(message)).toThrow(words);
  });

  test.each([
    ['ay', 'ffffffff00', 'claims to have 4294967295 bytes'],
    ['au', '05000000 0100000002000000', 'ends within'],
    ['s', 'ffffff7f6100', 'ends within'],
    ['s', '01000000616100', 'does not end with a NUL'],
    ['v', '0273730000', 'not of one type'],
    ['v', '0000', 'not of one type'],
    ['t', '0000', 'ends within'],
    ['v', '017600'.repeat(80), 'too deep'],
  ])('%s of %.20s', (type, text, words) => {
    expect(() => new Reader(bytes(text)).read(type)).toThrow(WireError);
    expect(() => new Reader(bytes(text)).read(type)).toThrow(words);
  });

  test('any byte of a message changed at random gives a message, a wait for more, or this error', () => {
    let seed = 1;
    const next = (below: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    let bad = 0;
    for (let n = 0; n < 20_000; n++) {
      const copy = whole.slice();
      for (let k = next(4); k >= 0; k--) copy[next(copy.length)] = next(256);
      try {
        decodeMessage(copy)?.readBody();
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        bad++;
      }
    }
    expect(bad).toBeGreaterThan(1000);
  });
});
