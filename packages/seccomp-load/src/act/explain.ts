import { out } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import { type AbiName, abis, abisOf, table } from '../abi.ts';
import { describeReturn } from '../actions.ts';
import { type Choice, decide } from '../decide.ts';
import { ENOSYS } from '../errno.ts';
import type { SeccompOptions } from '../options.ts';
import type { Comparison, Profile } from '../profile/types.ts';
import { flagNames, nameIn } from '../symbols.ts';
import { answersOf } from './answers.ts';
import { commentAt, nativeFor, type Subject, subjectsOf } from './subject.ts';
import { hang, wrap } from './wrap.ts';

const signs = { NE: '!=', LT: '<', LE: '<=', EQ: '==', GE: '>=', GT: '>' } as const;

/** An argument's value by the name that the kernel's headers have for it. */
function spelled(call: string, index: number, n: bigint): string {
  const family = /^socket(pair)?$/.test(call) && index === 0 ? nameIn('AF_', n) : undefined;
  if (family) return family;
  const clone = (call === 'clone' || call === 'unshare' || call === 'setns') && index < 2;
  if (clone && n > 0xffn) return flagNames('CLONE_', n);
  return n < 1024n ? String(n) : `0x${n.toString(16)}`;
}

/** `args[0] == AF_INET`: a comparison for people. */
export function describeComparison(call: string, { index, op, value, two }: Comparison): string {
  if (op !== 'MASKED_EQ') return `args[${index}] ${signs[op]} ${spelled(call, index, value)}`;
  return `(args[${index}] & ${spelled(call, index, value)}) == ${spelled(call, index, two & value)}`;
}

/** Conditions of one call that lead to the same answer. */
interface Case {
  when: string;
  answer: string;
  rule: string;
}

/** `args[0] == AF_INET`; of several such with the same answer `args[0] is one of AF_INET AF_INET6`. */
function casesOf(call: string, choices: readonly Choice[]): Case[] {
  const cases: Case[] = [];
  for (let i = 0; i < choices.length; ) {
    const { when, action, at } = choices[i]!;
    const [only] = when;
    let end = i + 1;
    if (when.length === 1 && only!.op === 'EQ')
      while (end < choices.length && isAlike(choices[end]!, choices[i]!)) end++;
    const run = choices.slice(i, end);
    const answer = describeReturn(action);
    if (run.length < 3)
      cases.push({ when: when.map((c) => describeComparison(call, c)).join(' and '), answer, rule: at });
    else {
      const values = run.map((choice) => spelled(call, only!.index, choice.when[0]!.value));
      cases.push({
        when: `args[${only!.index}] is one of ${values.join(' ')}`,
        answer,
        rule: `${at} to ${run.at(-1)!.at}`,
      });
    }
    i += run.length < 3 ? 1 : run.length;
  }
  return cases;
}

const isAlike = (a: Choice, b: Choice): boolean =>
  a.action === b.action &&
  a.when.length === 1 &&
  a.when[0]!.op === 'EQ' &&
  a.when[0]!.index === b.when[0]!.index;

interface Explained {
  abi: AbiName;
  /** Calls decided whatever their arguments, by answer and by rule. */
  always: { answer: string; rule: string; comment?: string; calls: string[] }[];
  byArguments: { call: string; cases: Case[] }[];
  /** The newest call that the profile names; what is above it gets ENOSYS. */
  newest?: string;
  otherwise: string;
}

function explainAbi(subject: Subject, profile: Profile, abi: AbiName): Explained {
  const { always, choices, largest } = decide(profile, abi);
  const groups = new Map<string, Explained['always'][number]>();
  const byArguments: Explained['byArguments'] = [];
  let newest: string | undefined;
  for (const [call, nr] of table(abi).numbers) {
    if (nr === largest) newest = call;
    const rule = always[nr];
    if (rule) {
      const comment = commentAt(subject, rule.at);
      const group = groups.get(rule.at) ?? {
        answer: describeReturn(rule.action),
        rule: rule.at,
        ...(comment && { comment }),
        calls: [],
      };
      group.calls.push(call);
      groups.set(rule.at, group);
    } else if (choices[nr]?.length) byArguments.push({ call, cases: casesOf(call, choices[nr]) });
  }
  return {
    abi,
    always: [...groups.values()],
    byArguments,
    ...(profile.enosys && newest && { newest }),
    otherwise: describeReturn(profile.defaultAction),
  };
}

function text({ abi, always, byArguments, newest, otherwise }: Explained, columns: number): string {
  const lines = [`${abi}\n`];
  for (const { answer, rule, comment, calls } of always)
    lines.push(hang(`${answer}: ${comment ?? rule}`, columns, '  '), wrap(calls, columns, '      '));
  for (const { call, cases } of byArguments) {
    lines.push(`  ${call}, by its arguments:\n`);
    for (const { when, answer, rule } of cases)
      lines.push(hang(`${answer} if ${when}  (${rule})`, columns, '      '));
    lines.push(`      else ${otherwise}\n`);
  }
  if (newest)
    lines.push(
      `  ${describeReturn(SECCOMP_RET.ERRNO | ENOSYS)}: all that is newer than ${newest}, so that programs fall back\n`,
    );
  lines.push(`  ${otherwise}: everything else\n`);
  return lines.join('');
}

/** A filter without a profile: which calls it answers how, as it says itself. */
function explainProgram(
  { program }: Subject,
  options: SeccompOptions,
  host: { columns: number; tty: readonly boolean[] },
): void {
  const names = options.abi ? [options.abi] : abisOf(nativeFor(options));
  const answers = names.map((abi) => answersOf([program], abi));
  if (options.json) {
    const plain = answers.map(({ abi, always, byArguments }) => ({
      abi,
      always: [...always].map(([value, calls]) => ({ answer: describeReturn(value), calls })),
      byArguments,
    }));
    out(serializeJson(plain, 2));
    return;
  }
  const columns = host.tty[1] ? host.columns : 100;
  for (const { abi, always, byArguments } of answers) {
    out(`${abi}\n`);
    for (const [value, calls] of always) out(`  ${describeReturn(value)}\n${wrap(calls, columns, '      ')}`);
    if (byArguments.length > 0) out(`  by their arguments\n${wrap(byArguments, columns, '      ')}`);
  }
}

/** `--explain`: what the profile says, ABI by ABI. */
export async function explainProfile(
  _values: readonly string[],
  options: SeccompOptions,
  _parsed: unknown,
  host: { columns: number; tty: readonly boolean[] },
): Promise<number> {
  const [subject] = await subjectsOf(options, 'explain');
  const { profile } = subject!;
  if (!profile) {
    explainProgram(subject!, options, host);
    return 0;
  }
  const wanted = options.abi && profile.abis.includes(options.abi) ? [options.abi] : profile.abis;
  const explained = wanted.map((abi) => explainAbi(subject!, profile, abi));
  if (options.json) out(serializeJson(explained, 2));
  else {
    const columns = host.tty[1] ? host.columns : 100;
    for (const one of explained) out(text(one, columns));
    const foreign = [...abis.keys()].filter((abi) => !profile.abis.includes(abi));
    if (!options.abi) out(`kill_process: calls from any other ABI (${foreign.join(', ')})\n`);
  }
  return 0;
}
