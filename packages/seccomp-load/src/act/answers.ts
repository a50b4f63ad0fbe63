/** What filters answer, found by asking them: also of a filter whose profile nobody has. */
import { type AbiName, abis, table } from '../abi.ts';
import { describeReturn, permits } from '../actions.ts';
import type { Instruction } from '../bpf/program.ts';
import { simulate, strictest } from '../bpf/simulator.ts';

/** What several filters together answer the calls of one ABI. */
export interface Answers {
  abi: AbiName;
  /** Calls whose arguments do not matter, by what the filters return. */
  always: ReadonlyMap<number, readonly string[]>;
  /** Calls that are answered by their arguments. */
  byArguments: readonly string[];
}

export function answersOf(programs: readonly (readonly Instruction[])[], abi: AbiName): Answers {
  const { audit, base } = abis.get(abi)!;
  const always = new Map<number, string[]>();
  const byArguments: string[] = [];
  for (const [call, number] of table(abi).numbers) {
    const said = programs.map((program) => simulate(program, { arch: audit, nr: number + base, args: [] }));
    if (!said.every(({ constant }) => constant)) byArguments.push(call);
    else {
      const value = strictest(said.map((s) => s.value));
      always.set(value, [...(always.get(value) ?? []), call]);
    }
  }
  return { abi, always, byArguments };
}

const bySize = (always: Answers['always']): [number, readonly string[]][] =>
  [...always].sort(([, a], [, b]) => b.length - a.length);

function sentenceOf({ abi, always, byArguments }: Answers): string {
  const groups = bySize(always);
  const total = groups.reduce((sum, [, calls]) => sum + calls.length, byArguments.length);
  const permitted = groups
    .filter(([value]) => permits(value))
    .reduce((sum, [, calls]) => sum + calls.length, 0);
  const refused = groups
    .filter(([value]) => !permits(value))
    .map(([value, calls]) => `${describeReturn(value)} for ${calls.length}`);
  return [
    `of ${total} calls of ${abi} ${permitted} are permitted`,
    ...(byArguments.length > 0 ? [`${byArguments.length} by their arguments`] : []),
    ...refused,
  ].join(', ');
}

/** One sentence for each ABI: `of 385 calls of x86_64 312 are permitted, 5 by their arguments, errno EPERM for 68`. */
export const summary = (
  programs: readonly (readonly Instruction[])[],
  names: readonly AbiName[],
): readonly string[] => names.map((abi) => sentenceOf(answersOf(programs, abi)));
