import { expect, test } from 'vitest';
import { jsonTemplate, slot } from '../src/index.ts';

test('slots become holes in the JSON, unquoted', () => {
  const made = jsonTemplate({ id: 'a"b', pid: slot('child.pid'), last: [slot('x')] });
  expect(made.parts).toEqual([
    '{"id":"a\\"b","pid":',
    { slot: 'child.pid' },
    ',"last":[',
    { slot: 'x' },
    ']}',
  ]);
});

test('a string that looks like a slot stays a string', () => {
  expect(jsonTemplate({ a: '\u0001slot' }).parts).toEqual(['{"a":"\\u0001slot"}']);
});
