/** Groups of calls by name (`@system-service`), wherever a call's name may stand. */
import { nearest } from '@ctr-tools/oci';
import { groups } from './tables/groups.ts';

/** What is wrong with a name that begins with `@`, as the end of a sentence; undefined if it is a group's. */
export function unknownGroup(name: string): string | undefined {
  if (!name.startsWith('@') || groups.has(name)) return undefined;
  const guess = nearest(name, [...groups.keys()]);
  return `there is no group ${JSON.stringify(name)}; ${guess ? `${guess} was probably meant` : `there are ${[...groups.keys()].join(' ')}`}`;
}

/** The names with the calls of each group, and of the groups in it, in its place; each once. */
export function expand(names: readonly string[]): string[] {
  if (!names.some((name) => name.startsWith('@'))) return [...names];
  const found = new Set<string>();
  const seen = new Set<string>();
  const add = (name: string): void => {
    if (!name.startsWith('@')) found.add(name);
    else if (!seen.has(name)) {
      seen.add(name);
      for (const member of groups.get(name)?.split(' ') ?? []) add(member);
    }
  };
  for (const name of names) add(name);
  return [...found];
}
