/**
 * koffi, loaded when the first system call is wanted and not before: the addon itself, as
 * its JavaScript around it costs three times as long and only looks for the addon.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as Koffi from 'koffi';

let loaded: typeof Koffi | undefined;

/** The koffi API. Throws an `Error` where the addon of this platform is not installed. */
export function koffi(): typeof Koffi {
  if (loaded) return loaded;
  const module = { exports: {} };
  process.dlopen(module, addonPath());
  loaded = module.exports as typeof Koffi;
  return loaded;
}

/**
 * Where the addon is: beside the planner's bundle; beside the planner that is one
 * executable; or, from source and in a library, in koffi's package for this platform.
 */
function addonPath(): string {
  for (const dir of [import.meta.dirname, dirname(process.execPath)]) {
    const beside = join(dir, 'koffi.node');
    if (existsSync(beside)) return beside;
  }
  const { arch } = process;
  const name = `@koromix/koffi-linux-${arch}`;
  try {
    const found = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return join(dirname(found), `${isMusl() ? 'musl' : 'linux'}_${arch}`, 'koffi.node');
  } catch (cause) {
    throw new Error(`system calls need the package ${name}, which is not installed`, { cause });
  }
}

/** Whether this Node is linked with musl: its loader is then among what is mapped. */
const isMusl = (): boolean => readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-');

let libc: Koffi.LibraryHandle | undefined;

/** The C library that this process is linked with. */
const library = (): Koffi.LibraryHandle => {
  libc ??= koffi().load(null);
  return libc;
};

export type Native = (...args: never[]) => number;

/**
 * A function of the C library by its prototype, bound at its first call:
 *
 *     const umount2 = native<(target: Path, flags: number) => number>('int umount2(const char *target, int flags)');
 */
export function native<F extends Native>(prototype: string): F {
  let bound: F | undefined;
  return ((...args: never[]) => {
    bound ??= library().func(prototype) as unknown as F;
    return bound(...args);
  }) as F;
}
