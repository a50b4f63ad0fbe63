import { expect, test } from 'vitest';
import { compile, encode, explain, keptPlans, slot, step, tell, told, whileAlive } from '../src/index.ts';

const manner = { tool: 'test', exit: 1 };
const plan = compile(
  [
    [
      step('running', 'kill', { pid: told.pid, pidfd: -1, signal: told.number }, 'send', { side: 'host' }),
      tell(),
      whileAlive(true),
    ],
  ],
  manner,
);

test('guards come first and are marked in the encoding and for people', () => {
  expect(plan.steps.map((s) => [s.op, s.guard ?? false])).toEqual([
    ['told', true],
    ['alive', true],
    ['kill', false],
  ]);
  expect(explain(plan)).toContain('alive pid={told.pid} ticks={told.ticks} alive=1   [guard]');
  const bytes = encode(plan);
  // Steps are 40 bytes each behind a header of 96; the mark is the half word at 34.
  expect([0, 1, 2].map((i) => bytes.readUInt16LE(96 + i * 40 + 34))).toEqual([1, 1, 0]);
});

test('the file names the process, then each plan by length and words', () => {
  const bytes = encode(plan);
  const { parts } = keptPlans(slot('child.pid'), slot('child.start'), [['kill', plan]]);
  expect(parts).toEqual([
    'CTRKEPT1 ',
    { slot: 'child.pid' },
    ' ',
    { slot: 'child.start' },
    '\n',
    `${bytes.length} kill\n`,
    bytes,
  ]);
});
