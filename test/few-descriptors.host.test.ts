/** A caller with few descriptors (`ulimit -n`): what it asked for is done, or one line says why not. */
import { expect, test } from 'vitest';
import { makeBundle, testId, tracesOf } from '../packages/ctr-run/test/bundles.ts';
import { needs, run, toolEnv } from './support.ts';

const few = (n: number, words: readonly string[]) =>
  run('/bin/sh', ['-c', `ulimit -n ${n}; exec "$@"`, 'sh', ...words], { env: toolEnv() });

const numbers = [3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20];

test.each([
  ['ctr-run', ['list'], 125],
  ['ctr-run', ['features'], 125],
  ['ctr-run', ['ps', 'ctr-test-nobody'], 1],
  ['aa-confine', ['--show'], 125],
  ['caps-drop', ['--all', '--', 'true'], 125],
  ['caps-drop', ['--decode', '0'], 125],
  ['cg-limit', ['--show'], 125],
  ['cg-limit', ['--pids-limit', '50', '--', 'true'], 125],
  ['img-pull', ['--list', '--json'], 125],
  ['ns-enter', ['--new', 'pid,mount', '--', 'true'], 125],
  ['seccomp-load', ['default', '--', 'true'], 125],
  ['ufs-mount', ['--list'], 125],
] as const)('%s %s', (tool, words, refused) => {
  const statuses = new Set<number | null>();
  for (const n of numbers) {
    const { status, signal, stderr } = few(n, [tool, ...words]);
    statuses.add(status);
    const seen = `ulimit -n ${n}: ${status} ${signal} ${stderr}`;
    if (status === 0) expect(stderr, seen).toBe('');
    else {
      // Below what the planner takes it is the launcher's own status.
      expect([125, refused], seen).toContain(status);
      expect(stderr, seen).toMatch(/^[^\n]+\n$/);
    }
  }
  expect(statuses).toContain(125);
  if (refused === 125) expect(statuses).toContain(0);
});

test('run, which makes everything or leaves nothing', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.process!.rlimits = [];
  });
  for (const n of numbers) {
    const id = testId();
    const { status, signal, stderr } = few(n, ['ctr-run', 'run', '--bundle', bundle, id]);
    const seen = `ulimit -n ${n}: ${status} ${signal} ${stderr}`;
    if (status === 0) expect(stderr, seen).toBe('');
    else {
      expect([1, 125], seen).toContain(status);
      expect(stderr, seen).toMatch(/^ctr-run: [^\n]*No file descriptors available[^\n]*\n$/);
    }
    expect(tracesOf(bundle, id), seen).toEqual([]);
  }
});
