/** The eight kinds of namespaces, and the three names that each goes by. */
import { UsageError } from '@ctr-tools/cli';
import { type NamespaceType, namespaceFile, namespaceTypes } from '@ctr-tools/oci';
import { type NamespaceFile, namespaceFlags } from '@ctr-tools/sys/constants';

/** A kind as a spec and the long flags call it: `mount`, `network` (the flag is `--net`). */
export type Kind = NamespaceType;

/**
 * The order in which existing namespaces are joined. The mount namespace comes late,
 * because after it the host's paths are gone; PID and time only change what children get.
 * The user namespace's place depends on privilege (`joinOrder`). The order is nsenter's.
 */
export const kinds: readonly Kind[] = ['user', 'cgroup', 'ipc', 'uts', 'network', 'pid', 'mount', 'time'];

export const fileOf = (kind: Kind): NamespaceFile => namespaceFile[kind];

/** The CLONE_NEW* flag of a kind. */
export const flagOf = (kind: Kind): number => namespaceFlags[namespaceFile[kind]];

/** The long flag of a kind without its dashes. */
export const optionOf = (kind: Kind): Exclude<Kind, 'network'> | 'net' => (kind === 'network' ? 'net' : kind);

export const flagsOf = (of: readonly Kind[]): number => of.reduce((flags, kind) => flags + flagOf(kind), 0);

const names: ReadonlyMap<string, Kind> = new Map(
  namespaceTypes.flatMap((kind) => [[kind, kind] as const, [namespaceFile[kind], kind] as const]),
);

/** A kind by any of its names: `mount` or `mnt`, `network` or `net`. */
export const kindByName = (name: string): Kind | undefined => names.get(name);

/** `net,pid` and the like, from flags given once or more; each kind once, in `kinds` order. */
export function parseKinds(spelled: string, values: readonly string[]): Kind[] {
  const found = new Set<Kind>();
  for (const word of values.flatMap((value) => value.split(','))) {
    if (word === 'all') {
      for (const kind of kinds) found.add(kind);
      continue;
    }
    const kind = kindByName(word);
    if (!kind)
      throw new UsageError(
        `${spelled}: "${word}" is not a kind of namespace; there are mount, pid, net, ipc, uts, user, cgroup and time (and all)`,
      );
    found.add(kind);
  }
  return kinds.filter((kind) => found.has(kind));
}

/** "the mount, uts and net namespaces" */
export function kindWords(of: readonly Kind[]): string {
  const words = of.map(optionOf);
  const last = words.pop();
  return `the ${words.length ? `${words.join(', ')} and ` : ''}${last} namespace${of.length > 1 ? 's' : ''}`;
}

/** "a new net namespace", "new mount and pid namespaces" */
export const newWords = (of: readonly Kind[]): string =>
  kindWords(of).replace('the ', of.length > 1 ? 'new ' : 'a new ');
