import { type AnyStep, step } from '@ctr-tools/plan';
import { whatWasSeen } from './observe.ts';
import { afterCaller } from './own-name.ts';

const side = 'host';

/** Where plans lie that are used again; no container can have this name. */
export const plansIn = (root: string): string => `${root}/.plans`;

/**
 * What makes a plan one that is used again: a guard with all that it was decided by, and the keeping
 * of it in the state root. The launcher finds it by the request (`native/src/again.c`), so whoever
 * says other words, stands elsewhere, or has other variables or descriptors asks the planner.
 * Nothing where the planner did not watch (`observe`), or saw what cannot be seen again.
 */
export function againSteps(
  root: string | undefined,
  steps: readonly AnyStep[],
  kept: 'state' | 'running',
): AnyStep[] {
  // A planner that stays for questions is one that was not needed.
  if (root === undefined || steps.some(({ op }) => op === 'ask')) return [];
  const answers = whatWasSeen();
  if (!answers) return [];
  const directory = plansIn(root);
  return [
    step('state', 'seen', { answers }, 'see that nothing has changed', { side, guard: true }),
    step(kept, 'keep_plan', { directory }, `keep the plan in ${directory}`, { side, unless: ['any'] }),
  ];
}

/**
 * The links of a chain as a plan that is used again has them: what is named after this process is
 * named after whoever carries the plan out, as long as nothing of that name is there. Where that
 * cannot be, as they are.
 */
export function chainAgain(
  root: string | undefined,
  links: readonly (readonly AnyStep[])[],
  caller: number,
): AnyStep[][] {
  const as = links.map((link) => [...link]);
  const [guard, keep] = againSteps(root, links.flat(), 'state');
  const named = guard && keep && afterCaller(as, caller);
  if (!named) return as;
  const [first = [], ...others] = named.links;
  return [[guard, ...named.guards, keep, ...named.learns, ...first], ...others];
}
