/** Rules on the command line: calls that are taken away from a profile. */
import { UsageError } from '@ctr-tools/cli';
import { nearest } from '@ctr-tools/oci';
import { abis, isCallAnywhere, table } from './abi.ts';
import { permits, returnValue } from './actions.ts';
import { expand, unknownGroup } from './groups.ts';
import type { DockerProfile, DockerSyscall } from './profile/types.ts';

/** Names of calls and groups between commas. Throws `UsageError` for one that no kernel has: what is misspelt would not be refused. */
export function parseCalls(texts: readonly string[]): string[] {
  const names = texts.flatMap((text) => text.split(',')).map((name) => name.trim());
  for (const name of names) {
    const wrong = unknownGroup(name);
    if (wrong) throw new UsageError(`--deny: ${wrong}`);
    if (name.startsWith('@') || isCallAnywhere(name)) continue;
    const guess = nearest(
      name,
      [...abis.keys()].flatMap((abi) => [...table(abi).numbers.keys()]),
    );
    throw new UsageError(
      `--deny: no kernel has the call ${JSON.stringify(name)}${guess ? `; ${guess} was probably meant` : ''}`,
    );
  }
  return expand([...new Set(names)]);
}

/** Pure. The profile with these calls refused: with EPERM where its default permits, else as it refuses the rest. */
export function without(profile: DockerProfile, calls: readonly string[]): DockerProfile {
  if (calls.length === 0) return profile;
  const denied = new Set(calls);
  const refuses = ({ action }: DockerSyscall): boolean => !permits(returnValue(action, undefined));
  const kept = (profile.syscalls ?? []).flatMap((rule) => {
    if (refuses(rule)) return [rule];
    const names = rule.names.filter((name) => !denied.has(name));
    return names.length === rule.names.length ? [rule] : names.length > 0 ? [{ ...rule, names }] : [];
  });
  const refusal: DockerSyscall = { names: [...calls], action: 'SCMP_ACT_ERRNO', comment: '--deny' };
  return {
    ...profile,
    syscalls: permits(returnValue(profile.defaultAction, undefined)) ? [refusal, ...kept] : kept,
  };
}
