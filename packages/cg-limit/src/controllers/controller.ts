/**
 * What a controller is to this tool: one module (`memory.ts`, `cpu/`, …) has all that is known of it, and everything
 * else goes through the list in `index.ts`.
 */
import { Failure, given, type Parsed, type Typed, type Values } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import type { Change } from '../act/change.ts';
import type { Abilities, Current, Setting } from '../setting.ts';
import type { Property } from '../systemd/property.ts';
import type { View } from '../view.ts';
import type { Line, Place, Target } from './show.ts';

/** Of cgroups. */
export type Version = 1 | 2;

/** A name, or the reason why a name is missing. */
type Named = string | { not: string };

/** A flag that sets a limit. */
export interface LimitFlag extends Typed {
  /** The heading of the help, by which controllers are put together there. */
  group: string;
  /** A command line that sets it, with the flags that it needs beside it; a test tries the line. */
  example: readonly string[];
  /** The line of `--show` that tells of it, in the versions that have the limit; the other refuses it. */
  shown: Readonly<Partial<Record<Version, Named>>>;
  /** The property of a unit that has the same limit (systemd.resource-control(5)), in each of those versions. */
  property: Readonly<Partial<Record<Version, Named>>>;
}

/** The heading for controllers that have no heading of their own. */
export const OTHERS = 'Other controllers';

/** Both versions have the same. */
export const both = <const T>(what: T): { 1: T; 2: T } => ({ 1: what, 2: what });

/** What the kernel counts, and where it says whose limit it was. */
export interface Account {
  /** A file with counts, and the word before the one that counts. */
  file: string;
  key: string;
  bytes: boolean;
  pairs: Whose['pairs'];
}

/** A file of a group, and the word before the number in it. */
export interface Count {
  file: string;
  key: string;
}

/** Where else the kernel says whose limit was hit, by the file with the counts. */
export interface Whose {
  /** Pairs of files: the peak of use, and the limit that it is to be compared with. */
  pairs: readonly (readonly [peak: string, limit: string])[];
  /** A file whose counts are for the group's own limit alone, and the word in it. */
  local?: readonly [file: string, key: string];
  /** Counts are the victim's group's: those of groups below are added up in an account. */
  account: boolean;
}

/** The words of a controller's file, whose name each cgroup version may have for itself; `[]` where the file is missing. */
export type Words = (controller: string, names: Readonly<Record<Version, string>>) => string[];

/** What is known of a controller; what is left out, it does not have. All but `refuse` and `use` is pure. */
export interface Controller {
  /** As hierarchies call it; v1 and v2 may differ. */
  names: readonly string[];
  flags: readonly LimitFlag[];
  /** The flags as a part of `linux.resources`. Throws `UsageError`. */
  parse(parsed: Parsed): LinuxResources;
  /** Whether all flags together agree. Throws `UsageError`. */
  check?(resources: LinuxResources): void;
  /** Its sections of a spec with those that are `added` over them. Throws a `Failure` where they contradict each other. */
  merge?(old: LinuxResources, added: LinuxResources): LinuxResources;
  /** Members of its section of which 0 says "not set", as Docker writes it for what was not asked. */
  unset?: Readonly<Record<string, readonly string[]>>;
  /** What of a container's limits is left undone although the spec allows to go on without it. */
  warnings?(resources: LinuxResources): string[];

  /** The files that express its limits here, in an order in which they can be written. Throws a `Failure`. */
  settings?(resources: LinuxResources, abilities: Abilities, current: Current): Setting[];
  /** What is known of a file of v2 that a spec sets by its name (`unified`). */
  byName?(
    file: string,
    line: string,
  ): Partial<Pick<Setting, 'report' | 'saysInvalid'>> & { invalid?: string };
  /** Files with a line for each thing: what is written to take the line of `key` away. */
  tables?: Readonly<Record<string, (key: string) => string>>;
  /** What of limits that stand decides how others can be written. */
  current?(words: Words): { [K in keyof Current]?: Current[K] | undefined };
  /** Refuse an update that the kernel would take, and kill for. */
  refuse?(places: readonly Place[], resources: LinuxResources, view: View): void;
  /** A change of a file with what has to go with it. */
  changes?(change: Change, view: View): Change[];

  /** How often a process met the limit, by cgroup version. */
  hits?: Readonly<Record<Version, Count>>;
  /** Counts that are told at the end, of which groups below keep an account. */
  accounts?: readonly Account[];
  /** The same for other files. */
  whose?: Readonly<Record<string, Whose>>;

  /** systemd enables it for a unit that is delegated. */
  enabledBySystemd?: true;
  /** Files that systemd writes for another limit's sake. */
  rewritten?: readonly string[];
  /** One of its settings as properties of a unit; `all` has the others. */
  properties?(setting: Setting, all: readonly Setting[], current: Current): Property[];

  /** What a group has of it beside its limit: use, peak, pressure, counts. `pages` are the sizes of huge pages. */
  use?(target: Target, pages: readonly string[]): Line[];
  /** Its other limits that are set: those that differ from what the kernel gives a new group. */
  others?(target: Target, pages: readonly string[]): Line[];
}

/** A controller whose flags are parsed by `parse`, to which each is what its declaration says. */
export const controller = <const F extends readonly LimitFlag[]>({
  flags,
  parse,
  ...rest
}: Omit<Controller, 'flags' | 'parse'> & {
  flags: F;
  parse(values: Values<F>): LinuxResources;
}): Controller => ({ ...rest, flags, parse: (parsed) => parse(given(flags, parsed)) });

/** Whether any member is set: not absent, and not an empty list. */
export const hasValue = (section: object | undefined): boolean =>
  Object.values(section ?? {}).some(
    (v) => v !== undefined && v !== null && !(Array.isArray(v) && v.length === 0),
  );

/** A section without what is undefined; nothing where that is all. */
export function section<K extends keyof LinuxResources>(name: K, members: object): LinuxResources {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return there.length > 0 ? { [name]: Object.fromEntries(there) } : {};
}

/** The version whose files a controller has here. Throws a `Failure` where there is none; `what` needs it. */
export function carrier({ carriers }: Abilities, name: string, what: string): Version {
  const found = carriers[name];
  if (found === undefined)
    throw new Failure(
      `${what} needs the ${name} controller, which is not to be had here: the kernel lacks it, it is not mounted, or it is not delegated to this group (cgroup.controllers)`,
    );
  return found;
}

export const onlyV1 = (name: string): Failure =>
  new Failure(`${name} cannot be expressed in cgroup v2; leave it out`);

/** A list with others over it: what has the same key is replaced. */
export function byKey<T>(old: readonly T[] | undefined, added: readonly T[], key: (item: T) => string): T[] {
  const replaced = new Set(added.map(key));
  return [...(old ?? []).filter((item) => !replaced.has(key(item))), ...added];
}
