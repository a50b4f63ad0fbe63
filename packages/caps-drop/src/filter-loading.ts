/**
 * CAP_SYS_ADMIN for a container's filter. Without no_new_privs loading one takes it (seccomp(2)), and
 * the filter is loaded when all else is done, so that it need not allow our own calls.
 */
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, type Phase, step } from '@ctr-tools/plan';
import type { CapsFacts } from './gather.ts';
import type { Sets } from './privileges.ts';
import { hasUserNamespace } from './user-namespace.ts';

const sysAdmin = 1n << 21n;

export interface Loading {
  /** The sets until the filter is about to be loaded: the capability is permitted, and not effective. */
  until: Sets;
  steps: AnyStep[];
}

/** What loading the filter of a spec takes beside the sets that its process is to have. */
export function filterLoading(spec: Spec, sets: Sets, facts: CapsFacts): Loading | undefined {
  const wanted = spec.linux?.seccomp && !spec.process?.noNewPrivileges && !(sets.effective & sysAdmin);
  const held = hasUserNamespace(spec) || (facts.current.permitted & sysAdmin) !== 0n;
  if (!wanted || !held) return undefined;
  const until = { ...sets, permitted: sets.permitted | sysAdmin };
  return {
    until,
    steps: [
      capset(
        'no-new-privs',
        { ...until, effective: sets.effective | sysAdmin },
        'make CAP_SYS_ADMIN effective, to load the seccomp filter',
      ),
      // The filter may refuse this, which changes nothing for the command: execve(2) makes its sets of the
      // bounding, the inheritable and the ambient one (capabilities(7)), where the capability never was.
      { ...capset('seccomp-loaded', sets, 'give CAP_SYS_ADMIN up again'), unless: ['any'] },
    ],
  };
}

const capset = (phase: Phase, { effective, permitted, inheritable }: Sets, doing: string): AnyStep =>
  step(phase, 'capset', { effective, permitted, inheritable }, doing);
