import { freezeSteps, targetOfRecord } from '@ctr-tools/cg-limit/acts';
import { Failure } from '@ctr-tools/cli';
import { compile, type Plan, step } from '@ctr-tools/plan';
import { mannerOf } from '../globals.ts';
import { processesIn } from '../state/group.ts';
import { type Found, theRecord } from '../state/record.ts';
import { freezingOf, statusOf } from '../state/status.ts';
import type { Call } from '../subcommand.ts';

/** Freeze or thaw a container and wait until it is so. */
export function freezing({ globals, parsed, host }: Call, on: boolean): Plan {
  const record = theRecord(globals.root, parsed.operands[0]!);
  const status = statusOf(record);
  const wanted = on ? ['running', 'created'] : ['paused'];
  if (!wanted.includes(status)) {
    const lacks = on ? 'running' : 'paused';
    throw new Failure(
      `cannot ${on ? 'pause' : 'resume'}: container not ${lacks} (${record.id} is ${status})`,
    );
  }
  if (on) refuseElsewhere(record);
  const steps = freezeSteps(targetOfRecord(record.id, record.cgroup), on, host.pid);
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...steps, end]], mannerOf(globals, 1));
}

/** A first process that was moved to another group would run on. */
function refuseElsewhere(record: Found): void {
  const group = freezingOf(record)?.group;
  if (group !== undefined && !processesIn(group).includes(record.pid!))
    throw new Failure(
      `cannot pause container ${record.id}: its first process ${record.pid} has left ${group}, where it would be stopped`,
    );
}
