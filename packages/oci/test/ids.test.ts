import { expect, test } from 'vitest';
import { areIds, MAX_ID, parseId, parseUser, requireId } from '../src/runtime/ids.ts';

test.each(['4294967295', '4294967296', '18446744073709551616', '9'.repeat(400)])(
  '%s is a number, but not an ID',
  (text) => {
    for (const parse of [parseId, requireId, parseUser])
      expect(() => parse(text, '--user')).toThrow(`--user ${text} is more than an ID can be (4294967294)`);
    expect(() => parseUser(`0:${text}`, '--user')).toThrow('is more than');
  },
);

test.each([
  ['0', 0],
  ['007', 7],
  ['4294967294', MAX_ID],
])('%s is an ID', (text, id) => {
  expect(parseId(text, '--user')).toBe(id);
});

test.each(['', 'root', '-1', '+1', '1.0', '1e3', '0x10', ' 1', '1 ', '١'])('%j may be a name', (text) => {
  expect(parseId(text, '--user')).toBeUndefined();
  expect(() => requireId(text, 'the ID')).toThrow('is not a number');
});

test('UID and GID', () => {
  expect(parseUser('5', '-u')).toEqual({ uid: 5, gid: 0 });
  expect(parseUser('5:6', '-u')).toEqual({ uid: 5, gid: 6 });
  for (const text of ['', ':', '5:', ':6', '5:6:7', 'a', '5:a'])
    expect(parseUser(text, '-u')).toBeUndefined();
});

test('a range ends at the highest ID', () => {
  expect(areIds(0, 4294967295)).toBe(true);
  expect(areIds(0, 4294967296)).toBe(false);
  expect(areIds(MAX_ID, 1)).toBe(true);
  expect(areIds(MAX_ID, 2)).toBe(false);
});
