import { expect, test } from 'vitest';
import { jsonTemplate, slot, template } from '../src/index.ts';

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

test('slots in a template become text within a string', () => {
  const made = jsonTemplate({ at: template`${slot('now')}`, by: template`pid ${slot('pid')} "of" ${1}` });
  expect(made.parts).toEqual(['{"at":"', { slot: 'now' }, '","by":"pid ', { slot: 'pid' }, ' \\"of\\" 1"}']);
});
