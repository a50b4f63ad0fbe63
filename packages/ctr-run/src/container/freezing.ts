import { freeze, targetOfRecord } from '@ctr-tools/cg-limit/acts';
import { Failure } from '@ctr-tools/cli';
import { theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import type { Call } from '../subcommand.ts';

/** Freeze or thaw a container and wait until it is so. */
export async function freezing({ globals, parsed, host }: Call, on: boolean): Promise<number> {
  const record = theRecord(globals.root, parsed.operands[0]!);
  const status = statusOf(record);
  const wanted = on ? ['running', 'created'] : ['paused'];
  if (!wanted.includes(status)) {
    throw new Failure(`cannot ${on ? 'pause' : 'resume'} container ${record.id}: it is ${status}`);
  }
  return freeze(targetOfRecord(record.id, record.cgroup), on, host.pid);
}
