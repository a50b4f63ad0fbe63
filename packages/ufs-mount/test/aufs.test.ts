/** No kernel of a distribution has aufs: its plan is held here, to what was measured on one that has (aufs 6.1). */
import { expect, test } from 'vitest';
import { MS } from '../../sys/src/constants/index.ts';
import { aufs } from '../src/driver/aufs.ts';
import { hasUnion } from '../src/driver/index.ts';
import type { RootFacts } from '../src/root-facts.ts';

const layer = (name: string) => ({
  digest: `sha256:${name.repeat(64)}`,
  diffId: '',
  path: `/${name}.tar`,
  offset: 0,
  size: 1,
  compression: 'none' as const,
  id: `sha256:${name.repeat(64)}`,
  chainId: `sha256:${name.repeat(63)}0`,
});

const factsOf = (request: object, count = 3) => {
  const layers = Array.from({ length: count }, (_, i) => layer('abc'[i % 3]!));
  return {
    store: { path: '/store' },
    request,
    pid: 77,
    squash: false,
    columns: 0,
    stack: { parts: layers.map((one) => ({ layer: one })), layers, data: [] },
  } as unknown as RootFacts;
};

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (value as { parts: string[] }).parts.join('');
const mountsOf = (facts: RootFacts) =>
  aufs
    .make(facts, { directory: '/store/roots/x', target: '/t', passing: false })
    .filter(({ op }) => op === 'mount')
    .map(({ args }) => [args.type, args.flags ?? 0, textOf(args.data)]);

test('one branch a layer, the topmost first, each added by a remount of its own', () => {
  const branch = (name: string) => `append=/store/aufs/${name.repeat(63)}0/tree=ro+wh`;
  expect(mountsOf(factsOf({}))).toEqual([
    // fsconfig(2) takes `br=` and not `br:`, and 256 bytes: one branch.
    ['aufs', 0, 'br=/store/roots/x/upper=rw'],
    ['aufs', MS.REMOUNT, branch('c')],
    ['aufs', MS.REMOUNT, branch('b')],
    ['aufs', MS.REMOUNT, branch('a')],
  ]);
});

test('a root without changes stays read-only as layers are added', () => {
  const [first, ...rest] = mountsOf(factsOf({ readOnly: true }));
  expect(first).toEqual(['aufs', MS.RDONLY, 'br=/store/roots/x/upper=ro+wh']);
  expect(rest.map(([, flags]) => flags)).toEqual(Array(3).fill(MS.RDONLY | MS.REMOUNT));
});

test('each layer becomes a branch by itself, made beside its place; nothing is flattened', () => {
  const steps = aufs.layers(factsOf({}));
  const made = steps.filter(({ op, args }) => op === 'layers' && (args.request as string[])[0] === 'branch');
  expect(made.map(({ args }) => args.request)).toEqual(
    ['a', 'b', 'c'].map((name) => [
      'branch',
      `from=/store/chains/${name.repeat(63)}0/tree`,
      `to=/store/aufs/${name.repeat(63)}0.77.new/tree`,
    ]),
  );
  const renamed = steps.filter(({ op }) => op === 'rename').map(({ args }) => [args.from, args.to]);
  expect(renamed[0]).toEqual([`/store/aufs/${'a'.repeat(63)}0.77.new`, `/store/aufs/${'a'.repeat(63)}0`]);
});

test('what was changed is found by the layers with overlay’s marks, so none of aufs’s own files are in it', () => {
  expect(hasUnion(aufs)).toBe(true);
  expect(aufs.trees(factsOf({}))).toEqual(
    ['c', 'b', 'a'].map((name) => `/store/chains/${name.repeat(63)}0/tree`),
  );
});
