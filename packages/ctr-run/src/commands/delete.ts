import { Failure } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import { invalidId } from '@ctr-tools/oci';
import { compile, type Plan } from '@ctr-tools/plan';
import { removalSteps, removeState, specOf } from '../container/removal.ts';
import { mannerOf } from '../globals.ts';
import { readRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, has } from '../subcommand.ts';

/**
 * `ctr-run delete [--force] ID`: take back all that the container was given, also after its
 * supervisor was killed or it was never finished. It works from the state alone.
 */
export function run(call: Call): Plan | number {
  const { globals, parsed } = call;
  const id = parsed.operands[0]!;
  const force = has(call, 'force');
  const record = readRecord(globals.root, id);
  if (!record) {
    // Who was killed between taking the name and writing the state has made nothing else yet.
    const directory = `${globals.root}/${id}`;
    if (invalidId(id) === undefined && exists(directory))
      return compile([removeState(directory)], mannerOf(globals, 1));
    // As runc: a forced delete of what is not there has reached its aim.
    if (force) return 0;
    throw new Failure(`container "${id}" does not exist`);
  }
  const status = statusOf(record);
  if (status !== 'stopped' && !force) {
    throw new Failure(
      `cannot delete container ${id} that is not stopped: ${status}; kill it first, or use --force`,
    );
  }
  const { pid, startTime } = record;
  const alive = status !== 'stopped' && pid ? { pid, startTime } : undefined;
  return compile([removalSteps(record, specOf(record), alive)], mannerOf(globals, 1));
}
