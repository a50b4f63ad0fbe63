import { expect, test } from 'vitest';
import { defaultStateRoot } from '../src/state-root.ts';

const rootOf = (euid: number, env: Record<string, string>): string | undefined =>
  defaultStateRoot({ euid, env: new Map(Object.entries(env)) as never });

test('the place of states: as named, else root’s, else the user’s own', () => {
  expect(rootOf(0, { CTR_STATE_ROOT: '/named', XDG_RUNTIME_DIR: '/run/user/0' })).toBe('/named');
  expect(rootOf(0, {})).toBe('/run/ctr-run');
  expect(rootOf(0, { USER: 'root', XDG_RUNTIME_DIR: '/run/user/0' })).toBe('/run/ctr-run');
  expect(rootOf(1000, { XDG_RUNTIME_DIR: '/run/user/1000' })).toBe('/run/user/1000/ctr-run');
  expect(rootOf(1000, {})).toBeUndefined();
});
