/** The half of seccomp-load that a container of ctr-run needs: a start does not pay for the command line's. */
import type { Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { actionWord } from './actions.ts';
import { misspelt } from './complaints.ts';
import { containerFacts, type SeccompFacts } from './facts.ts';
import { normalize } from './profile/normalize.ts';
import { answerTo } from './steps.ts';

export type { SeccompFacts } from './facts.ts';
export { seccompSteps as steps } from './steps.ts';

export const gather = (_options: undefined, _spec: Spec, host: Host): SeccompFacts => containerFacts(host);

/**
 * Calls that the filter is to refuse and no kernel has, misspelt perhaps: they would be let through. Not an
 * error here, since runc passes them over, and newer kernels may have them.
 */
export function warnings({ linux }: Spec, { native }: SeccompFacts): string[] {
  if (!linux?.seccomp) return [];
  const profile = normalize(linux.seccomp, native);
  const unknown = misspelt(profile).map((text) => `linux.seccomp.${text}`);
  const answer = answerTo('execve', profile);
  const kills = answer === undefined ? undefined : /^kill/.exec(actionWord(answer)) && actionWord(answer);
  if (!kills) return unknown;
  return [
    ...unknown,
    `linux.seccomp answers execve with ${kills}, which ends the command before it has begun`,
  ];
}
