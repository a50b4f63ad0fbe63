import { describe, expect, test } from 'vitest';
import { annotatedProperties } from '../src/systemd/annotations.ts';
import { parseVariant } from '../src/systemd/gvariant.ts';
import { wireProperty } from '../src/systemd/properties.ts';

describe('values in the text format of GVariant', () => {
  test.each([
    ['true', ['b', true]],
    ['5', ['i', 5]],
    ['-0x10', ['i', -16]],
    ['010', ['i', 8]],
    ['1.5', ['d', 1.5]],
    ['uint32 7', ['u', 7]],
    ['@q 7', ['q', 7]],
    ['uint64 18446744073709551615', ['t', '18446744073709551615']],
    ['int64 -5', ['x', '-5']],
    ['double 3', ['d', 3]],
    ["'inactive-or-failed'", ['s', 'inactive-or-failed']],
    [`"it's \\"so\\" \\u00e4\\n"`, ['s', 'it\'s "so" ä\n']],
    ["objectpath '/a'", ['o', '/a']],
    ["['a.service', 'b.service']", ['as', ['a.service', 'b.service']]],
    ['@as []', ['as', []]],
    ['@at [1, 2]', ['at', ['1', '2']]],
    ['[byte 1, 2]', ['ay', [1, 2]]],
    ["b'ab'", ['ay', [97, 98, 0]]],
    ["[('/dev/null', 'rw')]", ['a(ss)', [['/dev/null', 'rw']]]],
    ["{'a': <uint32 1>}", ['a{sv}', [['a', ['u', 1]]]]],
    [' [ [1] , [2,3] ] ', ['aai', [[1], [2, 3]]]],
  ])('%s', (text, typed) => expect(parseVariant(text)).toEqual(typed));

  test.each([
    ['', 'ends too early'],
    ['[]', 'needs its type'],
    ['[1', 'ends too early'],
    ["[1, 'a']", "'a' is not of type i"],
    ['1 2', '2 follows the value'],
    ['nonsense', 'nonsense is not understood'],
    ["'open", 'not understood'],
    ['byte 256', 'beyond what y holds'],
    ['uint32 -1', 'beyond what u holds'],
    ['uint32 1.5', 'not a whole number'],
    ["uint32 'a'", 'not of type u'],
    ['boolean 1', 'not of type b'],
    ['@as [1]', '1 is not of type s'],
    ['<1', 'ends too early'],
  ])('%j is refused', (text, words) => expect(() => parseVariant(text)).toThrow(words));
});

test('annotations become properties, seconds microseconds, and others are nobody’s', () => {
  const of = (annotations: Record<string, string>) => annotatedProperties(annotations);
  expect(
    of({
      'org.systemd.property.TimeoutStopUSec': 'uint64 123456789',
      'org.systemd.property.CollectMode': "'inactive-or-failed'",
      'org.systemd.property.After': "['a.service']",
      'org.systemd.property.RuntimeMaxSec': '90',
      'org.systemd.property.TimeoutStopSec': '1.5',
      'io.kubernetes.cri.x': 'y',
    }),
  ).toEqual([
    ['TimeoutStopUSec', 't', '123456789'],
    ['CollectMode', 's', 'inactive-or-failed'],
    ['After', 'as', ['a.service']],
    ['RuntimeMaxUSec', 't', '90000000'],
    ['TimeoutStopUSec', 't', '1500000'],
  ]);
  expect(wireProperty(['X', 'a{sv}', [['a', ['t', '7']]]])).toEqual(['X', ['a{sv}', [['a', ['t', 7n]]]]]);
  expect(() => of({ 'org.systemd.property.A': '1' })).toThrow('names no property');
  expect(() => of({ 'org.systemd.property.A1b2': '1' })).toThrow('names no property');
  expect(() => of({ 'org.systemd.property.After': '[' })).toThrow(
    'is not a value for a property: it ends too early',
  );
  expect(() => of({ 'org.systemd.property.TimeoutStopSec': "'a'" })).toThrow('a number of seconds');
});
