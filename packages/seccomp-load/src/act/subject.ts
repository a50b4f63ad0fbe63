import { err, Failure, UsageError } from '@ctr-tools/cli';
import { arch, needNode } from '@ctr-tools/host';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import type { AbiName } from '../abi.ts';
import { TooLong } from '../bpf/assembler.ts';
import { decode, type Instruction } from '../bpf/program.ts';
import { compile } from '../compiler.ts';
import { complain } from '../complaints.ts';
import { without } from '../deny.ts';
import { machine, machineCaps, machineKernel } from '../gather.ts';
import type { SeccompOptions } from '../options.ts';
import { normalize } from '../profile/normalize.ts';
import { rulesFor, select } from '../profile/select.ts';
import type { DockerProfile, DockerSyscall, Profile } from '../profile/types.ts';
import { bytesOf, nameOf, parseProfile, type Read, readProfile, type Source } from '../source.ts';

/** What an act is about: a profile and its program, or a compiled filter alone. */
export interface Subject {
  name: string;
  bytes: Uint8Array;
  program: Instruction[];
  profile?: Profile;
  /** Whether rules of it count for some capabilities only. */
  conditional?: boolean;
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
export function subjectOf(source: Exclude<Source, { pid: number }>, options: SeccompOptions): Subject {
  const name = nameOf(source);
  const abi = nativeFor(options);
  let read: Read;
  if ('file' in source) {
    const bytes = bytesOf(source.file);
    if (isProgram(bytes)) {
      if (options.deny.length > 0)
        throw new Failure(`${name} is compiled; --deny takes calls from a profile`);
      return { name, bytes, program: programOf(bytes, name) };
    }
    read = parseProfile(bytes, name);
  } else read = readProfile(source);
  const profile = read.profile && without(read.profile, options.deny);
  if (!profile) return { name, bytes: permitAll, program: decode(permitAll) };
  const host = { abi, kernel: machineKernel(options), caps: machineCaps(options) };
  const normal = normalize(select(profile, host), abi);
  if ('file' in source) complain(name, read, normal, options);
  const bytes = compiled(normal, name);
  return {
    name,
    bytes,
    program: decode(bytes),
    profile: normal,
    rules: rulesFor(profile, host),
    conditional: asksForCaps(profile),
  };
}

const asksForCaps = ({ syscalls = [] }: DockerProfile): boolean =>
  syscalls.some(({ includes, excludes }) => includes?.caps?.length || excludes?.caps?.length);

/** Say whose answer it is that follows: root's is another than that for a container. */
function sayWhose(subjects: readonly Subject[], options: SeccompOptions): void {
  if (options.caps || !subjects.some(({ conditional }) => conditional)) return;
  const { size } = machineCaps(options);
  err(
    `seccomp-load: asked for the caller, who has ${size || 'no'} ${size === 1 ? 'capability' : 'capabilities'} ` +
      'in its bounding set; --caps docker, none, LIST or PID asks for another\n',
  );
}

/** The filters of a running process, the oldest first. Throws a `Failure` where there are none, or none to be read. */
async function subjectsOfProcess(pid: number): Promise<Subject[]> {
  needNode('reading the filters of a process');
  const filters = (await import('./attached.ts')).readFilters(pid);
  if (typeof filters === 'string') throw new Failure(`PID ${pid}: ${filters}`);
  if (filters.length === 0) throw new Failure(`PID ${pid} is under no filter`);
  const nameOfFilter = (i: number) =>
    filters.length === 1 ? `PID ${pid}` : `filter ${i + 1} of ${filters.length} of PID ${pid}`;
  return filters.map((bytes, i) => ({
    name: nameOfFilter(i),
    bytes,
    program: programOf(bytes, nameOfFilter(i)),
  }));
}

/**
 * All operands, and before them the filters of the process of `--show=PID`. Throws `UsageError` unless there
 * are `count` of them (any number if 0).
 */
export async function subjectsOf(options: SeccompOptions, act: string, count = 1): Promise<Subject[]> {
  if (options.profiles.length === 0)
    throw new UsageError(`--${act} needs a profile: seccomp-load default --${act}`);
  const subjects: Subject[] = [];
  for (const source of options.profiles)
    if ('pid' in source) subjects.push(...(await subjectsOfProcess(source.pid)));
    else subjects.push(subjectOf(source, options));
  const given = subjects.length;
  if (count > 0 && given !== count)
    throw new UsageError(`--${act} takes ${count === 1 ? 'one profile' : `${count} profiles`}, not ${given}`);
  sayWhose(subjects, options);
  return subjects;
}

/** The comment of the rule that a place such as `syscalls[3].args[0]` is in. */
export function commentAt(subject: Subject, at: string): string | undefined {
  const index = /^syscalls\[(\d+)\]/.exec(at)?.[1];
  return index === undefined ? undefined : subject.rules?.[Number(index)]?.comment;
}
