import { Failure } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import { type LinuxSeccomp, parseJson, type SeccompArg } from '@ctr-tools/oci';
import { anything, array, boolean, checkDocument, object, seccompArg, strings } from '@ctr-tools/oci/schema';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import type { AbiName } from '../abi.ts';
import { complain, texts } from '../complaints.ts';
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
  names: string[];
  args?: SeccompArg[];
  answer?: NonNullable<unknown>;
}

interface Written {
  log?: boolean;
  calls: WrittenRule[];
  others?: NonNullable<unknown>;
}

const tellsUnknown = true;
const shape = object<Written>(
  {
    log: boolean,
    calls: array(
      object<WrittenRule>({ names: strings, args: array(seccompArg), answer: anything }, ['names'], {
        tellsUnknown,
      }),
    ),
    others: anything,
  },
  ['calls'],
  { tellsUnknown },
);

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

/**
 * Read a file of rules. What is odd in it is said unless `tell` is undefined. Throws a `Failure` or `SpecError`
 * that names the file and the path in it.
 */
export function readRules(
  file: string,
  native: AbiName,
  guests: readonly AbiName[],
  tell: { strict: boolean } | undefined,
): NotifyRules {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    throw new Failure(`read the rules ${file}: ${(error as Error).message}`);
  }
  const { value: written, warnings } = checkDocument(parseJson(text, file), file, shape, true);
  const answers = written.calls.map(({ answer }, i) => answerOf(answer, `${file}: calls[${i}].answer`));
  const others = written.others === undefined ? undefined : answerOf(written.others, `${file}: others`);
  // Numbered by errno, so that the plain reading of a profile finds the rule.
  const syscalls = written.calls.map(({ names, args }, i) => ({
    names,
    action: 'SCMP_ACT_TRACE' as const,
    errnoRet: i,
    args,
  }));
  const { value: numbered } = validate({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }, file);
  const finding = { ...normalize(numbered as LinuxSeccomp, native), abis: guests };
  if (tell) complain(file, { warnings: texts(warnings) }, finding, tell);
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
    log: written.log !== false,
    profile: asking,
    concerns: (call) => others !== undefined || interpret(finding, call).value !== SECCOMP_RET.ALLOW,
    answer(call) {
      const { value } = interpret(finding, call);
      if (value === SECCOMP_RET.ALLOW) return others ?? 'continue';
      return answers[value & 0xffff]!;
    },
  };
}
