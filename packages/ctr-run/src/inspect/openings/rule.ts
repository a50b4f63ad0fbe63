import type { Facts } from '../facts.ts';

export const sections = [
  'namespaces',
  'ids',
  'group',
  'root',
  'capabilities',
  'filter',
  'label',
  'limits',
  'descriptors',
] as const;

export type Section = (typeof sections)[number];

/** A way in which a process reaches, or could reach, more than its own. */
export interface Rule {
  /** A name for CI jobs and the JSON. */
  id: string;
  section: Section;
  /** How much it counts, from 1 (a help to who is already inside) to 20 (the machine is open). */
  weight: number;
  /** What is open, in a few words. */
  what: string;
  /** What an attacker inside does with it. */
  attack: string;
  /** How to close it with these tools. */
  close: string;
  /** Whether it is open; a list says where. */
  open(facts: Facts): boolean | readonly string[];
}

export interface Opening extends Omit<Rule, 'open'> {
  /** Where it is: paths, descriptors, names. */
  where: readonly string[];
}
