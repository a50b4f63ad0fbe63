/** What an exec leaves of a process's capabilities (capabilities(7), "Transformation of capabilities during execve"). */
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
  const [real, effective] = p.uids;
  const root = (uid: number | undefined) => uid !== undefined && uid === rootUid;
  if (root(real) || root(effective)) {
    // For root the file counts as having every capability; no_new_privs lets nothing be gained by that
    // (security/commoncap.c, cap_bprm_creds_from_file).
    const permitted = (p.inheritable | p.bounding) & (p.noNewPrivs ? p.permitted : ~0n);
    return root(effective)
      ? {
          permitted,
          effective: permitted,
          ambient: p.ambient,
          because: p.noNewPrivs
            ? 'root keeps what it has; no_new_privs lets nothing be gained'
            : 'root gets the bounding and inheritable sets',
        }
      : {
          permitted,
          effective: p.ambient,
          ambient: p.ambient,
          because: 'the real user is root, the effective one is not',
        };
  }
  return {
    permitted: p.ambient,
    effective: p.ambient,
    ambient: p.ambient,
    because: p.ambient
      ? 'another user than root keeps the ambient set'
      : 'another user than root keeps only the ambient set, which is empty',
  };
}
