import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { basename, dirname, isAbsolute, join, normalize, relative, resolve } from '../src/index.ts';

/** Paths of few parts, so that every way of putting them together comes up. */
function somePaths(count: number): string[] {
  const parts = ['', '.', '..', 'a', 'b', '...', '.a', 'a b', 'ä', '\udcff'];
  let seed = 1;
  const below = (n: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  return Array.from({ length: count }, () => {
    const words = Array.from({ length: below(7) }, () => parts[below(parts.length)]!);
    return `${below(2) ? '/' : ''}${words.join('/')}${below(4) ? '' : '/'}`;
  });
}

const some = somePaths(6000);

test.each(Object.entries({ normalize, dirname, basename, isAbsolute }))(
  '%s is as of node:path',
  (name, ours) => {
    const theirs = posix[name as 'normalize'];
    for (const path of some) expect([path, ours(path)]).toEqual([path, theirs(path)]);
  },
);

test('join, resolve and relative are as of node:path', () => {
  for (const [i, a] of some.entries()) {
    const b = some[(i * 7 + 1) % some.length]!;
    const c = some[(i * 13 + 5) % some.length]!;
    expect([a, b, c, join(a, b, c)]).toEqual([a, b, c, posix.join(a, b, c)]);
    expect([a, b, resolve('/x', a, b)]).toEqual([a, b, posix.resolve('/x', a, b)]);
    const [from, to] = [posix.resolve('/', a), posix.resolve('/', b)];
    expect([from, to, relative(from, to)]).toEqual([from, to, posix.relative(from, to)]);
  }
});

test('a path that is relative to nothing has no absolute one', () => {
  expect(() => resolve('a', 'b')).toThrow('"a/b" is relative to nothing');
});
