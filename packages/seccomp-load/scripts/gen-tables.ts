/**
 * Make src/tables/*.ts from the kernel's own headers.
 *
 *   node scripts/gen-tables.ts DIR VERSION
 *
 * DIR is an unpacked Debian package linux-libc-dev of trixie or later, which has the
 * headers of every architecture below usr/lib/linux/uapi:
 *
 *   apt-get download linux-libc-dev && dpkg-deb -x linux-libc-dev_*.deb DIR
 *
 * VERSION is the package's version, for the record. The headers are plain lists of
 * `#define __NR_name number` (`asm/unistd_64.h` and the like), so they are read and not
 * preprocessed; a base like `__X32_SYSCALL_BIT` counts as 0 here, and src/abi.ts adds it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [dir, version] = process.argv.slice(2);
if (!dir || !version) {
  console.error('usage: gen-tables.ts DIR VERSION');
  process.exit(2);
}
const uapi = join(dir, 'usr/lib/linux/uapi');
const out = new URL('../src/tables/', import.meta.url).pathname;

const sources = {
  x86_64: ['x86/asm/unistd_64.h'],
  x86: ['x86/asm/unistd_32.h'],
  x32: ['x86/asm/unistd_x32.h'],
  aarch64: ['arm64/asm/unistd_64.h'],
  arm: ['arm/asm/unistd-eabi.h', 'arm/asm/unistd.h'],
  riscv64: ['riscv/asm/unistd_64.h'],
} as const;

/** Numbers by name of one header. */
function readHeader(path: string): Map<string, number> {
  const found = new Map<string, number>();
  const line = /^#define\s+__(?:ARM_)?NR_(\w+)\s+(.+)$/gm;
  for (const [, name, value] of readFileSync(path, 'utf8').matchAll(line)) {
    const plain = value!.trim();
    const relative = /^\(\s*__(?:NR_SYSCALL_BASE|X32_SYSCALL_BIT)\s*\+\s*(\d+)\s*\)$/.exec(plain);
    const arm = /^\(__ARM_NR_BASE\+(\d+)\)$/.exec(plain);
    if (/^\d+$/.test(plain)) found.set(name!, Number(plain));
    else if (relative) found.set(name!, Number(relative[1]));
    else if (arm) found.set(name!, 0x0f0000 + Number(arm[1]));
    else if (plain === '__NR_arm_sync_file_range') found.set(name!, found.get('arm_sync_file_range') ?? 341);
  }
  // arm's own marks, no system calls
  for (const mark of ['BASE', 'OABI_SYSCALL_BASE', 'SYSCALL_BASE', 'SYSCALL_MASK', 'syscalls'])
    found.delete(mark);
  return found;
}

/**
 * `read write =17 pread64`: names in the order of their numbers, each one more than the
 * one before it, but where `=N` sets the number of the next name.
 */
function compact(numbers: Map<string, number>): string {
  let next = 0;
  const words: string[] = [];
  for (const [name, number] of [...numbers].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))) {
    if (number !== next) words.push(`=${number}`);
    words.push(name);
    next = number + 1;
  }
  return words.join(' ');
}

const head = (what: string) =>
  `// Made by scripts/gen-tables.ts from linux-libc-dev ${version}. Do not edit.\n\n/** ${what} */\n`;

const known = new Set<string>();
for (const [abi, files] of Object.entries(sources)) {
  const all = new Map<string, number>();
  for (const file of files) for (const [name, number] of readHeader(join(uapi, file))) all.set(name, number);
  for (const name of all.keys()) known.add(name);
  const text = compact(all);
  const lines = text.match(/.{1,96}(?: |$)/g)!.map((l) => `  '${l}'`);
  writeFileSync(
    join(out, `${abi}.ts`),
    `${head(`System calls of ${abi}: names by rising number; \`=N\` sets the next name's number.`)}export const ${abi} =\n${lines.join(' +\n')};\n`,
  );
}

const elsewhere = new Set<string>();
for (const arch of readdirSync(uapi)) {
  for (const file of readdirSync(join(uapi, arch, 'asm'))) {
    if (!/^unistd(?:[_-]\w+)?\.h$/.test(file)) continue;
    for (const name of readHeader(join(uapi, arch, 'asm', file)).keys()) {
      if (!known.has(name) && /^[a-z_]\w*$/.test(name) && !/^(?:Linux|reserved\d|unused\d)/.test(name))
        elsewhere.add(name);
    }
  }
}
const lines = [...elsewhere]
  .sort()
  .join(' ')
  .match(/.{1,96}(?: |$)/g)!
  .map((l) => `  '${l}'`);
writeFileSync(
  join(out, 'elsewhere.ts'),
  `${head('Names that only architectures without a table here know (mips, powerpc, s390 …): no typing mistakes.')}export const elsewhere =\n${lines.join(' +\n')};\n`,
);
writeFileSync(
  join(out, 'version.ts'),
  `${head('The kernel headers that the tables were made from.')}export const headers = 'linux-libc-dev ${version}';\n`,
);
