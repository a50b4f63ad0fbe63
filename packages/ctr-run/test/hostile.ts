/** An image that leads its commands out of the container, to a directory of the host that somebody has open (CVE-2024-21626). */
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { tempDir } from '../../../test/support.ts';
import { writeProgram } from '../../../test/tiny-program.ts';
import { busyboxRoot } from './bundles.ts';

/** Numbers under which something may be open: ours, and the caller's as 3. */
export const numbers = [3, 4, 5, 6];
export const escaped = 'a program of the host runs';

/** A directory of the host, deep enough, with a program in it; and a root with links to that through each descriptor. */
export function hostile(path = tempDir('hostile')) {
  const host = tempDir('host');
  writeProgram(`${host}/program`, escaped, 7);
  writeFileSync(`${host}/secret`, 'of the host\n');
  mkdirSync(`${host}/leaked`);
  busyboxRoot(path);
  const up = '../'.repeat(20);
  for (const n of numbers)
    symlinkSync(`/proc/self/fd/${n}/${up}${host.slice(1)}/program`, `${path}/bin/by-${n}`);
  return { host, path };
}

/** Call with a directory of the host open, to be left so to what is called: as 3, and for hooks, whose 3 is ours, as 5. */
export function leaking<T>(host: string, call: (fd: number) => T): T {
  const fd = openSync(`${host}/leaked`, 'r');
  try {
    return call(fd);
  } finally {
    closeSync(fd);
  }
}
