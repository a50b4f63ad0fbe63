import type { Host } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { apparmorfs, type LoadedProfile, loadedProfiles, type Modules, presentModules } from './modules.ts';
import type { ConfineOptions } from './options.ts';

export interface ConfineFacts extends Modules {
  /** The profile to be stacked, which a spec has no place for. */
  stack?: string;
  /** What is loaded; undefined where that cannot be seen. */
  profiles: readonly LoadedProfile[] | undefined;
  /** Whether securityfs is mounted, without which nothing can be seen or loaded. */
  securityfs: boolean;
}

/** The impure step: the kernel's modules and what is loaded; read only where a label is wanted. */
export function gatherConfine(options: ConfineOptions | undefined, spec: Spec, _host: Host): ConfineFacts {
  const { process, linux } = spec;
  const wanted =
    options?.applies ||
    process?.apparmorProfile ||
    process?.selinuxLabel ||
    (options === undefined && linux?.mountLabel);
  if (!wanted) return { apparmor: false, selinux: false, securityfs: false, profiles: undefined };
  const modules = presentModules();
  return {
    ...modules,
    ...(options?.stack !== undefined && { stack: options.stack }),
    securityfs: exists(apparmorfs),
    profiles: modules.apparmor ? loadedProfiles() : undefined,
  };
}
