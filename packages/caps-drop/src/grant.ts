/**
 * What of a spec's capabilities can be granted. config.md, Linux Process: "Any value which
 * cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be
 * logged as a warning by the runtime. Runtimes SHOULD NOT fail if the container
 * configuration requests capabilities that cannot be granted".
 */
import type { Capabilities, Spec } from '@ctr-tools/oci';
import { fullMask, maskOf, shortNames } from './capability-list.ts';
import type { CapsFacts } from './gather.ts';
import { type Sets, setNames } from './privileges.ts';
import { hasUserNamespace } from './user-namespace.ts';

/** The sets as a spec names them, and the names that are not capabilities. */
export function wantedSets(capabilities: Capabilities | undefined): { sets: Sets; unknown: string[] } {
  const unknown = new Set<string>();
  const entries = setNames.map((name) => {
    const found = maskOf(capabilities?.[name]);
    for (const word of found.unknown) unknown.add(word);
    return [name, found.mask] as const;
  });
  return { sets: Object.fromEntries(entries) as Sets, unknown: [...unknown] };
}

export interface Grant {
  sets: Sets;
  /** One line for each thing that was asked for and is left out. */
  warnings: string[];
}

/**
 * The sets that the kernel will accept, and what is left out. A document without the
 * section gives no capabilities at all, as under runc and crun.
 */
export function grantable(spec: Spec, facts: CapsFacts): Grant {
  const { sets: wanted, unknown } = wantedSets(spec.process?.capabilities);
  const known = fullMask(facts.last);
  // The first process of a user namespace has every capability in it (user_namespaces(7)).
  const own = hasUserNamespace(spec);
  const held = own ? known : facts.current.permitted & known;
  const bounds = own ? known : facts.current.bounding & known;

  const sets = { ...wanted };
  sets.bounding &= bounds;
  sets.permitted &= held;
  sets.effective &= sets.permitted;
  // capset(2): new inheritable ones have to be in the bounding set, which is cut before.
  sets.inheritable &= sets.bounding;
  sets.ambient &= sets.permitted & sets.inheritable;

  const warnings: string[] = [];
  if (unknown.length > 0) warnings.push(`unknown capabilities are ignored: ${unknown.join(', ')}`);
  const left = new Map<bigint, string[]>();
  for (const name of setNames) {
    const lost = wanted[name] & ~sets[name];
    if (lost) left.set(lost, [...(left.get(lost) ?? []), name]);
  }
  for (const [lost, names] of left)
    warnings.push(
      `${names.join(', ')} capabilities that cannot be granted are left out: ${shortNames(lost)}`,
    );
  // capabilities(7), "Transformation of capabilities during execve()": the bounding set limits what the command has.
  const lost = (sets.effective | sets.permitted) & ~sets.bounding;
  if (lost)
    warnings.push(
      `capabilities beyond the bounding set are lost when the command is executed: ${shortNames(lost)}`,
    );
  return { sets, warnings };
}
