import { Failure, UsageError } from '@ctr-tools/cli';
import { arch } from '@ctr-tools/host';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import type { AbiName } from '../abi.ts';
import { TooLong } from '../bpf/assembler.ts';
import { decode, type Instruction } from '../bpf/program.ts';
import { compile } from '../compiler.ts';
import { complain } from '../complaints.ts';
import { machine, machineCaps, machineKernel } from '../gather.ts';
import type { SeccompOptions } from '../options.ts';
import { normalize } from '../profile/normalize.ts';
import { rulesFor, select } from '../profile/select.ts';
import type { DockerSyscall, Profile } from '../profile/types.ts';
import { bytesOf, nameOf, parseProfile, type Read, readProfile, type Source } from '../source.ts';

/** What an act is about: a profile and its program, or a compiled filter alone. */
export interface Subject {
  name: string;
  bytes: Uint8Array;
  program: Instruction[];
  profile?: Profile;
  /** The profile's rules as they were written, comments and all; `syscalls[3]` is the fourth. */
  rules?: readonly DockerSyscall[];
}

/** `ret allow` alone: what `unconfined` comes to. */
const permitAll = new Uint8Array(new Uint32Array([6, SECCOMP_RET.ALLOW]).buffer);

/** A compiled filter, and no text: its first instruction begins with a code's byte and a zero. */
const isProgram = (bytes: Uint8Array): boolean => bytes.length >= 8 && bytes[1] === 0;

function compiled(profile: Profile, name: string): Uint8Array {
  try {
    return compile(profile);
  } catch (error) {
    if (error instanceof TooLong) throw new Failure(`compile ${name}: ${error.message}`);
    throw error;
  }
}

/** Decode a compiled filter called `name`. Throws a `Failure`. */
export function programOf(bytes: Uint8Array, name: string): Instruction[] {
  try {
    return decode(bytes);
  } catch (error) {
    throw new Failure(`${name} is no compiled filter: ${(error as Error).message}`);
  }
}

/** The ABI that the machine in question calls its own: x32 and, on x86_64, x86 are guests. */
export function nativeFor(options: SeccompOptions): AbiName {
  const asked = options.abi;
  if (asked === 'x32' || (asked === 'x86' && arch === 'x64')) return 'x86_64';
  if (asked === 'arm' && arch === 'arm64') return 'aarch64';
  return asked ?? machine();
}

/** Read and compile one operand. */
export function subjectOf(source: Source, options: SeccompOptions): Subject {
  const name = nameOf(source);
  const abi = nativeFor(options);
  let read: Read;
  if ('file' in source) {
    const bytes = bytesOf(source.file);
    if (isProgram(bytes)) return { name, bytes, program: programOf(bytes, name) };
    read = parseProfile(bytes, name);
  } else read = readProfile(source);
  const { profile } = read;
  if (!profile) return { name, bytes: permitAll, program: decode(permitAll) };
  const host = { abi, kernel: machineKernel(options), caps: machineCaps(options) };
  const normal = normalize(select(profile, host), abi);
  if ('file' in source) complain(name, read, normal, options);
  const bytes = compiled(normal, name);
  return { name, bytes, program: decode(bytes), profile: normal, rules: rulesFor(profile, host) };
}

/** All operands. Throws `UsageError` unless there are `count` of them (any number if 0). */
export function subjectsOf(options: SeccompOptions, act: string, count = 1): Subject[] {
  const given = options.profiles.length;
  if (given === 0) throw new UsageError(`--${act} needs a profile: seccomp-load default --${act}`);
  if (count > 0 && given !== count)
    throw new UsageError(`--${act} takes ${count === 1 ? 'one profile' : `${count} profiles`}, not ${given}`);
  return options.profiles.map((source) => subjectOf(source, options));
}

/** ABIs that calls may come from on the machine in question. */
export const guestsOf = (native: AbiName): AbiName[] =>
  (
    ({ x86_64: ['x86_64', 'x86', 'x32'], aarch64: ['aarch64', 'arm'] }) as Partial<Record<AbiName, AbiName[]>>
  )[native] ?? [native];

/** The comment of the rule that a place such as `syscalls[3].args[0]` is in. */
export function commentAt(subject: Subject, at: string): string | undefined {
  const index = /^syscalls\[(\d+)\]/.exec(at)?.[1];
  return index === undefined ? undefined : subject.rules?.[Number(index)]?.comment;
}
