import { Failure, UsageError } from '@ctr-tools/cli';
import { compile, type Plan, step } from '@ctr-tools/plan';
import { SIGNALS } from '@ctr-tools/sys/constants';
import { killSteps } from '../container/killing.ts';
import { mannerOf } from '../globals.ts';
import { groupOf, processesIn } from '../state/group.ts';
import { type Found, theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, has } from '../subcommand.ts';

/** The number of a signal by number, name, or name with SIG, in any case (runc-kill(8)); real-time ones as RTMIN+N. */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number > 64) throw new UsageError(`there is no signal ${text}; signals are 1 to 64`);
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known = SIGNALS[`SIG${name}`];
  if (known !== undefined) return known;
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime) {
    // SIGRTMIN as programs see it: the C library keeps 32 and 33 (signal(7)).
    const number = (realtime[1] === 'MIN' ? 34 : 64) + Number(`${realtime[2] ?? '+'}${realtime[3] ?? 0}`);
    if (number >= 34 && number <= 64) return number;
  }
  throw new UsageError(`unknown signal "${text}"; it can be a number or a name like TERM`);
}

/**
 * `ctr-run kill ID [SIGNAL]`. The process is held by a pidfd and proved to be the
 * container's by its start time, so that a PID used again is never hit.
 */
export function run(call: Call): Plan {
  const { parsed, globals } = call;
  const signal = signalNumber(parsed.operands[1] ?? 'TERM');
  const record = theRecord(globals.root, parsed.operands[0]!);
  const status = statusOf(record);
  if (has(call, 'all')) return killAll(record, signal, call);
  if (status === 'stopped' || status === 'creating' || !record.pid) {
    throw new Failure(`container not running (${record.id} is ${status})`);
  }
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile(
    [[...killSteps({ pid: record.pid, startTime: record.startTime }, signal), end]],
    mannerOf(globals, 1),
  );
}

/** Every process in the container's groups; those that ended meanwhile are no failure. */
function killAll(record: Found, signal: number, { globals }: Call): Plan {
  const path = groupOf(record);
  if (path === undefined)
    throw new Failure(`kill all of ${record.id}: it has no cgroup that would tell its processes`);
  if (signal === SIGNALS.SIGKILL) {
    const kill = step('state', 'cgroup_kill', { path }, `kill every process in ${path}`, { side: 'host' });
    return compile(
      [[kill, step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' })]],
      mannerOf(globals, 1),
    );
  }
  const kills = processesIn(path).map((pid) =>
    step('running', 'kill', { pid, pidfd: -1, signal }, `signal process ${pid}`, { side: 'host' }),
  );
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...kills, end]], mannerOf(globals, 1));
}
