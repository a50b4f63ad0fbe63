/** The kernel's files for policy (Documentation/admin-guide/LSM/apparmor.rst; security/apparmor/apparmorfs.c). */
import { exists, join } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { apparmorfs } from '../modules.ts';

/** Directory of a policy namespace; `a//b` is b inside a. */
export function namespaceDirectory(namespace: string | undefined): string {
  const parts = namespace === undefined ? [] : namespace.split('//');
  return parts.reduce(
    (at, name) => join(at, 'namespaces', name),
    namespace === undefined ? apparmorfs : join(apparmorfs, 'policy'),
  );
}

const takesRoot = 'this takes root (CAP_MAC_ADMIN)';
const answers: Record<string, string> = {
  EACCES: takesRoot,
  EPERM: 'this takes root (CAP_MAC_ADMIN), or a profile of this name is loaded that may not be replaced',
  EEXIST: 'a profile of this name is loaded; --replace replaces it',
  ENOENT: 'no such profile is loaded (aa-confine --list)',
  EPROTONOSUPPORT: 'this kernel cannot read what this apparmor_parser writes; they are of too different age',
  EPROTO: 'the kernel cannot read the compiled profile',
};

/**
 * The plan that writes a policy into a namespace, in one write from the beginning, which is all that the kernel
 * takes. A namespace that is missing is made where something is loaded: mkdir in this file system makes it.
 */
export function policyPlan(
  namespace: string | undefined,
  file: '.load' | '.replace' | '.remove',
  data: Uint8Array,
  doing: string,
): Plan {
  const directory = namespaceDirectory(namespace);
  const side = 'host';
  const steps: AnyStep[] = [
    step('state', 'write', { path: join(directory, file), data }, doing, { side, hints: answers }),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
  if (namespace !== undefined && file !== '.remove' && !exists(directory))
    steps.unshift(
      step('state', 'mkdirs', { path: directory, mode: 0o755 }, `make the policy namespace ${namespace}`, {
        side,
        hints: { EACCES: takesRoot, EPERM: takesRoot },
      }),
    );
  return compile([steps], { tool: 'aa-confine', exit: 125 });
}
