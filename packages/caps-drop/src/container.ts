/** The half of caps-drop that a container of ctr-run needs: a start does not pay for the command line's. */
import type { Spec } from '@ctr-tools/oci';
import type { CapsFacts } from './gather.ts';
import { grantable } from './grant.ts';

export { type CapsFacts, gatherCaps as gather } from './gather.ts';
export { capsSteps as steps } from './steps.ts';

/** What of a container's capabilities cannot be given to it; the specification wants it logged (config.md, Linux Process). */
export const warnings = (spec: Spec, facts: CapsFacts): readonly string[] => grantable(spec, facts).warnings;
