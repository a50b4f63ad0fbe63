import { serializeJson } from '@ctr-tools/oci';
import { SECCOMP_RET, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_DATA } from '@ctr-tools/sys/constants';
import { describeReturn, permits } from '../actions.ts';
import type { Call } from '../bpf/simulator.ts';
import { interpret } from '../interpreter.ts';
import type { Profile, Rule } from '../profile/types.ts';
import { allowing } from './learned.ts';
import type { Answer } from './serve.ts';

/** Asked about in any case: the command begins with it, and what comes before is the launcher's. */
export const beginning: readonly string[] = ['execve', 'execveat'];

/** Pure. The filter that asks about every call that `profile` refuses, and lets the others pass as it does. */
export function askingAbout(profile: Profile): Profile {
  const ask = SECCOMP_RET.USER_NOTIF;
  const defaultAction = permits(profile.defaultAction) ? profile.defaultAction : ask;
  const written = profile.rules.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => !beginning.includes(name)),
    action: permits(rule.action) ? rule.action : ask,
  }));
  const first: Rule = { names: beginning, action: ask, args: [], at: '', idle: false };
  const rules = [first, ...written].map((rule) => ({ ...rule, idle: rule.action === defaultAction }));
  return { ...profile, defaultAction, enosys: false, rules };
}

/** What is done about a refused call: an errno, or the end of the process by SIGSYS. */
export type Verdict = { answer: Answer; ends: boolean };

interface Kind {
  /** The first of the kind, in words. */
  text: string;
  count: number;
  answer: string;
  because: string;
  /** The line of a profile that would allow it. */
  rule: string | undefined;
}

/** The calls that a profile refused, those that are for the same together. */
export class Refused {
  private readonly profile: Profile;
  private readonly kinds = new Map<string, Kind>();
  constructor(profile: Profile) {
    this.profile = profile;
  }

  /** What the profile says of a call, which is noted if it is refused; `describe` puts it into words. */
  judge(call: Call, describe: () => string): Verdict {
    const { value, because } = interpret(this.profile, call);
    if (permits(value)) return { answer: 'continue', ends: false };
    const allowed = allowing(call);
    const rule = allowed && serializeJson(allowed);
    const key = `${rule ?? call.nr} ${call.arch} ${value}`;
    const known = this.kinds.get(key);
    if (known) known.count++;
    else this.kinds.set(key, { text: describe(), count: 1, answer: describeReturn(value), because, rule });
    if ((value & SECCOMP_RET_ACTION_FULL) >>> 0 === SECCOMP_RET.ERRNO)
      return { answer: { errno: value & SECCOMP_RET_DATA }, ends: false };
    return { answer: { errno: 1 }, ends: true };
  }

  /** What is said at the end, the most frequent first. */
  report(): string {
    const kinds = [...this.kinds.values()].sort((a, b) => b.count - a.count);
    if (kinds.length === 0) return 'seccomp-load: no call was refused\n';
    const total = kinds.reduce((sum, { count }) => sum + count, 0);
    const lines = kinds.flatMap(({ text, count, answer, because, rule }) => [
      `  ${count}  ${text}  ${answer}  (${because})\n`,
      ...(rule === undefined ? [] : [`     to allow it: ${rule}\n`]),
    ]);
    return [`seccomp-load: ${total === 1 ? '1 call was' : `${total} calls were`} refused:\n`, ...lines].join(
      '',
    );
  }
}
