import type { Plan } from './compile.ts';
import { encode } from './encode.ts';
import { type AnyStep, type Slot, slot, step, type Template } from './step.ts';

/**
 * Plans that are kept beside what they are for, and carried out by the launcher without a planner
 * (`native/src/kept.c`, which finds them by the words of the command line). Each begins with guards,
 * steps that change nothing: of the plans for the same words the first is carried out whose guards
 * hold; where none does, the planner is asked.
 */

/** What the launcher tells a kept plan: the container's process, and the signal among the words. */
export const told = { pid: slot('told.pid'), ticks: slot('told.ticks'), number: slot('told.number') };

const side = 'host';
const rest = { side, guard: true } as const;

/** The first of a kept plan's steps. */
export const tell = (): AnyStep => step('state', 'told', told, 'know the container’s process', rest);

/** A guard: the container's first process lives, or it does not. */
export const whileAlive = (alive: boolean): AnyStep =>
  step('state', 'alive', { pid: told.pid, ticks: told.ticks, alive }, 'look at the process', rest);

/** A guard: a file has this line. */
export const whileLine = (path: string, line: string): AnyStep =>
  step('state', 'file_has', { path, line }, `read ${path}`, rest);

/** A step that is tried as a guard. */
export const asGuard = (guarded: AnyStep): AnyStep => ({ ...guarded, guard: true });

/** Plans and the words that each is for, as the file `plans` holds them; PID and start time may still be slots. */
export function keptPlans(
  pid: Slot,
  ticks: Slot,
  entries: readonly (readonly [words: string, plan: Plan])[],
): Template {
  const parts: (string | Uint8Array | Slot)[] = ['CTRKEPT1 ', pid, ' ', ticks, '\n'];
  for (const [words, plan] of entries) {
    const bytes = encode(plan);
    parts.push(`${bytes.length} ${words}\n`, bytes);
  }
  return { parts };
}
