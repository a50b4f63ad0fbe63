/** The kernel's files for policy (Documentation/admin-guide/LSM/apparmor.rst; security/apparmor/apparmorfs.c). */
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import { apparmorfs } from '../modules.ts';

/** Directory of a policy namespace; `a//b` is b inside a. */
export function namespaceDirectory(namespace: string | undefined): string {
  const parts = namespace === undefined ? [] : namespace.split('//');
  return parts.reduce(
    (at, name) => join(at, 'namespaces', name),
    namespace === undefined ? apparmorfs : join(apparmorfs, 'policy'),
  );
}

/** The namespace's directory, made if it is missing: mkdir in this file system makes the namespace. */
export function madeNamespace(namespace: string | undefined): string {
  const directory = namespaceDirectory(namespace);
  if (!existsSync(directory))
    try {
      makeDirectories(directory);
    } catch (error) {
      throw new Failure(`make the policy namespace ${namespace}: ${(error as Error).message}`);
    }
  return directory;
}

const answers: Record<string, string> = {
  EACCES: 'this takes root (CAP_MAC_ADMIN)',
  EPERM: 'this takes root (CAP_MAC_ADMIN), or a profile of this name is loaded that may not be replaced',
  EEXIST: 'a profile of this name is loaded; --replace replaces it',
  ENOENT: 'no such profile is loaded (aa-confine --list)',
  EPROTONOSUPPORT: 'this kernel cannot read what this apparmor_parser writes; they are of too different age',
  EPROTO: 'the kernel cannot read the compiled profile',
};

/** One write from the beginning, which is all that the kernel takes. */
export function writePolicy(
  directory: string,
  file: '.load' | '.replace' | '.remove',
  data: Uint8Array,
  doing: string,
): void {
  try {
    const fd = openSync(join(directory, file), 'w');
    try {
      writeSync(fd, data, 0, data.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const hint = answers[code];
    throw new Failure(`${doing}: ${hint ? `${code}; ${hint}` : message}`);
  }
}
