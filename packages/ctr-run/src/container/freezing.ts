import { readFileSync, writeFileSync } from 'node:fs';
import { Failure } from '@ctr-tools/cli';
import { type Found, theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import type { Call } from '../subcommand.ts';

/** How long the kernel may take: a process in an uninterruptible wait freezes only after it. */
const patience = 5000;

/** Freeze or thaw a container and wait until it is so. */
export function freezing({ globals, parsed }: Call, freeze: boolean): number {
  const record = theRecord(globals.root, parsed.operands[0]!);
  const status = statusOf(record);
  const wanted = freeze ? ['running', 'created'] : ['paused'];
  if (!wanted.includes(status)) {
    throw new Failure(`cannot ${freeze ? 'pause' : 'resume'} container ${record.id}: it is ${status}`);
  }
  const { file, text, done } = switchOf(record, freeze);
  try {
    writeFileSync(file, text);
    const end = Date.now() + patience;
    while (!done()) {
      // v1's freezer wants to be told again while new processes appear (freezer-subsystem.rst).
      writeFileSync(file, text);
      if (Date.now() > end) {
        if (freeze) writeFileSync(file, switchOf(record, false).text);
        throw new Failure(
          `container ${record.id} did not ${freeze ? 'freeze' : 'thaw'} within ${patience / 1000} s; it is left as it was`,
        );
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`write ${text} to ${file}: ${(error as Error).message}`);
  }
  return 0;
}

/** v1 has FROZEN and THAWED in freezer.state; v2 writes 1 or 0 and tells of the outcome in cgroup.events. */
function switchOf(
  { id, cgroup }: Found,
  freeze: boolean,
): { file: string; text: string; done: () => boolean } {
  const { freezer, unified } = cgroup?.paths ?? {};
  const read = (path: string): string => readFileSync(path, 'latin1');
  if (freezer) {
    const text = freeze ? 'FROZEN' : 'THAWED';
    const file = `${freezer}/freezer.state`;
    return { file, text, done: () => read(file).trim() === text };
  }
  if (unified) {
    const bit = freeze ? '1' : '0';
    const events = `${unified}/cgroup.events`;
    return {
      file: `${unified}/cgroup.freeze`,
      text: bit,
      done: () => read(events).includes(`frozen ${bit}`),
    };
  }
  throw new Failure(`container ${id} has no cgroup with a freezer`);
}
