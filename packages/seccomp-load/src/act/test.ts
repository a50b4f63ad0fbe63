import { out } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { type AbiName, abis, abisOf, callName, table } from '../abi.ts';
import { describeReturn, permits } from '../actions.ts';
import { simulate, strictest } from '../bpf/simulator.ts';
import { parseCall, type WrittenCall } from '../call.ts';
import { interpret } from '../interpreter.ts';
import type { SeccompOptions } from '../options.ts';
import { commentAt, nativeFor, type Subject, subjectsOf } from './subject.ts';

interface Answer {
  call: string;
  abi: string;
  answer: string;
  value: number;
  /** Which profile, and which of its rules. */
  because: string;
  /** The call's number in each ABI of the machine that has it. */
  numbers: Readonly<Record<string, number>>;
  /** Whether the kernel need not run the filter for such a call. */
  cached: boolean;
}

/** What one filter says, held against the plain reading of its profile. */
function askOne(subject: Subject, call: WrittenCall): { value: number; because: string; constant: boolean } {
  const { value, constant } = simulate(subject.program, call);
  if (!subject.profile) return { value, because: subject.name, constant };
  const verdict = interpret(subject.profile, call);
  if (verdict.value !== value)
    throw new Error(
      `the filter of ${subject.name} answers ${describeReturn(value)}, its profile ${describeReturn(verdict.value)}`,
    );
  const comment = commentAt(subject, verdict.because);
  return { value, because: comment ? `${verdict.because}: ${comment}` : verdict.because, constant };
}

/** By ABI, x32's bit included. */
function numbersOf(call: WrittenCall, native: AbiName): Record<string, number> {
  const name = callName(call.abi, call.nr);
  const found: Record<string, number> = {};
  for (const abi of abisOf(native)) {
    const number = name === undefined ? undefined : table(abi).numbers.get(name);
    if (number !== undefined) found[abi] = number + abis.get(abi)!.base;
  }
  return found;
}

const inWords = (numbers: Answer['numbers']): string =>
  Object.entries(numbers)
    .map(([abi, number]) => `${abi} ${number}`)
    .join(', ');

function ask(subjects: readonly Subject[], call: WrittenCall, native: AbiName): Answer {
  const answers = subjects.map((subject) => ({ ...askOne(subject, call), name: subject.name }));
  const value = strictest(answers.map((a) => a.value));
  const said = answers.find((a) => a.value === value)!;
  return {
    call: call.text,
    abi: call.abi,
    answer: describeReturn(value),
    value,
    because: subjects.length > 1 ? `${said.name}: ${said.because}` : said.because,
    numbers: numbersOf(call, native),
    cached: permits(value) && answers.every((a) => a.constant),
  };
}

/** `--test CALL...`: what the filters would answer; exit code 0 if every call is permitted. */
export async function test(values: readonly string[], options: SeccompOptions): Promise<number> {
  const abi = options.abi ?? nativeFor(options);
  const calls = values.map((text) => parseCall(text, abi));
  const subjects = await subjectsOf(options, 'test', 0);
  const answers = calls.map((call) => ask(subjects, call, nativeFor(options)));
  if (options.json) out(serializeJson(answers, 2));
  else
    for (const a of answers)
      out(`${a.call}  ${a.answer}  (${a.because})  ${inWords(a.numbers)}`.trimEnd().concat('\n'));
  return answers.every((a) => permits(a.value)) ? 0 : 1;
}
