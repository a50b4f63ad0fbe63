import { freezeSteps, targetOfRecord } from '@ctr-tools/cg-limit/acts';
import { Failure } from '@ctr-tools/cli';
import { compile, type Plan, step } from '@ctr-tools/plan';
import { mannerOf } from '../globals.ts';
import { theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import type { Call } from '../subcommand.ts';

/** Freeze or thaw a container and wait until it is so. */
export function freezing({ globals, parsed, host }: Call, on: boolean): Plan {
  const record = theRecord(globals.root, parsed.operands[0]!);
  const status = statusOf(record);
  const wanted = on ? ['running', 'created'] : ['paused'];
  if (!wanted.includes(status)) {
    throw new Failure(`cannot ${on ? 'pause' : 'resume'} container ${record.id}: it is ${status}`);
  }
  const steps = freezeSteps(targetOfRecord(record.id, record.cgroup), on, host.pid);
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...steps, end]], mannerOf(globals, 1));
}
