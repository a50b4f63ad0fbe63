import type { DeviceCgroup } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { deviceRules } from '../src/controllers/devices.ts';
import { BPF_DEVCG, BPF_OP, deviceProgram } from '../src/devices/program.ts';
import {
  applyRules,
  containerDefaults,
  type DeviceList,
  exceptionText,
  parseDeviceList,
} from '../src/devices/rules.ts';

/** Carry a program out as the kernel would: 1 allows. Throws for an instruction that it does not know, or a jump outside. */
function simulate(bytes: Uint8Array, type: number, access: number, major: number, minor: number): number {
  const program = Buffer.from(bytes);
  const context = Buffer.alloc(12);
  context.writeUInt32LE((access << 16) | type, 0);
  context.writeUInt32LE(major, 4);
  context.writeUInt32LE(minor, 8);
  const r = new Array<number>(11).fill(Number.NaN);
  r[1] = 0; // the context's address
  for (let pc = 0; pc < program.length / 8; pc++) {
    const code = program.readUInt8(pc * 8);
    const registers = program.readUInt8(pc * 8 + 1);
    const [dst, src] = [registers & 15, registers >> 4];
    const off = program.readInt16LE(pc * 8 + 2);
    const imm = program.readInt32LE(pc * 8 + 4);
    const value = r[dst]! >>> 0;
    if (code === BPF_OP.LDX_W) r[dst] = context.readUInt32LE(r[src]! + off);
    else if (code === BPF_OP.ALU_MOV_K) r[dst] = imm >>> 0;
    else if (code === BPF_OP.ALU_MOV_X) r[dst] = r[src]!;
    else if (code === BPF_OP.ALU_AND_K) r[dst] = (value & imm) >>> 0;
    else if (code === BPF_OP.ALU_RSH_K) r[dst] = value >>> imm;
    else if (code === BPF_OP.JMP32_JNE_K) pc += value !== imm >>> 0 ? off : 0;
    else if (code === BPF_OP.JMP32_JNE_X) pc += value !== r[src]! >>> 0 ? off : 0;
    else if (code === BPF_OP.JMP32_JEQ_K) pc += value === imm >>> 0 ? off : 0;
    else if (code === BPF_OP.EXIT) return r[0]!;
    else throw new Error(`unknown instruction 0x${code.toString(16)}`);
  }
  throw new Error('the program runs out of its end');
}

const { ACC_READ: R, ACC_WRITE: W, ACC_MKNOD: K, DEV_CHAR: C, DEV_BLOCK: B } = BPF_DEVCG;
const asks = (list: DeviceList, ...question: [number, number, number, number]): boolean =>
  simulate(deviceProgram(list), ...question) === 1;

const container = applyRules([{ allow: false, access: 'rwm' }, ...containerDefaults]);

describe('the program of a container', () => {
  test.each([
    ['/dev/null', C, R | W, 1, 3, true],
    ['/dev/urandom', C, R, 1, 9, true],
    ['a pty', C, R | W, 136, 77, true],
    ['mknod of a disk', B, K, 8, 0, true],
    ['reading the disk', B, R, 8, 0, false],
    ['mknod and reading at once', B, K | R, 8, 0, false],
    ['/dev/mem', C, R, 1, 1, false],
    ['a block device with the numbers of /dev/null', B, R, 1, 3, false],
    ['/dev/kmsg', C, W, 1, 11, false],
  ])('%s', (_name, type, access, major, minor, allowed) =>
    expect(asks(container, type, access, major, minor)).toBe(allowed),
  );
});

describe('a list that allows by default', () => {
  const list = applyRules([{ allow: false, type: 'c', major: 10, minor: 229, access: 'w' }], {
    allow: true,
    exceptions: [],
  });
  test('denies what an exception names any part of', () => {
    expect(asks(list, C, W, 10, 229)).toBe(false);
    expect(asks(list, C, R | W, 10, 229)).toBe(false);
    expect(asks(list, C, R, 10, 229)).toBe(true);
    expect(asks(list, C, W, 10, 228)).toBe(true);
  });
});

test('the program agrees with the list for each kind of access and exception', () => {
  const rules: DeviceCgroup[] = [
    { allow: true, type: 'c', major: 1, access: 'r' },
    { allow: true, type: 'b', minor: 5, access: 'wm' },
    { allow: true, type: 'c', major: 7, minor: 7, access: 'rwm' },
  ];
  const list = applyRules(rules);
  for (const type of [C, B])
    for (let access = 1; access < 8; access++)
      for (const major of [1, 7, 4095])
        for (const minor of [0, 5, 7, 1048575]) {
          const letters = [...'mrw'].filter((_, i) => access & (1 << i));
          const allowed = list.exceptions.some(
            (e) =>
              (e.type === 'c' ? C : B) === type &&
              (e.major === -1 || e.major === major) &&
              (e.minor === -1 || e.minor === minor) &&
              letters.every((l) => e.access.includes(l)),
          );
          expect(asks(list, type, access, major, minor), `${type} ${major}:${minor} ${letters}`).toBe(
            allowed,
          );
        }
});

describe('rules one after the other', () => {
  const texts = (rules: DeviceCgroup[]): string[] => applyRules(rules).exceptions.map(exceptionText);
  test('access adds up', () =>
    expect(
      texts([
        { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
        { allow: true, type: 'c', major: 1, minor: 3, access: 'w' },
      ]),
    ).toEqual(['c 1:3 rw']));
  test('and is taken away', () =>
    expect(
      texts([
        { allow: true, type: 'c', major: 1, minor: 3 },
        { allow: false, type: 'c', major: 1, minor: 3, access: 'm' },
      ]),
    ).toEqual(['c 1:3 rw']));
  test('all begins anew', () =>
    expect(texts([{ allow: true, type: 'c', major: 1, minor: 3 }, { allow: false }])).toEqual([]));
  test('a part of a wider exception cannot be taken', () =>
    expect(() =>
      texts([
        { allow: true, type: 'c', major: 1 },
        { allow: false, type: 'c', major: 1, minor: 3 },
      ]),
    ).toThrow('takes a part out of "c 1:* rwm"'));
  test.each([
    [{ allow: true, type: 'c', access: 'x' }, 'not a device access'],
    [{ allow: true, type: 'c', access: '' }, 'not a device access'],
    [{ allow: true, type: 'c', major: -2 }, 'not a device number'],
  ] as const)('%o is refused', (rule, words) =>
    expect(() => applyRules([rule as DeviceCgroup])).toThrow(words),
  );
});

test("the kernel's own list is understood", () => {
  expect(parseDeviceList('a *:* rwm\n')).toEqual({ allow: true, exceptions: [] });
  expect(parseDeviceList('b *:* m\nc 136:* rwm\n').exceptions.map(exceptionText)).toEqual([
    'b *:* m',
    'c 136:* rwm',
  ]);
});

describe('what a rule takes away', () => {
  const texts = (...rules: DeviceCgroup[]): string[] => applyRules(rules).exceptions.map(exceptionText);
  const pty: DeviceCgroup = { allow: true, type: 'c', major: 136, minor: 5, access: 'rw' };
  test('goes from all that it covers', () =>
    expect(texts(pty, { allow: false, type: 'c', major: 136, access: 'w' })).toEqual(['c 136:5 r']));
  test('a denial narrower than what is allowed later stays, as in the lists of the kernel', () =>
    expect(
      texts(
        { allow: true },
        { allow: false, type: 'c', major: 10, minor: 229, access: 'm' },
        { allow: true, type: 'c', access: 'm' },
      ),
    ).toEqual(['c 10:229 m']));
  test('but not from what it covers in part', () =>
    expect(() =>
      texts({ allow: true, type: 'c', minor: 5, access: 'r' }, { allow: false, type: 'c', major: 136 }),
    ).toThrow('takes a part out of "c *:5 r"'));
});

describe('--device and --device-deny', () => {
  const texts = (device: string[], deny: string[]): string[] =>
    applyRules(deviceRules({ device, 'device-cgroup-rule': [], 'device-deny': deny }), {
      allow: true,
      exceptions: [],
    }).exceptions.map(exceptionText);
  test('together: what is denied is not opened, and its node may be made as any', () => {
    const list = texts(['c 1:11 rwm'], ['/dev/full']);
    expect(list).toEqual(expect.arrayContaining(['c *:* m', 'c 1:11 rwm', 'c 1:7 m']));
    expect(texts(['c 1:11 rwm'], ['/dev/full:w'])).toContain('c 1:7 rm');
  });
  test('the node by itself cannot be denied beside a list that allows all nodes', () => {
    for (const deny of ['/dev/full:m', '/dev/full:rwm', 'c 1:7 rwm'])
      expect(() => texts(['c 1:11 rwm'], [deny])).toThrow(
        `--device-deny is "${deny}"; beside --device give it without m`,
      );
    for (const device of [[], ['all']]) expect(texts(device, ['/dev/full'])).toEqual(['c 1:7 rwm']);
  });
});
