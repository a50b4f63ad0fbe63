import { Failure, readStdin, UsageError } from '@ctr-tools/cli';
import { readFile, type SystemError } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { defaultProfile } from './default-profile.ts';
import type { DockerProfile } from './profile/types.ts';
import { validate } from './profile/validate.ts';

/** Where a profile comes from: a name of ours, or a file; `-` is stdin. */
export type Source = { name: 'default' | 'unconfined' } | { file: string };

const names = new Map<string, Source>([
  ['default', { name: 'default' }],
  ['unconfined', { name: 'unconfined' }],
  ['none', { name: 'unconfined' }],
]);

/** Whether an operand is the path of a file, or stdin, and not a name. */
export const isFile = (word: string): boolean =>
  !names.has(word) && (word === '-' || word.includes('/') || word.endsWith('.json'));

/** What an operand means. A name never means a file: files have a slash or end in `.json`. Throws `UsageError`. */
export function sourceOf(word: string): Source {
  const named = names.get(word);
  if (named) return named;
  if (isFile(word)) return { file: word };
  throw new UsageError(
    `there is no profile "${word}"; there are default and unconfined, and files: ./${word}`,
  );
}

export const nameOf = (source: Source): string => ('name' in source ? source.name : source.file);

/** The bytes of a file, or of stdin for `-`. Throws a `Failure`. */
export function bytesOf(file: string): Uint8Array {
  if (file === '-') {
    const read = readStdin();
    if (!read) throw new Failure('read the profile from stdin: it is closed');
    return read;
  }
  try {
    return readFile(file);
  } catch (error) {
    const { code, message } = error as SystemError;
    throw new Failure(`read ${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
}

/**
 * A profile by name or from a file: OCI's, Docker's, or a whole spec, whose `linux.seccomp`
 * is taken. `undefined` means no filter. Throws a `Failure` that names the place.
 */
export function readProfile(source: Source): DockerProfile | undefined {
  if ('name' in source) return source.name === 'default' ? defaultProfile() : undefined;
  return parseProfile(bytesOf(source.file), source.file === '-' ? 'stdin' : source.file);
}

/** The profile in a document called `name`. */
export function parseProfile(bytes: Uint8Array, name: string): DockerProfile | undefined {
  const document = parseJson(bytes, name);
  const spec = document as { ociVersion?: unknown; linux?: { seccomp?: unknown } } | null;
  if (typeof spec !== 'object' || spec === null || typeof spec.ociVersion !== 'string')
    return validate(document, name);
  const own = spec.linux?.seccomp;
  return own === undefined || own === null ? undefined : validate(own, name, 'linux.seccomp');
}
