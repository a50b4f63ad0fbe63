/**
 * What docs/security.md says of the built files: how each is linked, and what is mapped how. Read from the files
 * themselves (elf(5)), as they are installed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { toolNames } from '../packages/cli/src/tool-names.ts';
import { dist } from './dist.ts';
import { needs, run, skip, tempDir } from './support.ts';

/** elf.h */
const PT = { LOAD: 1, DYNAMIC: 2, INTERP: 3, GNU_STACK: 0x6474e551, GNU_RELRO: 0x6474e552 };
const PF = { X: 1, W: 2, R: 4 };
const [ET_EXEC, ET_DYN] = [2, 3];

interface Segment {
  type: number;
  flags: number;
  /** Where in the file it lies, and how much of it. */
  offset: number;
  stored: number;
  address: number;
  size: number;
}

/** Type and program headers of a 64-bit little-endian file. */
function elf(file: Buffer): { type: number; segments: Segment[] } {
  if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error('no ELF file of 64 bits');
  const [at, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
  const segments = Array.from({ length: count }, (_, i) => {
    const header = at + i * size;
    return {
      type: file.readUInt32LE(header),
      flags: file.readUInt32LE(header + 4),
      offset: Number(file.readBigUInt64LE(header + 8)),
      stored: Number(file.readBigUInt64LE(header + 32)),
      address: Number(file.readBigUInt64LE(header + 16)),
      size: Number(file.readBigUInt64LE(header + 40)),
    };
  });
  return { type: file.readUInt16LE(16), segments };
}

/** The launcher's core lies behind the program in its file, and is an ELF file of its own. */
function parts(name: string): [string, Buffer][] {
  const file = readFileSync(join(dist, name));
  if (!name.startsWith('bin/')) return [[name, file]];
  const core = file.lastIndexOf(Buffer.from('\x7fELF\x02\x01\x01', 'latin1'));
  if (core <= 0) throw new Error(`no core in ${name}`);
  return [
    [`${name}, the program`, file],
    [`${name}, its core`, file.subarray(core)],
  ];
}

const files = [...toolNames, 'ctr-launcher'].map((name) => `bin/${name}`).concat('lib/ctr-layers');

describe.each(files.flatMap(parts))('%s', (_, file) => {
  const { type, segments } = elf(file);
  const of = (wanted: number) => segments.filter((segment) => segment.type === wanted);

  test('is static: no interpreter, no dynamic section, and so no RPATH', () => {
    expect([PT.INTERP, PT.DYNAMIC].flatMap(of)).toEqual([]);
  });

  test('has a stack that is not executable', () => {
    expect(of(PT.GNU_STACK).map(({ flags }) => flags & PF.X)).toEqual([0]);
  });

  test('has no segment that is writable and executable', () => {
    expect(of(PT.LOAD).length).toBeGreaterThan(1);
    expect(segments.filter(({ flags }) => (flags & PF.W) !== 0 && (flags & PF.X) !== 0)).toEqual([]);
  });

  test('has data that are read-only once it runs (RELRO)', () => {
    const [relro, ...others] = of(PT.GNU_RELRO);
    expect(others).toEqual([]);
    expect(relro!.size).toBeGreaterThan(0);
    const within = of(PT.LOAD).find(
      ({ address, size }) => relro!.address >= address && relro!.address < address + size,
    );
    expect(within!.flags & PF.W).toBe(PF.W);
  });

  test('lies at a fixed address, as the page says', () => {
    expect(type).toBe(ET_EXEC);
    expect(type).not.toBe(ET_DYN);
  });

  test('looks after its stack', (context) => {
    if (process.arch !== 'x64') skip(context, 'the instruction looked for is one of x86-64');
    // mov %fs:0x28,%r: where the x86-64 psABI (TLS) has the guard that gcc compares, from -fstack-protector-strong.
    const guard = Buffer.from([0x28, 0x00, 0x00, 0x00]);
    let found = 0;
    for (let at = file.indexOf(guard); at >= 0; at = file.indexOf(guard, at + 1))
      if (file[at - 5] === 0x64 || file[at - 4] === 0x64) found++;
    expect(found).toBeGreaterThan(100);
  });
});

test('why it is no static PIE: the heap behind the program holds addresses of its functions', () => {
  const [[, program], [, core]] = parts('bin/ctr-run') as [[string, Buffer], [string, Buffer]];
  const code = elf(program).segments.find(({ type, flags }) => type === PT.LOAD && (flags & PF.X) !== 0)!;
  // It begins on a page, and its words are aligned.
  const own = Math.max(...elf(program).segments.map(({ offset, stored }) => offset + stored));
  let found = 0;
  for (let at = Math.ceil(own / 4096) * 4096; at + 8 <= program.length - core.length; at += 8) {
    const word = Number(program.readBigUInt64LE(at));
    if (word >= code.address && word < code.address + code.size) found++;
  }
  expect(found).toBeGreaterThan(100);
});

test('a stack that was written over ends the process: the control of the guard', (context) => {
  needs(context, 'command:cc');
  const source =
    '#include <string.h>\nint main(int c, char **v) { char small[8]; strcpy(small, v[1]); return small[0] == 0 && c; }';
  const program = (flag: string) => {
    const path = join(tempDir('stack'), 'smash');
    const made = run('cc', ['-O0', '-U_FORTIFY_SOURCE', flag, '-x', 'c', '-o', path, '-'], { input: source });
    if (made.status !== 0) throw new Error(made.stderr);
    return run(path, ['x'.repeat(40)]);
  };
  expect(program('-fstack-protector-strong').signal).toBe('SIGABRT');
});
