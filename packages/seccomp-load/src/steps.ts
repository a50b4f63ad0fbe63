import { Failure } from '@ctr-tools/cli';
import { type LinuxSeccomp, ociVersion, type Spec } from '@ctr-tools/oci';
import { type AnyStep, type Phase, peer, slot, step, template } from '@ctr-tools/plan';
import { SECCOMP_FILTER_FLAG, SECCOMP_RET, SECCOMP_RET_ACTION_FULL } from '@ctr-tools/sys/constants';
import { actionWord, describeReturn, permits } from './actions.ts';
import { TooLong } from './bpf/assembler.ts';
import { compile, notifies } from './compiler.ts';
import type { SeccompFacts } from './facts.ts';
import { normalize } from './profile/normalize.ts';
import { kernelAtLeast } from './profile/select.ts';
import type { Profile } from './profile/types.ts';

/** Kernels that brought a flag (seccomp(2)); an older one answers EINVAL. */
const since: Record<string, string> = {
  SECCOMP_FILTER_FLAG_LOG: '4.14',
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: '4.17',
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: '5.19',
};

const hints = {
  EACCES: 'it takes CAP_SYS_ADMIN or no_new_privs; set process.noNewPrivileges',
  EPERM: 'a filter that is loaded already refuses it',
  EINVAL: 'this kernel does not take the filter or one of its flags',
  ENOMEM: 'all filters of a process together may have 32768 instructions',
  EBUSY: 'the process has a listener already',
  ENOSYS: 'this kernel has no seccomp filters',
};

/** A filter ready to be loaded. */
export interface Filter {
  bytes: Uint8Array;
  flags: number;
  /** Whether a rule asks a supervisor. */
  listens: boolean;
  /** What it is called when loading it fails. */
  name: string;
}

/** The kernel must know every action before anything is touched: it takes an unknown one for kill (seccomp(2)). */
export function checkActions(profile: Profile, { actions }: SeccompFacts): void {
  if (!actions) return;
  for (const action of [profile.defaultAction, ...profile.rules.map((rule) => rule.action)]) {
    const word = actionWord(action);
    if (!actions.has(word))
      throw new Failure(
        `the seccomp action ${word} is not known to this kernel, which has ${[...actions].join(' ')} ` +
          '(/proc/sys/kernel/seccomp/actions_avail)',
      );
  }
}

/** What a profile answers a native call whatever its arguments, or undefined where they decide. */
export function answerTo(call: string, { rules, defaultAction }: Profile): number | undefined {
  const about = rules.filter((rule) => !rule.idle && rule.names.includes(call));
  const always = about.find((rule) => rule.args.length === 0);
  return about.length > 0 && !always ? undefined : (always?.action ?? defaultAction);
}

/** Under a filter that refuses every way to run a program there is nothing to load it for, nobody to say so, nor a way to end. */
function checkExec(profile: Profile, name: string): void {
  const answers = ['execve', 'execveat'].map((call) => answerTo(call, profile));
  const [first] = answers;
  if (first === undefined || answers.some((a) => a === undefined || permits(a) || asks(a))) return;
  throw new Failure(
    `${name} answers execve and execveat with ${describeReturn(first)}, so it could not run the command`,
  );
}

const asks = (action: number): boolean => (action & SECCOMP_RET_ACTION_FULL) >>> 0 === SECCOMP_RET.USER_NOTIF;

function flagsOf(seccomp: LinuxSeccomp, listens: boolean, kernel: string): number {
  let bits = listens ? SECCOMP_FILTER_FLAG.NEW_LISTENER : 0;
  for (const flag of seccomp.flags ?? []) {
    // One thread loads it, and exec leaves no other: there is nothing to synchronize.
    if (flag === 'SECCOMP_FILTER_FLAG_TSYNC') continue;
    // The kernel takes it only beside a listener.
    if (flag === 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' && !listens) continue;
    if (!kernelAtLeast(kernel, since[flag]!))
      throw new Failure(`${flag} needs Linux ${since[flag]}; this is ${kernel}`);
    bits |=
      SECCOMP_FILTER_FLAG[flag.slice('SECCOMP_FILTER_FLAG_'.length) as keyof typeof SECCOMP_FILTER_FLAG];
  }
  return bits;
}

/** Compile what a spec says. Throws a `Failure` for what this kernel cannot do. */
export function filterOf(seccomp: LinuxSeccomp, facts: SeccompFacts, name: string): Filter {
  if (facts.stock && seccomp.syscalls === facts.profiles[0]?.syscalls)
    return { bytes: facts.stock, flags: flagsOf(seccomp, false, facts.kernel), listens: false, name };
  const profile = normalize(seccomp, facts.native);
  checkActions(profile, facts);
  checkExec(profile, name);
  const listens = notifies(profile);
  try {
    return { bytes: compile(profile), flags: flagsOf(seccomp, listens, facts.kernel), listens, name };
  } catch (error) {
    if (error instanceof TooLong) throw new Failure(`compile ${name}: ${error.message}`);
    throw error;
  }
}

/** Load a filter. With a listener a sibling that the filter does not hold gives it to the host's side. */
export function loadSteps(filter: Filter, phase: Phase): AnyStep[] {
  const doing = `load ${filter.name}`;
  if (!filter.listens)
    return [
      step(
        phase,
        'seccomp',
        { filter: filter.bytes, flags: filter.flags, listener: slot('listener') },
        doing,
        { hints },
      ),
    ];
  return [
    step(phase, 'seccomp_pass', { filter: filter.bytes, flags: filter.flags, process: peer }, doing, {
      hints,
    }),
    step(phase, 'take', { process: peer, fd: slot('listener') }, 'take the seccomp listener', {
      side: 'host',
    }),
  ];
}

/** config-linux.md, "The Container Process State", and the descriptor with it. */
function sendSteps(seccomp: LinuxSeccomp, facts: SeccompFacts, phase: Phase): AnyStep[] {
  const path = seccomp.listenerPath;
  if (!path)
    throw new Failure(
      'the seccomp profile asks a supervisor (SCMP_ACT_NOTIFY) but names no listenerPath to find it by; give --listener SOCKET',
    );
  const metadata = seccomp.listenerMetadata ? `,"metadata":${JSON.stringify(seccomp.listenerMetadata)}` : '';
  const message = template`{"ociVersion":"${ociVersion}","fds":["seccompFd"],"pid":${slot('child.pid')}${metadata},"state":`;
  const data = { parts: [...message.parts, ...facts.state.parts, '}'] };
  return [
    step(phase, 'send_fds', { path, data, fds: [slot('listener')] }, `send the seccomp listener to ${path}`, {
      side: 'host',
      hints: {
        ENOENT: 'no such socket; is the agent running?',
        ECONNREFUSED: 'nobody listens there; is the agent running?',
      },
    }),
    step(phase, 'close', { fd: slot('listener') }, 'close the seccomp listener', { side: 'host' }),
  ];
}

/**
 * Where the filter goes: last. A container that is to wait for `start` shall not wait with the
 * capability that loading takes without no_new_privs, nor with a listener still to be handed over.
 */
const phaseOf = (spec: Spec, filter: Filter, { mode }: SeccompFacts): Phase =>
  mode === 'oci' && (filter.listens || !spec.process?.noNewPrivileges) ? 'seccomp-early' : 'seccomp-late';

/** What the kernel would refuse is known before the container is made, though the filter is loaded after. */
function checkSteps({ bytes, flags, name }: Filter, { mode }: SeccompFacts): AnyStep[] {
  if (mode !== 'oci') return [];
  const args = { bytes: bytes.length, flags };
  return [step('no-new-privs', 'seccomp_check', args, `load ${name}`, { hints })];
}

/** no_new_privs where nobody else sets it and a filter could not be loaded without. */
export function privilegeSteps(spec: Spec, { mode, privileged }: SeccompFacts): AnyStep[] {
  if (mode !== 'apply' || privileged || spec.process?.noNewPrivileges) return [];
  return [step('no-new-privs', 'no_new_privs', {}, 'set no_new_privs, as there is no CAP_SYS_ADMIN')];
}

/** The profiles to be loaded: what the spec says, and whatever operands came after. */
function profilesOf(spec: Spec, facts: SeccompFacts): LinuxSeccomp[] {
  const first = spec.linux?.seccomp;
  return [...(first ? [first] : []), ...facts.profiles.slice(1).filter((p) => p !== undefined)];
}

/** Pure: the kernel operations for `linux.seccomp`. Throws a `Failure` for what this kernel cannot do. */
export function seccompSteps(spec: Spec, facts: SeccompFacts): AnyStep[] {
  const profiles = profilesOf(spec, facts);
  if (profiles.length === 0) return [];
  const loads = profiles.map((seccomp, i) => {
    const name = profiles.length > 1 ? `seccomp filter ${i + 1} of ${profiles.length}` : 'the seccomp filter';
    const filter = filterOf(seccomp, facts, name);
    const phase = phaseOf(spec, filter, facts);
    return [
      ...checkSteps(filter, facts),
      ...loadSteps(filter, phase),
      ...(filter.listens ? sendSteps(seccomp, facts, phase) : []),
    ];
  });
  return [...privilegeSteps(spec, facts), ...loads.flat()];
}

const NOTIFY = 'SCMP_ACT_NOTIFY';

const asksSupervisor = (seccomp: LinuxSeccomp): boolean =>
  seccomp.defaultAction === NOTIFY || (seccomp.syscalls ?? []).some((rule) => rule.action === NOTIFY);

/** A listener is sent by the process outside: the filtered one might not be able to. */
export const listens = (spec: Spec, facts: SeccompFacts): boolean =>
  profilesOf(spec, facts).some(asksSupervisor);
