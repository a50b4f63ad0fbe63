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

test.each([
  ['a string', { a: '\u0001slot:child.pid\u0001' }],
  ['a key', { '\u0001slot:child.pid\u0001': 1 }],
  ['text with the mark of text in it', { a: 'x \u0001text:child.pid\u0001 y' }],
  ['a key with that', { 'x \u0001text:child.pid\u0001': 'y' }],
])('%s of others names no slot, whatever it holds', (_what, value) => {
  expect(jsonTemplate(value).parts).toEqual([JSON.stringify(value)]);
});

test('text of others in a template names no slot either', () => {
  const hostile = '\u0001text:child.pid\u0001';
  expect(jsonTemplate({ by: template`${hostile} of ${slot('x')}` }).parts).toEqual([
    `{"by":${JSON.stringify(hostile).slice(0, -1)} of `,
    { slot: 'x' },
    '"}',
  ]);
});

test.each([[undefined], [2]])('without slots it is what JSON.stringify writes, indented by %s', (indent) => {
  const value = {
    none: undefined,
    list: [1, undefined, null, [], {}, [{ a: 'é"\\\n\u2028' }]],
    1: true,
    deep: { er: { empty: {}, last: -1.5 } },
    call: () => 1,
  };
  expect(jsonTemplate(value, indent).parts).toEqual([JSON.stringify(value, null, indent)]);
});

test('slots in a template become text within a string', () => {
  const made = jsonTemplate({ at: template`${slot('now')}`, by: template`pid ${slot('pid')} "of" ${1}` });
  expect(made.parts).toEqual(['{"at":"', { slot: 'now' }, '","by":"pid ', { slot: 'pid' }, ' \\"of\\" 1"}']);
});
