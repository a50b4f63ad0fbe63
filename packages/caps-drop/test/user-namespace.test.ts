import type { Spec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { capsSteps } from '../src/steps.ts';
import { checkMapped } from '../src/user-namespace.ts';
import { factsOf, root } from './fixtures.ts';

const map = [
  { containerID: 0, hostID: 100_000, size: 10 },
  { containerID: 20, hostID: 200_000, size: 5 },
];
const spec = { linux: { namespaces: [{ type: 'user' }], uidMappings: map, gidMappings: map } } as Spec;

test.each([0, 9, 20, 24])('%d is in one of the ranges', (id) => {
  expect(() => checkMapped(spec, id, id, [id])).not.toThrow();
});

test.each([10, 19, 25])('%d is beyond a range, by one', (id) => {
  expect(() => checkMapped(spec, id, 0, [])).toThrow(`process.user.uid is ${id}, which linux.uidMappings`);
  expect(() => checkMapped(spec, 0, id, [])).toThrow(`process.user.gid is ${id}, which linux.gidMappings`);
  expect(() => checkMapped(spec, 0, 0, [0, id])).toThrow(`process.user.additionalGids[1] is ${id}`);
});

test('without maps or without a user namespace nothing is refused', () => {
  expect(() => checkMapped({ linux: { namespaces: [{ type: 'user' }] } } as Spec, 5, 5, [])).not.toThrow();
  expect(() => checkMapped({ linux: { uidMappings: map } } as Spec, 50, 0, [])).not.toThrow();
});

test.each([0, 1, 2, 3])('a chain sets IDs of which number %d alone is another', (at) => {
  const ids = (differing: number): number[] => [5, 5, 5, 5].map((id, n) => (n === at ? differing : id));
  const steps = (uids: number[], gids: number[]): string[] => {
    const facts = factsOf('apply', { ...root, uids, gids } as typeof root);
    return capsSteps({ ociVersion: '1.3.0', process: { user: { uid: 5, gid: 5 } } } as Spec, facts).map(
      ({ op }) => op,
    );
  };
  expect(steps(ids(5), ids(5))).toEqual([]);
  expect(steps(ids(0), ids(5))).toContain('setuid');
  expect(steps(ids(5), ids(0))).toContain('setgid');
});
