import { Failure, UsageError } from '@ctr-tools/cli';
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { SIGNALS, SIGRTMAX, SIGRTMIN } from '@ctr-tools/sys/constants';
import { endSteps, killSteps } from '../container/killing.ts';
import { ownsPidNamespace } from '../container/making.ts';
import { specOf } from '../container/removal.ts';
import { mannerOf } from '../globals.ts';
import { groupsOf } from '../state/group.ts';
import { type Found, theRecord } from '../state/record.ts';
import { type Status, statusOf } from '../state/status.ts';
import { type Call, has } from '../subcommand.ts';

/** The number of a signal by number, name, or name with SIG, in any case (runc-kill(8)); real-time ones as RTMIN+N. */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number > SIGRTMAX) throw new UsageError(`there is no signal ${text}; signals are 1 to 64`);
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known = SIGNALS[`SIG${name}`];
  if (known !== undefined) return known;
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime) {
    const number =
      (realtime[1] === 'MIN' ? SIGRTMIN : SIGRTMAX) + Number(`${realtime[2] ?? '+'}${realtime[3] ?? 0}`);
    if (number >= SIGRTMIN && number <= SIGRTMAX) return number;
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
  const all = has(call, 'all') || endsAll(record, status, signal);
  if ((status === 'stopped' && !all) || status === 'creating')
    throw new Failure(`container not running (${record.id} is ${status})`);
  const steps = all
    ? killAll(record, status, signal)
    : killSteps({ pid: record.pid!, startTime: record.startTime }, signal);
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...steps, end]], mannerOf(globals, 1));
}

/**
 * SIGKILL is to end the container: where no PID namespace takes the others along with the first process they
 * are killed too, the first being gone or not; and who is frozen is thawed for it (runc 1.3, Container.Signal).
 */
function endsAll(record: Found, status: Status, signal: number): boolean {
  if (signal !== SIGNALS.SIGKILL || groupsOf(record).length === 0) return false;
  return status === 'paused' || !ownsPidNamespace(specOf(record));
}

/** Every process of the container: the first wherever it is, and all in its groups. Those that ended meanwhile are not a failure. */
function killAll(record: Found, status: Status, signal: number): AnyStep[] {
  const { id, pid, startTime } = record;
  const groups = groupsOf(record);
  if (groups.length === 0)
    throw new Failure(`kill all of ${id}: it has no cgroup that would tell its processes`);
  const first = status === 'stopped' || !pid ? undefined : { pid, startTime };
  if (signal === SIGNALS.SIGKILL) return endSteps(first, groups);
  const one = first ? killSteps(first, signal) : [];
  const args = { groups, signal, but: first?.pid ?? -1 };
  const doing = `send signal ${signal} to the processes in ${groups.join(', ')}`;
  return [...one, step('running', 'cgroup_signal', args, doing, { side: 'host' })];
}
