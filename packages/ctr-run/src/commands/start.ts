import { Failure } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { compile, type Plan } from '@ctr-tools/plan';
import { managerSocket, notifyDirectory } from '../container/notify.ts';
import { startSteps } from '../container/starting.ts';
import { mannerOf } from '../globals.ts';
import { readOwnFile, theRecord } from '../state/record.ts';
import { startFifo, statusOf } from '../state/status.ts';
import type { Call } from '../subcommand.ts';

/** `ctr-run start ID`: let a created container go. */
export function run({ globals, host, parsed }: Call): Plan {
  const id = parsed.operands[0]!;
  const record = theRecord(globals.root, id);
  const status = statusOf(record);
  if (status === 'stopped')
    throw new Failure(`cannot start container ${id}: it has stopped; delete it and create it anew`);
  if (status === 'paused' && exists(startFifo(record.directory)))
    throw new Failure(`cannot start container ${id}: it is paused; resume it first`);
  if (status !== 'created') throw new Failure(`cannot start container ${id}: it is already ${status}`);
  const spec = parseJson(readOwnFile(`${record.directory}/config.json`), 'config.json') as Spec;
  const manager = managerSocket(host);
  // A container that was created without a manager has no socket to say it on.
  const notify = manager !== undefined && exists(notifyDirectory(record.directory)) ? manager : undefined;
  return compile([startSteps(record, spec, notify)], mannerOf(globals, 1));
}
