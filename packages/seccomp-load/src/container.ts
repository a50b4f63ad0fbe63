/** The half of seccomp-load that a container of ctr-run needs: a start does not pay for the command line's. */
import type { Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { containerFacts, type SeccompFacts } from './facts.ts';

export type { SeccompFacts } from './facts.ts';
export { seccompSteps as steps } from './steps.ts';

export const gather = (_options: undefined, _spec: Spec, host: Host): SeccompFacts => containerFacts(host);
