import { expect, expectTypeOf, test } from 'vitest';
import { flag, given, parseArgv, UsageError } from '../src/index.ts';

const flags = [
  flag.count('nice', -20n, 19n, { description: 'share of the CPU' }),
  flag.text('name', { valueHint: 'NAME', alias: ['n'], description: 'how it is called' }),
  flag.yes('keep', { description: 'leave it' }),
  flag.word('kind', ['a', 'b', 'c'], { valueHint: 'KIND', description: 'which' }),
  flag.list('pair', { valueHint: 'A:B', description: 'two words' }, (text, spelled) => {
    if (!text.includes(':')) throw new UsageError(`${spelled} is "${text}"; give A:B`);
    return text.split(':');
  }),
  { name: 'show', act: 'asks', description: 'what an act is given, it reads itself' },
] as const;

const of = (...argv: string[]) =>
  given(flags, parseArgv(argv, { flags, command: 'never', lastCounts: true }));

test('values by their names, of the types that their flags say', () => {
  const values = of('--nice=-5', '-n', 'web', '--keep', '--kind', 'b', '--pair=1:2', '--pair=3:4', '--show');
  expect(values).toEqual({
    nice: -5,
    name: 'web',
    keep: true,
    kind: 'b',
    pair: [
      ['1', '2'],
      ['3', '4'],
    ],
  });
  expectTypeOf(values.nice).toEqualTypeOf<number | undefined>();
  expectTypeOf(values.keep).toEqualTypeOf<boolean>();
  expectTypeOf(values.kind).toEqualTypeOf<'a' | 'b' | 'c' | undefined>();
  expectTypeOf(values.pair).toEqualTypeOf<string[][]>();
});

test('what was not given is undefined, false or empty', () =>
  expect(of()).toEqual({ nice: undefined, name: undefined, keep: false, kind: undefined, pair: [] }));

test('of several the last one counts, where several may be given', () =>
  expect(of('--nice=1', '--nice=2').nice).toBe(2));

test.each([
  [['--nice=20'], '"20" is not a value for --nice; it lies between -20 and 19'],
  [['--kind=d'], '--kind is "d"; it is a, b or c'],
  [['--pair=x'], '--pair is "x"; give A:B'],
])('%j is an error', (argv, message) => expect(() => of(...argv)).toThrow(new UsageError(message)));
