import { Failure } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import { type LinuxSeccomp, parseJson, type SeccompArg } from '@ctr-tools/oci';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import type { AbiName } from '../abi.ts';
import { errnoOf } from '../errno.ts';
import { interpret } from '../interpreter.ts';
import { normalize } from '../profile/normalize.ts';
import type { Profile, Rule } from '../profile/types.ts';
import { validate } from '../profile/validate.ts';
import type { Answer, Notification } from './serve.ts';

/** A file of rules for `--notify`: which calls are asked about, and what they are answered. */
export interface NotifyRules {
  /** Whether each call is logged; true if absent. */
  log: boolean;
  /** The filter: the rules' calls ask, all others are allowed. */
  profile: Profile;
  answer(call: Notification): Answer;
  /** Whether the rules speak of this call. */
  concerns(call: Notification): boolean;
}

interface WrittenRule {
  names?: unknown;
  args?: unknown;
  answer?: unknown;
}

function answerOf(value: unknown, where: string): Answer {
  if (value === undefined || value === 'continue') return 'continue';
  const json = value as { errno?: unknown; return?: unknown };
  if (typeof value === 'object' && value !== null) {
    const errno =
      typeof json.errno === 'string' || typeof json.errno === 'number'
        ? errnoOf(String(json.errno))
        : undefined;
    if (errno !== undefined && json.return === undefined) return { errno };
    if ((typeof json.return === 'number' || typeof json.return === 'bigint') && json.errno === undefined)
      return { value: BigInt(json.return) };
  }
  throw new Failure(
    `${where} is ${JSON.stringify(value)}; it must be "continue", {"errno": "EPERM"} or {"return": 0}`,
  );
}

/** Asked about in any case: the command begins with it, and what comes before is the launcher's. */
const beginning: Rule = { names: ['execve', 'execveat'], action: 0, args: [], at: '', idle: false };

/** Read a file of rules. Throws a `Failure` that names the file and the path in it. */
export function readRules(file: string, native: AbiName, guests: readonly AbiName[]): NotifyRules {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    throw new Failure(`read the rules ${file}: ${(error as Error).message}`);
  }
  const json = parseJson(text, file) as { log?: unknown; calls?: unknown; others?: unknown };
  if (typeof json !== 'object' || json === null || !Array.isArray(json.calls))
    throw new Failure(`${file}: an object with a list "calls" was expected`);
  const rules = json.calls as WrittenRule[];
  const answers = rules.map((rule, i) => answerOf(rule?.answer, `${file}: calls[${i}].answer`));
  const others = json.others === undefined ? undefined : answerOf(json.others, `${file}: others`);
  // Numbered by errno, so that the plain reading of a profile finds the rule.
  const numbered = validate(
    {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: rules.map(({ names, args }, i) => ({
        names,
        action: 'SCMP_ACT_TRACE',
        errnoRet: i,
        args: args as SeccompArg[],
      })),
    },
    file,
  ) as LinuxSeccomp;
  const finding = { ...normalize(numbered, native), abis: guests };
  const asking: Profile = {
    defaultAction: others === undefined ? SECCOMP_RET.ALLOW : SECCOMP_RET.USER_NOTIF,
    enosys: false,
    abis: guests,
    rules:
      others === undefined
        ? [...finding.rules, beginning].map((rule) => ({ ...rule, action: SECCOMP_RET.USER_NOTIF }))
        : [],
  };
  return {
    log: json.log !== false,
    profile: asking,
    concerns: (call) => others !== undefined || interpret(finding, call).value !== SECCOMP_RET.ALLOW,
    answer(call) {
      const { value } = interpret(finding, call);
      if (value === SECCOMP_RET.ALLOW) return others ?? 'continue';
      return answers[value & 0xffff]!;
    },
  };
}
