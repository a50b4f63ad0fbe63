import { expect, test } from 'vitest';
import { ioprioValue, memoryPolicyArgs, personaValue, schedulerAttr } from '../src/scheduling.ts';

test('struct sched_attr byte for byte', () => {
  const attr = schedulerAttr({
    policy: 'SCHED_DEADLINE',
    flags: ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_DL_OVERRUN'],
    nice: -5,
    priority: 3,
    runtime: 10_000_000,
    deadline: 20_000_000n,
    period: 2n ** 63n,
  });
  expect(Buffer.from(attr).toString('hex')).toBe(
    [
      '38000000', // size 56
      '06000000', // SCHED_DEADLINE
      '0500000000000000', // flags
      'fbffffff', // nice
      '03000000', // priority
      '8096980000000000', // runtime
      '002d310100000000', // deadline
      '0000000000000080', // period
      '0000000000000000', // clamps
    ].join(''),
  );
});

test('I/O priority is class and level', () => {
  expect(ioprioValue({ class: 'IOPRIO_CLASS_BE', priority: 4 })).toBe(0x4004);
  expect(ioprioValue({ class: 'IOPRIO_CLASS_IDLE' })).toBe(0x6000);
  expect(ioprioValue({ class: 'IOPRIO_CLASS_RT' })).toBe(0x2000);
  expect(() => ioprioValue({ class: 'IOPRIO_CLASS_RT', priority: 8 })).toThrow('8 is not between 0 and 7');
});

test('a memory policy has its flags in the mode, and counts one node more than there are bits', () => {
  const args = memoryPolicyArgs({ mode: 'MPOL_BIND', nodes: '0,2', flags: ['MPOL_F_STATIC_NODES'] });
  expect(args).toEqual({ mode: 2 | (1 << 15), nodes: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0), maxnode: 65 });
  expect(memoryPolicyArgs({ mode: 'MPOL_DEFAULT' })).toEqual({
    mode: 0,
    nodes: new Uint8Array(),
    maxnode: 0,
  });
});

test('a domain and its flags are one number', () => {
  expect(personaValue({ domain: 'LINUX' })).toBe(0);
  expect(personaValue({ domain: 'LINUX32', flags: ['ADDR_NO_RANDOMIZE'] })).toBe(0x40008);
});

test.each([
  [
    () => schedulerAttr({ policy: 'SCHED_NONE' as never }),
    'process.scheduler.policy: "SCHED_NONE" is none of',
  ],
  [
    () => schedulerAttr({ policy: 'SCHED_RR', flags: ['toString' as never] }),
    'process.scheduler.flags: "toString"',
  ],
  [
    () => memoryPolicyArgs({ mode: 'MPOL_BIND', nodes: '2-1' }),
    'linux.memoryPolicy.nodes: "2-1" is not a number',
  ],
  [() => personaValue({ domain: 'LINUX', flags: ['X'] }), 'linux.personality.flags: "X" is none of UNAME26'],
])('%#', (call, message) => {
  expect(call).toThrow(message);
});

/** linux/mempolicy.h, enum. */
test.each([
  ['MPOL_DEFAULT', 0],
  ['MPOL_PREFERRED', 1],
  ['MPOL_BIND', 2],
  ['MPOL_INTERLEAVE', 3],
  ['MPOL_LOCAL', 4],
  ['MPOL_PREFERRED_MANY', 5],
  ['MPOL_WEIGHTED_INTERLEAVE', 6],
] as const)('%s is the number that the kernel has for it', (mode, number) => {
  expect(memoryPolicyArgs({ mode }).mode).toBe(number);
});
