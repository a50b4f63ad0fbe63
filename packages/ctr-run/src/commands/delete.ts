import { Failure } from '@ctr-tools/cli';
import { exists, statIfAny } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, slot, step, template } from '@ctr-tools/plan';
import { endSteps, type Process } from '../container/killing.ts';
import { removalSteps, removeState, specOf } from '../container/removal.ts';
import { mannerOf } from '../globals.ts';
import { type Found, readRecord } from '../state/record.ts';
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
    if (exists(directory)) return compile([removeState(directory)], mannerOf(globals, 1));
    // As runc: a forced delete of what is not there has reached its aim.
    if (force) return 0;
    throw new Failure(`container does not exist: "${id}"`);
  }
  const status = statusOf(record);
  if (status !== 'stopped' && !force) {
    throw new Failure(
      `cannot delete container ${id} that is not stopped: ${status}; kill it first, or use --force`,
    );
  }
  const { pid, startTime, maker } = record;
  const alive = status === 'stopped' ? undefined : pid ? { pid, startTime } : maker;
  const before = pid ? [] : unfinished(record, alive, globals.root);
  return compile([[...before, ...removalSteps(record, specOf(record), alive)]], mannerOf(globals, 1));
}

/**
 * Who deletes a container while it is made ends its maker, and with that what the maker has begun. A maker that
 * got further meanwhile has written another state, by renaming: then nothing that was read here holds.
 */
function unfinished({ directory, id }: Found, maker: Process | undefined, root: string): AnyStep[] {
  if (!maker) return [];
  const path = `${directory}/state.json`;
  const doing = `delete container ${id}`;
  const finished = 'it was finished meanwhile; delete it again';
  const wanted = String(statIfAny(path)?.ino);
  if (readRecord(root, id)?.status !== 'creating') throw new Failure(`${doing}: ${finished}`);
  const inode = slot('state.inode');
  return [
    ...endSteps(maker, []),
    step('ready', 'inode', { path, fd: -1, filesystem: 0, inode }, `look at ${path}`, {
      side: 'host',
      unless: ['ENOENT'],
    }),
    step('ready', 'expect', { found: template`${inode}`, wanted }, doing, {
      side: 'host',
      hints: { ESRCH: finished },
    }),
  ];
}
