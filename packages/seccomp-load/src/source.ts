import { Failure, readStdin, UsageError } from '@ctr-tools/cli';
import { readFile, type SystemError } from '@ctr-tools/host';
import { type LinuxSeccomp, parseJson, validateSpec } from '@ctr-tools/oci';
import { texts } from './complaints.ts';
import { defaultProfile } from './default-profile.ts';
import type { DockerProfile } from './profile/types.ts';
import { validate } from './profile/validate.ts';

/** Where a profile comes from: a name of ours, or a file; `-` is stdin. */
export type Source = { name: 'default' | 'unconfined' | 'everything' } | { file: string } | { pid: number };

/** What `--deny` alone takes its calls from: all that the machine's programs can call. */
export const everything: Source = { name: 'everything' };

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

export function nameOf(source: Source): string {
  if ('pid' in source) return `PID ${source.pid}`;
  return 'name' in source ? source.name : source.file;
}

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

/** A profile with what is to be said of it. */
export interface Read {
  /** `undefined` means no filter. */
  profile: DockerProfile | undefined;
  /** Names that are read as others, or not at all. */
  warnings: readonly string[];
}

/**
 * A profile by name or from a file: OCI's, Docker's, or a whole spec, whose `linux.seccomp` is taken. Throws a
 * `Failure`, `JsonError` or `SpecError` that names the place; what holds nothing to load is refused.
 */
export function readProfile(source: Source): Read {
  // Only acts take a process, and read its filters themselves.
  if ('pid' in source)
    throw new UsageError(`--show=${source.pid} names a process to ask about, not a profile`);
  if ('name' in source) return { profile: named(source.name), warnings: [] };
  return parseProfile(bytesOf(source.file), source.file === '-' ? 'stdin' : source.file);
}

function named(name: 'default' | 'unconfined' | 'everything'): DockerProfile | undefined {
  if (name === 'unconfined') return undefined;
  const profile = defaultProfile;
  if (name === 'default') return profile;
  return { defaultAction: 'SCMP_ACT_ALLOW', archMap: profile.archMap!, syscalls: [] };
}

/** The profile in a document called `name`. */
export function parseProfile(bytes: Uint8Array, name: string): Read {
  const document = parseJson(bytes, name);
  if (isSpec(document)) return profileOfSpec(document, name);
  const { value, warnings } = validate(document, name);
  return { profile: value, warnings: texts(warnings) };
}

const isSpec = (document: unknown): boolean =>
  typeof document === 'object' &&
  document !== null &&
  Object.keys(document).some((key) => key.toLowerCase() === 'ociversion');

/** A spec's filter is what a runtime makes of it: what Docker adds to a profile is not known there. */
function profileOfSpec(document: unknown, name: string): Read {
  const { value: spec, warnings } = validateSpec(document, 'draft', name);
  const { seccomp } = spec.linux ?? {};
  if (!seccomp)
    throw new Failure(
      `${name}: linux.seccomp is missing, so there is nothing to load; unconfined is the name for no filter`,
    );
  const { value } = validate(ociOnly(seccomp), `${name}: linux.seccomp`, { groups: false });
  return { profile: value, warnings: texts(warnings) };
}

function ociOnly(seccomp: LinuxSeccomp): unknown {
  const { defaultAction, defaultErrnoRet, architectures, flags, listenerPath, listenerMetadata } = seccomp;
  const syscalls = seccomp.syscalls?.map(({ names, action, errnoRet, args }) => ({
    names,
    action,
    errnoRet,
    args,
  }));
  return {
    defaultAction,
    defaultErrnoRet,
    architectures,
    flags,
    listenerPath,
    listenerMetadata,
    syscalls,
  };
}
