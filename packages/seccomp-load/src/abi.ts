import { arch as ownArch } from '@ctr-tools/host';
import { AUDIT_ARCH, X32_SYSCALL_BIT } from '@ctr-tools/sys/constants';
import { aarch64 } from './tables/aarch64.ts';
import { arm } from './tables/arm.ts';
import { elsewhere } from './tables/elsewhere.ts';
import { riscv64 } from './tables/riscv64.ts';
import { x32 } from './tables/x32.ts';
import { x86 } from './tables/x86.ts';
import { x86_64 } from './tables/x86_64.ts';

/** A way of calling the kernel. A processor has several: an x86_64 kernel also takes i386 calls, and x32 ones. */
export type AbiName = 'x86_64' | 'x86' | 'x32' | 'aarch64' | 'arm' | 'riscv64';

export interface Abi {
  name: AbiName;
  /** `SCMP_ARCH_…` of a profile. */
  scmp: string;
  /** What `includes.arches` of a Docker profile calls it. */
  docker: string;
  /** AUDIT_ARCH_*: what the kernel puts into `seccomp_data.arch`. */
  audit: number;
  /** Added to each number of the table. */
  base: number;
  /** Whether arguments are 64 bits wide; of a 32-bit call the kernel leaves the upper halves 0. */
  wide: boolean;
}

const abi = (
  name: AbiName,
  scmp: string,
  docker: string,
  audit: number,
  wide: boolean,
  base = 0,
): readonly [AbiName, Abi] => [name, { name, scmp: `SCMP_ARCH_${scmp}`, docker, audit, wide, base }];

export const abis: ReadonlyMap<AbiName, Abi> = new Map([
  abi('x86_64', 'X86_64', 'amd64', AUDIT_ARCH.X86_64, true),
  abi('x86', 'X86', 'x86', AUDIT_ARCH.I386, false),
  abi('x32', 'X32', 'x32', AUDIT_ARCH.X86_64, true, X32_SYSCALL_BIT),
  abi('aarch64', 'AARCH64', 'arm64', AUDIT_ARCH.AARCH64, true),
  abi('arm', 'ARM', 'arm', AUDIT_ARCH.ARM, false),
  abi('riscv64', 'RISCV64', 'riscv64', AUDIT_ARCH.RISCV64, true),
]);

const byScmp = new Map([...abis.values()].map((a) => [a.scmp, a.name]));

/** The ABI that `SCMP_ARCH_…` names, or undefined for one without a table here. */
export const abiOfScmp = (scmp: string): AbiName | undefined => byScmp.get(scmp);

/** ABI names as people and other tools spell them. */
export function abiNamed(word: string): AbiName | undefined {
  const spelled: Record<string, AbiName> = {
    amd64: 'x86_64',
    i386: 'x86',
    i686: 'x86',
    386: 'x86',
    arm64: 'aarch64',
  };
  return abis.has(word as AbiName) ? (word as AbiName) : (spelled[word] ?? abiOfScmp(word));
}

/** The ABI of this machine's own programs, from Node's name of the processor. */
export function nativeAbi(arch: string = ownArch): AbiName | undefined {
  return ({ x64: 'x86_64', ia32: 'x86', arm64: 'aarch64', arm: 'arm', riscv64: 'riscv64' } as const)[arch];
}

/** ABIs that calls may come from on a machine whose own programs have this one. */
export function abisOf(native: AbiName): readonly AbiName[] {
  if (native === 'x86_64') return ['x86_64', 'x86', 'x32'];
  return native === 'aarch64' ? ['aarch64', 'arm'] : [native];
}

const texts: Record<AbiName, string> = { x86_64, x86, x32, aarch64, arm, riscv64 };

/** The private calls of arm begin here (`__ARM_NR_BASE` of `asm/unistd.h`); they are no newer than the others. */
export const ARM_PRIVATE = 0x0f0000;
export const ARM_PRIVATE_END = ARM_PRIVATE + 16;

export interface Table {
  /** Numbers by name, without the ABI's base. */
  numbers: ReadonlyMap<string, number>;
  /** The newest call's number, without the base (and without arm's private ones). */
  newest: number;
}

const tables = new Map<AbiName, Table>();

/** The calls of an ABI. */
export function table(name: AbiName): Table {
  const known = tables.get(name);
  if (known) return known;
  const made = read(texts[name]);
  tables.set(name, made);
  return made;
}

/** Whether a word of a table's text says which number the next name has, and is not a name. */
const isNumber = (word: string): boolean => word.charCodeAt(0) === 61;

/** Names in the order of their numbers; `=N` says which number the next one has. */
function read(text: string): Table {
  const numbers = new Map<string, number>();
  let number = 0;
  let newest = 0;
  for (const word of text.split(' ')) {
    if (isNumber(word)) number = Number(word.slice(1));
    else {
      numbers.set(word, number);
      if (number > newest && number < ARM_PRIVATE) newest = number;
      number++;
    }
  }
  return { numbers, newest };
}

/** The name of a call by its full number, or undefined. */
export function callName(name: AbiName, nr: number): string | undefined {
  const { base } = abis.get(name)!;
  for (const [call, number] of table(name).numbers) if (number + base === nr) return call;
  return undefined;
}

/** Which ABI a call comes from: `arch` alone does not tell x32 from x86_64. */
export function abiOfCall(arch: number, nr: number): AbiName | undefined {
  if (arch === AUDIT_ARCH.X86_64) return nr >= X32_SYSCALL_BIT && nr !== 0xffffffff ? 'x32' : 'x86_64';
  for (const a of abis.values()) if (a.audit === arch) return a.name;
  return undefined;
}

const anywhere = new Set(
  [...Object.values(texts), elsewhere].flatMap((text) => text.split(' ').filter((word) => !isNumber(word))),
);

// Those of the processor lie ready in the planner's image, and a start reads none.
const native = nativeAbi();
for (const name of native ? abisOf(native) : []) table(name);

/** Whether any architecture's kernel has a call of this name (in x86, calls behind socketcall and ipc too). */
export const isCallAnywhere = (name: string): boolean => anywhere.has(name);
