import type { Process, Spec, User } from '@ctr-tools/oci';
import { maskOf, specNames } from './capability-list.ts';
import type { CapsFacts } from './gather.ts';
import type { CapsOptions } from './options.ts';
import { type Sets, setNames } from './privileges.ts';
import { mentionsCapabilities, targetSets } from './target.ts';

/** Pure: `process.capabilities`, `process.noNewPrivileges` and `process.user` as the options want them. */
export function amendCaps(spec: Spec, options: CapsOptions, facts: CapsFacts): Spec {
  const process: Process = { ...(spec.process ?? { cwd: facts.mode === 'apply' ? '' : '/' }) };
  if (mentionsCapabilities(options.capabilities)) {
    const base = facts.mode === 'apply' ? facts.current : specSets(process);
    const target = targetSets(base, options.capabilities);
    process.capabilities = {
      ...process.capabilities,
      ...Object.fromEntries(setNames.map((name) => [name, specNames(target[name])])),
    };
  }
  if (options.noNewPrivileges !== undefined) process.noNewPrivileges = options.noNewPrivileges;
  const user = amendUser(process.user, facts);
  if (user) process.user = user;
  return { ...spec, process };
}

/** A spec without the section gives nothing: so runc and crun read it. */
function specSets(process: Process): Sets {
  return Object.fromEntries(
    setNames.map((name) => [name, maskOf(process.capabilities?.[name]).mask]),
  ) as Sets;
}

function amendUser(user: User | undefined, { identity, mode, current }: CapsFacts): User | undefined {
  const { uid, gid, groups } = identity;
  if (uid === undefined && gid === undefined && groups === undefined) return user;
  const present = mode === 'apply' ? { uid: current.uids[1]!, gid: current.gids[1]! } : { uid: 0, gid: 0 };
  const changed: User = {
    ...present,
    ...user,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
  if (groups) changed.additionalGids = [...groups];
  return changed;
}
