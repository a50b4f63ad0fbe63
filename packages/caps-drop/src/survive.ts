/** What an exec leaves of a process's capabilities, and why. */
import { capabilitiesAfterExec } from '@ctr-tools/plan';
import type { Privileges } from './privileges.ts';

export interface AfterExec {
  permitted: bigint;
  effective: bigint;
  ambient: bigint;
  /** Why, as a clause. */
  because: string;
}

/**
 * For an ordinary program: no set-user-ID bit and no file capabilities. `rootUid` is the ID
 * of root in the process's user namespace, as the reader counts; undefined where root is
 * not mapped.
 */
export function afterExec(p: Privileges, rootUid: number | undefined): AfterExec {
  const { permitted, effective, ambient } = capabilitiesAfterExec(p, rootUid);
  return { permitted, effective, ambient, because: reason(p, rootUid) };
}

function reason({ uids, noNewPrivs, ambient }: Privileges, rootUid: number | undefined): string {
  const [real, effective] = uids;
  if (rootUid !== undefined && effective === rootUid)
    return noNewPrivs
      ? 'root keeps what it has; no_new_privs lets nothing be gained'
      : 'root gets the bounding and inheritable sets';
  if (rootUid !== undefined && real === rootUid) return 'the real user is root, the effective one is not';
  return ambient
    ? 'another user than root keeps the ambient set'
    : 'another user than root keeps only the ambient set, which is empty';
}
