import { AUDIT_ARCH, BPF, SECCOMP_RET, seccompData, X32_SYSCALL_BIT } from '@ctr-tools/sys/constants';
import { type Abi, ARM_PRIVATE, ARM_PRIVATE_END, abis } from './abi.ts';
import { Assembler, type Label } from './bpf/assembler.ts';
import { choose } from './bpf/choices.ts';
import { Ranges, search } from './bpf/ranges.ts';
import { type Choice, decide } from './decide.ts';
import { ENOSYS } from './errno.ts';
import type { Profile } from './profile/types.ts';

/**
 * What a call of an ABI that the profile does not name gets. libseccomp kills the thread
 * (SCMP_FLTATR_ACT_BADARCH); the whole process is stricter, and leaves no crippled one behind.
 */
export const BAD_ABI = SECCOMP_RET.KILL_PROCESS;

const LAST = 0xffffffff;

/**
 * Cuts the numbers that arrive with one AUDIT_ARCH into ranges, and writes the search for them.
 * A range's key is a return value; or, below 0, a place in the list of calls whose arguments decide.
 */
class Calls {
  private readonly ranges = new Ranges();
  private readonly conditional: { choices: readonly Choice[]; wide: boolean; label?: Label }[] = [];
  /** Calls with the same choices share one place: their keys by the rules that made them. */
  private readonly keys = new Map<string, number>();
  private readonly profile: Profile;

  constructor(profile: Profile) {
    this.profile = profile;
  }

  /** The calls of one ABI from its base on: named ones, gaps, and what is newer than the profile. Gives the key of the last. */
  add({ name, base, wide }: Abi): number {
    const { defaultAction, enosys } = this.profile;
    const { always, choices, largest } = decide(this.profile, name);
    const newer = enosys && largest >= 0 ? SECCOMP_RET.ERRNO | ENOSYS : defaultAction;
    const some = (first: number, end: number): void => {
      for (let nr = first; nr < end; nr++) {
        const asked = choices[nr];
        const key = asked ? this.keyOf(asked, wide) : (always[nr]?.action ?? defaultAction);
        this.ranges.add(base + nr, key);
      }
      this.ranges.add(base + end, newer);
    };
    some(0, largest + 1);
    // The private calls of arm stand far above all others and came with them.
    if (name === 'arm') some(ARM_PRIVATE, ARM_PRIVATE_END);
    return newer;
  }

  private keyOf(choices: readonly Choice[], wide: boolean): number {
    const made = `${wide} ${choices.map((choice) => `${choice.at}=${choice.when[0]!.value}`).join()}`;
    const known = this.keys.get(made);
    if (known !== undefined) return known;
    const key = -this.conditional.push({ choices, wide });
    this.keys.set(made, key);
    return key;
  }

  /** From here on: this return value. */
  rest(from: number, action: number): void {
    this.ranges.add(from, action);
  }

  write(asm: Assembler): Label {
    const target = (key: number): Label => {
      if (key >= 0) return asm.ret(key);
      const call = this.conditional[-1 - key]!;
      call.label ??= choose(asm, call.choices, call.wide, this.profile.defaultAction);
      return call.label;
    };
    return asm.load(seccompData.nr, search(asm, this.ranges, target));
  }
}

/** Everything that arrives with one AUDIT_ARCH. */
function callsOf(profile: Profile, audit: number): Calls {
  const calls = new Calls(profile);
  const members = profile.abis.map((name) => abis.get(name)!).filter((abi) => abi.audit === audit);
  const plain = members.find((abi) => abi.base === 0);
  const x32 = members.find((abi) => abi.base !== 0);
  const newer = plain ? calls.add(plain) : BAD_ABI;
  if (!plain) calls.rest(0, BAD_ABI);
  if (x32) calls.add(x32);
  else if (audit === AUDIT_ARCH.X86_64) calls.rest(X32_SYSCALL_BIT, BAD_ABI);
  // -1 is no x32 call: a tracer sets it to have a call skipped (ptrace(2)).
  if (audit === AUDIT_ARCH.X86_64) calls.rest(LAST, newer);
  return calls;
}

/**
 * Compile a profile to a classic BPF program, `struct sock_filter[]`. Number and architecture
 * come first and decide all but the calls whose arguments matter, so that the kernel can see
 * which calls are always allowed and not run the filter for them at all
 * (`seccomp_cache_prepare` of kernel/seccomp.c, Linux 5.11). Throws `TooLong`.
 */
export function compile(profile: Profile): Uint8Array {
  const asm = new Assembler();
  const audits = [...new Set(profile.abis.map((name) => abis.get(name)!.audit))];
  // Written backwards: the machine's own ABI last, so that it is asked first.
  let start: Label = asm.ret(BAD_ABI);
  for (const audit of audits.reverse()) {
    const section = callsOf(profile, audit).write(asm);
    start = asm.jump(BPF.JEQ, audit, section, start);
  }
  return asm.finish(asm.load(seccompData.arch, start));
}

/** Whether any rule asks a supervisor, so that a listener is needed. */
export function notifies(profile: Profile): boolean {
  return [profile.defaultAction, ...profile.rules.map((rule) => rule.action)].some(
    (a) => a === SECCOMP_RET.USER_NOTIF,
  );
}
