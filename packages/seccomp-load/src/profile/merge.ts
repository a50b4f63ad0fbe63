import { UsageError } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { permits, returnValue } from '../actions.ts';
import type { DockerProfile, DockerSyscall } from './types.ts';

const allows = ({ action }: DockerSyscall): boolean => permits(returnValue(action, undefined));

/** What a rule says, its names apart. */
const saying = ({ names: _, ...rest }: DockerSyscall): string => serializeJson(rest);

/** Rules that say the same but for their names become one. */
function joined(rules: readonly DockerSyscall[]): DockerSyscall[] {
  const found = new Map<string, DockerSyscall>();
  for (const rule of rules) {
    const key = saying(rule);
    const names = [...(found.get(key)?.names ?? []), ...rule.names];
    found.set(key, { ...rule, names: [...new Set(names)].sort() });
  }
  return [...found.values()];
}

/**
 * Pure. The profile that permits what any of these permits: of two runs that were learned, what either needed.
 * A refusal of its own (clone3 with ENOSYS) stays where no profile permits the call. Throws `UsageError` for
 * profiles that list what is refused: of these the union would refuse less than each, and loading them one
 * after the other refuses what any refuses.
 */
export function merge(profiles: readonly DockerProfile[], names: readonly string[]): DockerProfile {
  const [first, ...others] = profiles as [DockerProfile, ...DockerProfile[]];
  for (const [i, profile] of profiles.entries())
    if (permits(returnValue(profile.defaultAction, undefined)))
      throw new UsageError(
        `--merge: ${names[i]} permits what it does not name; give both profiles to a command, and what either refuses is refused`,
      );
  for (const [i, profile] of others.entries())
    if (profile.defaultAction !== first.defaultAction || profile.defaultErrnoRet !== first.defaultErrnoRet)
      throw new UsageError(
        `--merge: ${names[0]} and ${names[i + 1]} refuse in different ways (defaultAction)`,
      );
  const rules = profiles.flatMap(({ syscalls = [] }) => syscalls);
  const permitted = new Set(rules.filter(allows).flatMap((rule) => rule.names));
  const refusals = rules
    .filter((rule) => !allows(rule))
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => !permitted.has(name)) }))
    .filter((rule) => rule.names.length > 0);
  const architectures = [...new Set(profiles.flatMap((profile) => profile.architectures ?? []))];
  const archMap = profiles.find((profile) => profile.archMap)?.archMap;
  const flags = [...new Set(profiles.flatMap((profile) => profile.flags ?? []))];
  const { archMap: _map, architectures: _list, flags: _flags, ...rest } = first;
  return {
    ...rest,
    ...(archMap ? { archMap } : architectures.length > 0 && { architectures }),
    ...(flags.length > 0 && { flags }),
    syscalls: joined([...rules.filter(allows), ...refusals]),
  };
}
