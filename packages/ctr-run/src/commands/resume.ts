import type { Plan } from '@ctr-tools/plan';
import { freezing } from '../container/freezing.ts';
import type { Call } from '../subcommand.ts';

/** `ctr-run resume ID`: thaw them (runc-resume(8)). */
export const run = (call: Call): Plan => freezing(call, false);
