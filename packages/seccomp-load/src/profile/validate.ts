import { Failure } from '@ctr-tools/cli';
import {
  type LinuxSeccomp,
  seccompActions,
  seccompArchs,
  seccompFlags,
  seccompOperators,
} from '@ctr-tools/oci';
import { takesErrno } from '../actions.ts';
import { errnoOf } from '../errno.ts';
import type { DockerProfile } from './types.ts';

type Json = Record<string, unknown>;

/** The kernel's largest errno (`MAX_ERRNO` of `linux/err.h`); a filter's larger one is cut down to it. */
const MAX_ERRNO = 4095;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** Checks one document; every complaint names the place as a path: `config.json: linux.seccomp.syscalls[3].args[0].op: …`. */
class Checker {
  private readonly file: string;
  constructor(file: string) {
    this.file = file;
  }

  fail(at: string, what: string): never {
    throw new Failure(`${this.file}: ${at || 'the document'} ${what}`);
  }

  object(value: unknown, at: string): Json {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.fail(at, `must be an object, not ${kind(value)}`);
    return value as Json;
  }

  list(value: unknown, at: string): unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) this.fail(at, `must be a list, not ${kind(value)}`);
    return value as unknown[];
  }

  text(value: unknown, at: string): string {
    if (typeof value !== 'string') this.fail(at, `must be a string, not ${kind(value)}`);
    return value as string;
  }

  optionalText(value: unknown, at: string): void {
    if (value !== undefined && value !== null) this.text(value, at);
  }

  oneOf(value: unknown, known: readonly string[], at: string): string {
    const word = this.text(value, at);
    if (!known.includes(word))
      this.fail(at, `is ${JSON.stringify(word)}, which is none of ${known.join(' ')}`);
    return word;
  }

  integer(value: unknown, at: string, max: bigint): bigint {
    const ok = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
    if (!ok) this.fail(at, `must be a whole number from 0 to ${max}, not ${kind(value)}`);
    const number = BigInt(value as number);
    if (number < 0n || number > max) this.fail(at, `is ${number}; it must be from 0 to ${max}`);
    return number;
  }

  texts(value: unknown, at: string): void {
    for (const [i, item] of this.list(value, at).entries()) this.text(item, `${at}[${i}]`);
  }
}

function kind(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object'
    ? 'an object'
    : JSON.stringify(typeof value === 'bigint' ? String(value) : value);
}

/** `action` with its errno, given as `errnoRet` (a number) or, as podman has it, `errno` (a name). */
function action(c: Checker, json: Json, at: string, key: string, numberKey: string, nameKey: string): void {
  const word = c.oneOf(json[key], seccompActions, path(at, key));
  const number = json[numberKey];
  const name = json[nameKey];
  for (const [k, given] of [
    [numberKey, number],
    [nameKey, name],
  ] as const)
    if (given !== undefined && given !== null && given !== '' && !takesErrno(word))
      c.fail(path(at, k), `is set, but ${word} has no errno (only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have)`);
  if (number !== undefined && number !== null)
    c.integer(number, path(at, numberKey), word === 'SCMP_ACT_TRACE' ? 0xffffn : BigInt(MAX_ERRNO));
  else if (typeof name === 'string' && name !== '') {
    const found = errnoOf(name);
    if (found === undefined)
      c.fail(path(at, nameKey), `is ${JSON.stringify(name)}, which is no errno's name`);
    json[numberKey] = found;
  }
  delete json[nameKey];
}

const path = (at: string, key: string): string => (at ? `${at}.${key}` : key);

function condition(c: Checker, value: unknown, at: string): void {
  if (value === undefined || value === null) return;
  const json = c.object(value, at);
  c.texts(json.caps, path(at, 'caps'));
  c.texts(json.arches, path(at, 'arches'));
  if (json.minKernel === undefined || json.minKernel === null || json.minKernel === '') return;
  const version = c.text(json.minKernel, path(at, 'minKernel'));
  if (!/^\d+\.\d+$/.test(version))
    c.fail(path(at, 'minKernel'), `is ${JSON.stringify(version)}; a version like "4.8" was expected`);
}

function argument(c: Checker, value: unknown, at: string): void {
  const json = c.object(value, at);
  c.integer(json.index, path(at, 'index'), 5n);
  c.integer(json.value, path(at, 'value'), MAX_U64);
  if (json.valueTwo !== undefined && json.valueTwo !== null)
    c.integer(json.valueTwo, path(at, 'valueTwo'), MAX_U64);
  c.oneOf(json.op, seccompOperators, path(at, 'op'));
}

function syscall(c: Checker, value: unknown, at: string): void {
  const json = c.object(value, at);
  const names = c.list(json.names, path(at, 'names'));
  c.texts(names, path(at, 'names'));
  if (json.name !== undefined && json.name !== '') {
    if (names.length > 0) c.fail(at, 'has both "name" and "names"; it may have one');
    json.names = [c.text(json.name, path(at, 'name'))];
  } else if (names.length === 0) c.fail(path(at, 'names'), 'must name at least one system call');
  delete json.name;
  action(c, json, at, 'action', 'errnoRet', 'errno');
  for (const [i, arg] of c.list(json.args, path(at, 'args')).entries())
    argument(c, arg, `${path(at, 'args')}[${i}]`);
  condition(c, json.includes, path(at, 'includes'));
  condition(c, json.excludes, path(at, 'excludes'));
}

/** A copy of a JSON value, whose own properties may have any name. */
function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item)]));
}

/**
 * Check a profile, OCI's or Docker's, and give it back with podman's and old Docker's
 * spellings (`errno`, `name`) made one. `undefined` for the empty profile, which by Docker's
 * rule means none. Throws a `Failure` that names the file and the path in it.
 *
 * Source: config-linux.md "Seccomp"; moby/profiles seccomp/seccomp_linux.go.
 */
export function validate(document: unknown, file: string, at = ''): DockerProfile | undefined {
  const c = new Checker(file);
  const json = copied(c.object(document, at)) as Json;
  const syscalls = c.list(json.syscalls, path(at, 'syscalls'));
  if ((json.defaultAction === undefined || json.defaultAction === '') && syscalls.length === 0)
    return undefined;
  action(c, json, at, 'defaultAction', 'defaultErrnoRet', 'defaultErrno');
  const architectures = c.list(json.architectures, path(at, 'architectures'));
  for (const [i, arch] of architectures.entries())
    c.oneOf(arch, seccompArchs, `${path(at, 'architectures')}[${i}]`);
  const archMap = c.list(json.archMap, path(at, 'archMap'));
  if (architectures.length > 0 && archMap.length > 0)
    c.fail(at, 'has both "architectures" and "archMap"; it may have one');
  for (const [i, entry] of archMap.entries()) {
    const here = `${path(at, 'archMap')}[${i}]`;
    const map = c.object(entry, here);
    c.oneOf(map.architecture, seccompArchs, path(here, 'architecture'));
    for (const [j, sub] of c.list(map.subArchitectures, path(here, 'subArchitectures')).entries())
      c.oneOf(sub, seccompArchs, `${path(here, 'subArchitectures')}[${j}]`);
  }
  for (const [i, flag] of c.list(json.flags, path(at, 'flags')).entries())
    c.oneOf(flag, seccompFlags, `${path(at, 'flags')}[${i}]`);
  c.optionalText(json.listenerPath, path(at, 'listenerPath'));
  c.optionalText(json.listenerMetadata, path(at, 'listenerMetadata'));
  if (json.listenerMetadata && !json.listenerPath)
    c.fail(path(at, 'listenerMetadata'), 'is set, but listenerPath is not (config-linux.md)');
  for (const [i, entry] of syscalls.entries()) syscall(c, entry, `${path(at, 'syscalls')}[${i}]`);
  return json as unknown as DockerProfile;
}

/** Check the `linux.seccomp` of a spec. */
export function validateSpec(seccomp: unknown): LinuxSeccomp | undefined {
  return validate(seccomp, 'config.json', 'linux.seccomp') as LinuxSeccomp | undefined;
}
