import { whatWasSeen } from '@ctr-tools/cli';
import { type AnyStep, step } from '@ctr-tools/plan';
import type { Globals } from '../globals.ts';
import type { Making } from './making.ts';

const side = 'host';

/** Where plans lie that are used again; no container can have this name. */
export const plansIn = (root: string): string => `${root}/.plans`;

/**
 * What makes the plan of a bundle one that is used again: a guard with all that it was decided by,
 * and the keeping of it once its container runs. The launcher finds it by the request
 * (`native/src/again.c`), so whoever says other words, stands elsewhere, or has other variables or
 * descriptors asks the planner, as does who wants the plan explained (`--debug`).
 */
export function againSteps(making: Making, steps: readonly AnyStep[], globals: Globals): AnyStep[] {
  const { course, specOnStdin } = making;
  if (course !== 'foreground' || specOnStdin || globals.debug || globals.fault) return [];
  // A planner that stays for questions is one that was not needed.
  if (steps.some(({ op }) => op === 'ask')) return [];
  const answers = whatWasSeen();
  if (!answers) return [];
  const directory = plansIn(globals.root);
  return [
    step('state', 'seen', { answers }, 'see that nothing has changed', { side, guard: true }),
    step('running', 'keep_plan', { directory }, `keep the plan in ${directory}`, { side, unless: ['any'] }),
  ];
}
