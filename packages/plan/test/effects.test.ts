import { expect, test } from 'vitest';
import {
  type AnyStep,
  anyDoes,
  capabilitiesAfter,
  capabilitiesAfterExec,
  changeEnvironment,
  does,
  type Effect,
  effects,
  namespacesOf,
  type OpShape,
  ops,
  slot,
  step,
  surviveExec,
} from '../src/index.ts';

test('every effect is one of some operation', () => {
  const used = new Set(Object.values<OpShape>(ops).flatMap((shape) => shape.does));
  expect(Object.keys(effects).filter((effect) => !used.has(effect as Effect))).toEqual([]);
});

test('a step has the effects of its operation', () => {
  const entering = step('cwd', 'chdir', { fd: 3 }, 'enter');
  expect([does(entering, 'cwd'), does(entering, 'root')]).toEqual([true, false]);
  expect([anyDoes([entering], 'cwd'), anyDoes([], 'cwd')]).toEqual([true, false]);
});

test.each<[string, AnyStep, bigint]>([
  ['made', step('unshare', 'unshare', { flags: 0x4000000 }, ''), 0x4000000n],
  ['joined', step('join', 'setns', { fd: 3, flags: 0x60000000 }, ''), 0x60000000n],
  [
    'joined ahead of a clone',
    step('clone', 'join_first', { joins: [slot('a'), 0x20000, slot('b'), 0x40000000] }, ''),
    0x40020000n,
  ],
  ['of whatever kind a descriptor has', step('join', 'setns', { fd: 3, flags: 0 }, ''), 0x7e020080n],
  ['of none', step('cwd', 'chdir', { path: '/' }, ''), 0n],
])('namespaces %s', (_how, s, flags) => {
  expect(namespacesOf(s)).toBe(flags);
});

const root = {
  uids: [0, 0, 0, 0],
  bounding: 0xffn,
  permitted: 0xffn,
  effective: 0xffn,
  inheritable: 0n,
  ambient: 0n,
  noNewPrivs: false,
};
const nobody = { ...root, uids: [65534, 65534, 65534, 65534], permitted: 0n, effective: 0n };
const capset = (effective: number, permitted: number, inheritable = 0): AnyStep =>
  step('capabilities', 'capset', { effective, permitted, inheritable }, '');
const bounding = (keep: number): AnyStep => step('bounding', 'bounding', { keep }, '');

test('capabilities are followed through the steps of the command', () => {
  const steps = [bounding(0x3f), capset(0x0f, 0x1f, 0x07), step('no-new-privs', 'no_new_privs', {}, '')];
  expect(capabilitiesAfter({ ...root, ambient: 0x0fn }, steps)).toEqual({
    ...root,
    bounding: 0x3fn,
    permitted: 0x1fn,
    effective: 0x0fn,
    inheritable: 0x07n,
    ambient: 0x07n,
    noNewPrivs: true,
  });
  const outside = steps.map((s) => ({ ...s, side: 'host' as const }));
  expect(capabilitiesAfter(root, outside)).toEqual(root);
});

test.each([
  ['root keeps what is bounded', root, [bounding(0x0f), capset(0x0f, 0x0f)], true],
  ['root gets back what is bounded still', root, [capset(0, 0xff)], false],
  ['root gets back what it gave up', root, [capset(0x0f, 0x0f)], false],
  [
    'but not with no_new_privs',
    root,
    [capset(0x0f, 0x0f), step('no-new-privs', 'no_new_privs', {}, '')],
    true,
  ],
  ['another user has nothing to lose', nobody, [capset(0, 0)], true],
  [
    'another user loses what is not ambient',
    { ...nobody, permitted: 3n, effective: 3n },
    [step('capabilities', 'ambient', { caps: 1 }, '')],
    false,
  ],
])('over an execve(2), %s', (_what, start, steps, survives) => {
  expect(surviveExec(capabilitiesAfter(start, steps))).toBe(survives);
});

test('an execve(2) after an execve(2) changes nothing more', () => {
  for (const start of [
    root,
    nobody,
    { ...root, uids: [0, 1, 1, 1] },
    { ...nobody, ambient: 1n, inheritable: 1n },
  ])
    for (const permitted of [0n, 1n, 0xffn])
      for (const noNewPrivs of [false, true]) {
        const once = capabilitiesAfterExec({ ...start, permitted, noNewPrivs }, 0);
        expect(capabilitiesAfterExec(once, 0)).toEqual(once);
      }
});

test('a variable that only the plan knows is not known before', () => {
  const env = new Map([['A', '1']]);
  expect(changeEnvironment(env, step('environment', 'setenv', { name: 'B', value: slot('x') }, ''))).toBe(
    false,
  );
  expect(changeEnvironment(env, step('environment', 'home_default', { uid: 0 }, ''))).toBe(false);
  expect(changeEnvironment(env, step('environment', 'unsetenv', { name: 'A' }, ''))).toBe(true);
  expect([...env]).toEqual([]);
});
