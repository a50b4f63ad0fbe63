import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { err, Failure, type Host } from '@ctr-tools/cli';
import type { LinuxSeccomp, Spec } from '@ctr-tools/oci';
import type { AnyStep, Int, Template } from '@ctr-tools/plan';
import { slot, template } from '@ctr-tools/plan';
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import { type AbiName, nativeAbi } from './abi.ts';
import { complaints } from './complaints.ts';
import type { SeccompOptions } from './options.ts';
import { normalize } from './profile/normalize.ts';
import { kernelAtLeast, select } from './profile/select.ts';
import { nameOf, readProfile } from './source.ts';
import { stockFilter } from './stock.ts';

export interface SeccompFacts {
  /** `apply`: the command of a chain. `amend`: a spec in a pipe. `oci`: a container's process. */
  mode: 'apply' | 'amend' | 'oci';
  native: AbiName;
  /** `uname -r` */
  kernel: string;
  /** The options' profiles, for this machine; `undefined` for none. */
  profiles: readonly (LinuxSeccomp | undefined)[];
  /** The first profile's filter, where that is the default profile and lies compiled. */
  stock?: Uint8Array;
  /** What this kernel's filters may answer, as it spells them; undefined where it does not say. */
  actions?: ReadonlySet<string>;
  /** Whether the process may load a filter without no_new_privs: it has CAP_SYS_ADMIN, or no_new_privs already. */
  privileged: boolean;
  /** OCI state for the listener's socket, the PID a slot. */
  state: Template;
}

/** The ABI of this machine. Throws a `Failure` on one that there is no table for. */
export function machine(): AbiName {
  const native = nativeAbi();
  if (!native) throw new Failure(`seccomp filters for the processor ${process.arch} cannot be compiled yet`);
  return native;
}

interface Status {
  bounding: bigint;
  effective: bigint;
  noNewPrivs: boolean;
}

const ALL = (1n << 64n) - 1n;

/** proc_pid_status(5) */
function readStatus(pid: number | 'self'): Status {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mask = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(text)?.[1] ?? '0'}`);
  return { bounding: mask('CapBnd'), effective: mask('CapEff'), noNewPrivs: /^NoNewPrivs:\s*1/m.test(text) };
}

/** Of the process that becomes the command, after the links before this one. */
function statusOf(host: Host): Status {
  const status = readStatus(host.pid);
  for (const step of host.earlier ?? []) applyStep(status, step);
  return status;
}

const number = (value: unknown): bigint => BigInt.asUintN(64, BigInt(value as Exclude<Int, object>));

function applyStep(status: Status, { op, args, side }: AnyStep): void {
  if (side !== 'container') return;
  if (op === 'bounding') status.bounding &= number(args.keep);
  else if (op === 'capset') status.effective = number(args.effective);
  else if (op === 'no_new_privs') status.noNewPrivs = true;
  // A new user namespace comes with all capabilities in it (user_namespaces(7)).
  else if (op === 'unshare' && number(args.flags) & 0x10000000n) status.effective = ALL;
}

const SYS_ADMIN = 1n << 21n;

const namesOf = (mask: bigint): Set<string> => new Set(capabilitiesOf(mask).map(capabilityName));

/** The kernel that conditions are asked about. */
export const machineKernel = (options: SeccompOptions): string => options.kernel ?? release();

/** The capabilities that conditions are asked about when nothing is run: as asked for, else our own bounding set. */
export function machineCaps(options: SeccompOptions): ReadonlySet<string> {
  return options.caps ?? namesOf(readStatus('self').bounding);
}

/** The actions that this kernel knows (Linux 4.14 and later say so). */
export function availableActions(): ReadonlySet<string> | undefined {
  try {
    return new Set(readFileSync('/proc/sys/kernel/seccomp/actions_avail', 'latin1').trim().split(/\s+/));
  } catch {
    return undefined;
  }
}

function stateOf(host: Host): Template {
  if (host.container) return host.container.state('creating');
  const rest = JSON.stringify({ bundle: host.cwd, annotations: {} }).slice(1);
  return template`{"ociVersion":"1.2.0","id":"seccomp-load-${host.pid}","status":"creating","pid":${slot('child.pid')},${rest}`;
}

/** The impure step: profiles, the kernel's abilities, the caller's privileges. */
export function gatherSeccomp(options: SeccompOptions | undefined, spec: Spec, host: Host): SeccompFacts {
  const native = options?.abi ?? machine();
  const mode = options ? (options.applies ? 'apply' : 'amend') : 'oci';
  const status = mode === 'amend' ? undefined : statusOf(host);
  const kernel = options ? machineKernel(options) : release();
  const caps =
    options?.caps ?? (mode === 'amend' ? new Set(spec.process?.capabilities?.bounding) : undefined);
  const actions = mode === 'amend' ? undefined : availableActions();
  const bounding = caps ?? (status ? namesOf(status.bounding) : new Set<string>());
  const first = options?.profiles[0];
  const isDefault = first !== undefined && 'name' in first && first.name === 'default';
  const stock =
    isDefault && mode === 'apply' && kernelAtLeast(kernel, '4.8') ? stockFilter(native, bounding) : undefined;
  return {
    mode,
    native,
    kernel,
    profiles: (options?.profiles ?? []).map((source) => {
      const profile = readProfile(source);
      if (!profile) return undefined;
      const selected = select(profile, { abi: native, kernel, caps: bounding });
      if (!('name' in source)) complain(selected, native, nameOf(source), options!.strict);
      return selected;
    }),
    ...(stock && { stock }),
    ...(actions && { actions }),
    privileged: status ? (status.effective & SYS_ADMIN) !== 0n || status.noNewPrivs : false,
    state: stateOf(host),
  };
}

/** Names that no kernel has: an error where passing them over would let something through, else a warning. */
function complain(seccomp: LinuxSeccomp, native: AbiName, name: string, strict: boolean): void {
  const { errors, warnings } = complaints(normalize(seccomp, native));
  const fatal = strict ? [...errors, ...warnings] : errors;
  if (fatal.length > 0) throw new Failure(`${name}: ${fatal[0]}`);
  for (const warning of warnings) err(`seccomp-load: ${name}: ${warning}\n`);
}
