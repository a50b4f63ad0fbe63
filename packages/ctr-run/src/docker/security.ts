import { UsageError } from '@ctr-tools/cli';
import { type Call, many, one } from '../subcommand.ts';

export interface Security {
  seccomp?: string;
  /** A list of at most one. */
  apparmor: readonly string[];
  /** Kernel files are neither masked nor read-only. */
  unmasked: boolean;
}

/** `--seccomp`, `--apparmor`, and what `--security-opt` says of the same (docker-run(1)). Throws `UsageError`. */
export function securityOf(call: Call): Security {
  const security: Security = { apparmor: many(call, 'apparmor'), unmasked: false };
  const seccomp = one(call, 'seccomp');
  if (seccomp !== undefined) security.seccomp = seccomp;
  for (const option of many(call, 'security-opt')) {
    // Docker before 1.11 wrote a colon.
    const [, key = option, value] = /^([a-z-]+)[=:](.*)$/.exec(option) ?? [];
    if (key === 'seccomp' && value) security.seccomp = value;
    else if (key === 'apparmor' && value) security.apparmor = [value];
    else if (option === 'systempaths=unconfined') security.unmasked = true;
    // A container of a person's has no_new_privs anyway; what asks for less is refused.
    else if (key === 'no-new-privileges' && value !== 'false') continue;
    // Without SELinux there is no label; with it a process keeps its caller's.
    else if (option === 'label=disable' || option === 'label:disable') continue;
    else
      throw new UsageError(
        `--security-opt ${option}: it is seccomp=PROFILE, apparmor=PROFILE, no-new-privileges, label=disable or systempaths=unconfined here`,
      );
  }
  return security;
}
