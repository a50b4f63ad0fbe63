import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinuxSeccomp } from '@ctr-tools/oci';
import type { AbiName } from '../src/abi.ts';
import { decode, type Instruction } from '../src/bpf/program.ts';
import { normalize } from '../src/profile/normalize.ts';

/** Why the peer cannot be asked here, or undefined. */
export const missing: string | undefined =
  process.arch !== 'x64'
    ? 'the comparison is written for x86_64'
    : existsSync('/usr/include/seccomp.h') && spawnSync('cc', ['--version']).status === 0
      ? undefined
      : 'libseccomp-dev or a C compiler is not installed';

/** SCMP_ARCH_* of seccomp.h; x32 has a number of libseccomp's own. */
const tokens: Record<AbiName, number> = {
  x86_64: 0xc000003e,
  x86: 0x40000003,
  x32: 0x4000003e,
  aarch64: 0xc00000b7,
  arm: 0x40000028,
  riscv64: 0xc00000f3,
};

/** enum scmp_compare */
const operators = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 };

let dir: string | undefined;

/** Compile one of the C programs beside this file, once. `cleanUp` removes them. */
export function build(name: string, ...flags: string[]): string {
  dir ??= mkdtempSync(join(tmpdir(), 'seccomp-load-test-'));
  const to = join(dir, name);
  if (!existsSync(to))
    execFileSync('cc', ['-O1', '-o', to, join(import.meta.dirname, `${name}.c`), ...flags]);
  return to;
}

export function cleanUp(): void {
  if (dir) rmSync(dir, { recursive: true });
  dir = undefined;
}

export interface Peer {
  bytes: Buffer;
  program: Instruction[];
  /** Names that libseccomp does not know. */
  unknown: Set<string>;
}

/** Compile a profile with libseccomp as runc does: rules of the default's action passed over, the native ABI in. */
export function compileWithLibseccomp(seccomp: LinuxSeccomp, optimize = 2): Peer {
  const profile = normalize(seccomp, 'x86_64');
  const lines = [`default ${profile.defaultAction}`];
  for (const abi of profile.abis.slice(1)) lines.push(`arch ${tokens[abi]}`);
  if (optimize === 2) lines.push('optimize 2');
  for (const rule of profile.rules) {
    if (rule.idle) continue;
    const args = rule.args.map((a) => `${a.index} ${operators[a.op]} ${a.value} ${a.two}`).join(' ');
    for (const name of rule.names) lines.push(`rule ${rule.action} ${name} ${args}`);
  }
  const done = spawnSync(build('export', '-lseccomp'), {
    input: `${lines.join('\n')}\n`,
    maxBuffer: 1 << 24,
  });
  if (done.status !== 0) throw new Error(`libseccomp: ${done.stderr}`);
  const unknown = new Set(
    done.stderr
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('unknown '))
      .map((line) => line.slice(8)),
  );
  return { bytes: done.stdout, program: decode(done.stdout), unknown };
}

/** The profile without these calls. */
export function without(seccomp: LinuxSeccomp, names: ReadonlySet<string>): LinuxSeccomp {
  const syscalls = (seccomp.syscalls ?? [])
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.has(name)) }))
    .filter((rule) => rule.names.length > 0);
  return { ...seccomp, syscalls };
}
