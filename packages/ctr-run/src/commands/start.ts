import { readFileSync } from 'node:fs';
import { Failure } from '@ctr-tools/cli';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { type AnyStep, compile, type Plan, slot, step, undo } from '@ctr-tools/plan';
import { O, SIGNALS } from '@ctr-tools/sys/constants';
import { hookSteps } from '../container/hooks.ts';
import { stateJson } from '../container/state-json.ts';
import { mannerOf } from '../globals.ts';
import { type Found, theRecord } from '../state/record.ts';
import { startFifo, startReport, statusOf } from '../state/status.ts';
import type { Call } from '../subcommand.ts';

/**
 * `ctr-run start ID`: let a created container go. Opening the FIFO for writing without
 * waiting fails with ENXIO when nobody reads it (fifo(7)), so a container that died after
 * `create` is an error at once and never a hang.
 */
export function run({ globals, parsed }: Call): Plan {
  const id = parsed.operands[0]!;
  const record = theRecord(globals.root, id);
  const status = statusOf(record);
  if (status === 'stopped')
    throw new Failure(`cannot start container ${id}: it has stopped; delete it and create it anew`);
  if (status !== 'created') throw new Failure(`cannot start container ${id}: it is already ${status}`);
  const fifo = startFifo(record.directory);
  const report = startReport(record.directory);
  const fd = slot('start');
  const side = 'host';
  const spec = parseJson(readFileSync(`${record.directory}/config.json`), 'config.json') as Spec;
  const open = { path: fifo, flags: O.WRONLY | O.NONBLOCK, mode: 0, fd };
  return compile(
    [
      [
        step('state', 'open', open, `start container ${id}`, {
          side,
          hints: { ENXIO: 'its process died after create; delete it', ENOENT: 'it was started meanwhile' },
        }),
        ...(spec.hooks?.poststart?.length ? stopIfFailed(record) : []),
        step('running', 'write_fd', { fd, data: '0' }, `start container ${id}`, {
          side,
          hints: { EPIPE: 'its process died after create; delete it' },
        }),
        step('running', 'unlink', { path: fifo }, `remove ${fifo}`, { side, unless: ['ENOENT'] }),
        step('running', 'await_reader', { fd, report }, `start container ${id}`, { side }),
        ...hookSteps(spec, 'poststart', (s) => stateJson(record, s, record.pid)),
        step('supervise', 'exit', { code: 0 }, 'end', { side }),
      ],
    ],
    mannerOf(globals, 1),
  );
}

/** A poststart hook that fails stops the container (runtime.md, Lifecycle 10). */
function stopIfFailed({ pid }: Found): AnyStep[] {
  const pidfd = slot('pidfd');
  const kill = { pid: pid!, pidfd, signal: SIGNALS.SIGKILL! };
  return [
    step('state', 'pidfd_open', { pid: pid!, pidfd }, `find process ${pid}`, {
      side: 'host',
      hints: { ESRCH: 'its process died after create; delete it' },
      undo: undo('failure', 'kill', kill, `stop the container`),
    }),
  ];
}
