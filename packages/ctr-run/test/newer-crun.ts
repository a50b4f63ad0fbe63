/**
 * crun 1.21, as Debian 13 has it: the machine's own, or that package unpacked beside its libraries.
 * It has CVE-2026-30892 (1.19 to 1.26).
 */
import { findCommand, run, slower } from '../../../test/support.ts';
import { withoutUnified } from './peers.ts';
import { unpacked } from './unpacked.ts';

const packages = ['crun', 'libc6', 'libcap2', 'libseccomp2', 'libsystemd0', 'libyajl2'];

/** The words that call it, or why it cannot be had. */
export function newerCrun(): { words: string[] } | { lacks: string } {
  const own = slower > 1 ? undefined : findCommand('crun');
  if (own && / version 1\.(19|2[0-6])\b/.test(run(own, ['--version']).stdout))
    return { words: [...withoutUnified, own] };
  const found = unpacked('crun', 'trixie', packages);
  if ('lacks' in found) return found;
  const libraries = `${found.root}/usr/lib/x86_64-linux-gnu`;
  const loader = [`${libraries}/ld-linux-x86-64.so.2`, '--library-path', libraries];
  return { words: [...withoutUnified, ...loader, `${found.root}/usr/bin/crun`] };
}
