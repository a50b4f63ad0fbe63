/** What is open of a process, and how much that weighs. Pure. */
import type { Facts } from '../facts.ts';
import { capabilityRules } from './capabilities.ts';
import { kernelRules } from './kernel.ts';
import { deviceRules, mountRules } from './mounts.ts';
import { idRules, namespaceRules } from './namespaces.ts';
import { descriptorRules, filterRules, limitRules } from './rest.ts';
import type { Opening, Rule } from './rule.ts';

export { type Opening, type Section, sections } from './rule.ts';

/** Every opening that is looked for. */
export const rules: readonly Rule[] = [
  ...namespaceRules,
  ...idRules,
  ...limitRules,
  ...mountRules,
  ...kernelRules,
  ...deviceRules,
  ...capabilityRules,
  ...filterRules,
  ...descriptorRules,
];

/** What is open, in the order of the rules. What could not be seen is not open; a thread of the kernel's is nobody's door. */
export function openingsOf(facts: Facts): Opening[] {
  if (facts.kernelThread) return [];
  return rules.flatMap(({ open, ...rule }) => {
    const found = open(facts);
    if (found === false || (found !== true && found.length === 0)) return [];
    return [{ ...rule, where: found === true ? [] : found }];
  });
}

export const weightOf = (openings: readonly Opening[]): number =>
  openings.reduce((sum, { weight }) => sum + weight, 0);

/** A word for a sum: what Docker's defaults come to is usual. */
export function wordFor(weight: number): 'closed' | 'tight' | 'usual' | 'open' | 'wide open' {
  if (weight === 0) return 'closed';
  if (weight <= 20) return 'tight';
  if (weight <= 60) return 'usual';
  return weight <= 120 ? 'open' : 'wide open';
}
