import { expect, it } from 'vitest';
import { parseStatus } from '../../src/proc/index.ts';

it('reads /proc/PID/status', () => {
  const text =
    'Name:\ta b: c\nUid:\t1\t2\t3\t4\nGid:\t5\t5\t5\t5\nGroups:\t7 8 \nCapInh:\t0\nCapPrm:\t21\nCapEff:\t1\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\nNoNewPrivs:\t1\n';
  expect(parseStatus(text)).toEqual({
    name: 'a b: c',
    uids: [1, 2, 3, 4],
    gids: [5, 5, 5, 5],
    groups: [7, 8],
    noNewPrivs: true,
    inheritable: 0n,
    permitted: 0x21n,
    effective: 1n,
    bounding: 0x1ffffffffffn,
    ambient: 0n,
  });
});
