import { SECCOMP_RET_ACTION_FULL } from '@ctr-tools/sys/constants';
import { type AbiName, table } from './abi.ts';
import { permits } from './actions.ts';
import { doors } from './multiplexed.ts';
import type { Comparison, Profile, Rule } from './profile/types.ts';

/** One way in which a call with arguments is decided. */
export interface Choice {
  when: readonly Comparison[];
  action: number;
  at: string;
}

/** All that a profile decides for one ABI, by call numbers without the ABI's base. */
export interface Decisions {
  /** The rule that decides a call whatever its arguments. */
  always: readonly (Rule | undefined)[];
  /** Calls whose arguments decide: asked in order; where none holds, the default. */
  choices: readonly (readonly Choice[] | undefined)[];
  /** The largest number that the profile names here, or -1. */
  largest: number;
}

/** Smaller is stricter, as the kernel compares the answers of several filters (seccomp(2)). */
const strictness = (action: number): number => (action & SECCOMP_RET_ACTION_FULL) | 0;

/** Where two choices hold, the stricter decides, whatever the order of the profile. */
function insert(choices: Choice[], choice: Choice): void {
  let at = choices.length;
  while (at > 0 && strictness(choice.action) < strictness(choices[at - 1]!.action)) at--;
  if (at === choices.length) choices.push(choice);
  else choices.splice(at, 0, choice);
}

function addChoice(
  choices: (Choice[] | undefined)[],
  nr: number,
  when: readonly Comparison[],
  { action, at }: Rule,
): void {
  const known = choices[nr];
  if (known) insert(known, { when, action, at });
  else choices[nr] = [{ when, action, at }];
}

/**
 * The rule for a call that x86 also has behind socketcall or ipc. Its own arguments lie in
 * memory there, where no filter sees them: what would be allowed only with certain arguments
 * is not allowed through that door, and what is refused for some is refused for all. Gives
 * the door's number, or -1 where nothing was to be added.
 */
function addBehindDoor(
  choices: (Choice[] | undefined)[],
  always: readonly (Rule | undefined)[],
  name: string,
  rule: Rule,
): number {
  const through = doors.get(name)!;
  if (rule.args.length > 0 && permits(rule.action)) return -1;
  const nr = table('x86').numbers.get(through.door)!;
  const when: Comparison = { index: 0, op: 'EQ', value: BigInt(through.number), two: 0n };
  if (!always[nr]) addChoice(choices, nr, [when], rule);
  return nr;
}

/** A list without holes: engines look through one with holes as through a table of names. */
const dense = <T>(length: number): (T | undefined)[] => new Array<T | undefined>(length).fill(undefined);

/**
 * What a profile decides for one ABI. Where rules of one call meet, it is as in libseccomp
 * (`_db_rule_add` of src/db.c): a rule without arguments replaces those with, and the first
 * one without stays. Where arguments of two rules with different actions overlap, libseccomp's
 * answer depends on the numbers compared (its tree is sorted by them); here the stricter wins.
 */
export function decide(profile: Profile, abi: AbiName): Decisions {
  const { numbers, newest } = table(abi);
  // Lists and not maps: this loop runs for each name of each ABI on the way to every start.
  const always = dense<Rule>(newest + 1);
  const choices = dense<Choice[]>(newest + 1);
  let largest = -1;
  for (const rule of profile.rules) {
    const { names, args, idle } = rule;
    const conditional = args.length > 0;
    for (const name of names) {
      const nr = numbers.get(name);
      if (nr !== undefined) {
        if (nr > largest && nr <= newest) largest = nr;
        if (!idle && always[nr] === undefined) {
          if (conditional) addChoice(choices, nr, args, rule);
          else {
            always[nr] = rule;
            choices[nr] = undefined;
          }
        }
      }
      if (abi === 'x86' && !idle && doors.has(name)) {
        const door = addBehindDoor(choices, always, name, rule);
        if (door > largest) largest = door;
      }
    }
  }
  return { always, choices, largest };
}
