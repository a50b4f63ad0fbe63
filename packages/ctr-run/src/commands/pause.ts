import type { Plan } from '@ctr-tools/plan';
import { freezing } from '../container/freezing.ts';
import type { Call } from '../subcommand.ts';

/** `ctr-run pause ID`: freeze all processes of a container (runc-pause(8)). */
export const run = (call: Call): Plan => freezing(call, true);
