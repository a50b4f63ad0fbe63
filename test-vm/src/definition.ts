/** What goes into a box, and the name that follows from it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VmError } from './errors.ts';

const here = join(import.meta.dirname, '..');

/** Raised by hand where the way a box is made changes what is in it. */
const FORMAT = 1;

/** The kernels a box boots with; each boot of the tests takes one of them. */
export const kernels = ['6.12', '6.1'] as const;
export type Kernel = (typeof kernels)[number];

export interface Definition {
  /** Debian's releases: the box's own, and the one whose kernel still has all of cgroup v1. */
  suite: string;
  olderSuite: string;
  mirror: string;
  arch: 'amd64';
  packages: string[];
  /** Seconds since 1970 that every file is dated with at the latest (reproducible-builds.org). */
  epoch: number;
  /** UUID of the root file system, and seed of its directories' hashes. */
  uuid: string;
  /** Bytes of the virtual disk. */
  diskBytes: number;
  /** The scripts and keys that make it, by name. */
  files: Record<string, string>;
}

/** Package names of a list: one a line, `#` begins a remark. */
export function parsePackages(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean);
}

/** The box this tree describes. */
export function definition(
  env: NodeJS.ProcessEnv = process.env,
  processor: string = process.arch,
): Definition {
  // Kernels, QEMU and its machine are named for this one, and have been tried on no other.
  if (processor !== 'x64') throw new VmError(`the box is for x86-64 only, and this is ${processor}`);
  const read = (path: string): string => readFileSync(join(here, path), 'utf8');
  const lists = [read('packages'), read('../scripts/debian-packages')].flatMap(parsePackages);
  return {
    suite: 'trixie',
    olderSuite: 'bookworm',
    mirror: env.CTR_VM_MIRROR || 'http://deb.debian.org/debian',
    arch: 'amd64',
    packages: [...new Set(lists)].sort(),
    epoch: 1_750_000_000,
    uuid: '6a1c0de5-7e57-4b0c-9d0c-c7c700151008',
    diskBytes: 12 * 2 ** 30,
    files: Object.fromEntries(
      ['guest/prepare.sh', 'guest/setup.sh', 'guest/vagrant.pub'].map((name) => [name, read(name)]),
    ),
  };
}

/**
 * The name of the box: the same for the same content, another for any change. The mirror is
 * no part of it, because mirrors of one archive hold the same.
 */
export function hashOf(box: Definition): string {
  const { mirror: _, ...content } = box;
  const canonical = JSON.stringify([FORMAT, content], (_key, value: unknown) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(canonical).digest('hex').slice(0, 16);
}
