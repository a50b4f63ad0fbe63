/** What an amended spec's hooks run. The container's state is on stdin (runtime.md, State). */
import { Failure, type Host, type Outcome, readStdin, UsageError } from '@ctr-tools/cli';
import { parseJson } from '@ctr-tools/oci';
import { type AnyStep, compile, type Slot, slot, step } from '@ctr-tools/plan';
import { CLONE, O } from '@ctr-tools/sys/constants';
import { gatherJoining } from '../gather.ts';
import type { Options } from '../options.ts';
import { memberIfAny } from '../records.ts';
import { resolverFor } from '../resolver.ts';
import { acceptAtOnce, joinSteps } from '../steps.ts';
import { undoPlan } from './undo.ts';

export function hook(word: string, options: Options, host: Host): Outcome {
  if (word !== 'add' && word !== 'del') throw new UsageError(`--hook ${word}: it is add or del`);
  const state = parseJson(readStdin() ?? '', "the container's state on stdin") as {
    id?: unknown;
    pid?: unknown;
  };
  if (typeof state?.id !== 'string' || state.id === '')
    throw new Failure("the container's state on stdin has no id");
  const id = memberId(state.id);
  if (word === 'del') {
    const member = memberIfAny(id);
    return member ? undoPlan([member]) : 0;
  }
  if (typeof state.pid !== 'number' || state.pid < 1)
    throw new Failure("the container's state on stdin has no pid");
  return joinPlan(id, state.pid, options, host);
}

/** An ID of CNI's is letters, digits and . _ - (specification, section 2); one of OCI's may have a + besides. */
export const memberId = (id: string): string => id.replaceAll('+', '_');

export function joinPlan(id: string, pid: number, options: Options, host: Host): Outcome {
  const cniPath = host.env.get('CNI_PATH');
  const who = { pid, names: options.names, timeout: options.timeout };
  const facts = { resolver: resolverFor(options), ...(cniPath && { cniPath }) };
  const steps = [...quickSteps(pid), ...joinSteps(gatherJoining(options, id, host), who, facts, 'failure')];
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...steps, end]], { tool: 'net-join', exit: 125 });
}

/** In its namespace: lo is up, which a runtime does or does not; and see `acceptAtOnce`. */
function quickSteps(pid: number): AnyStep[] {
  const [own, inside] = [slot('ns.own'), slot('ns.inside')];
  const side = 'host' as const;
  const opened = (path: string, fd: Slot): AnyStep =>
    step('join', 'open', { path, flags: O.RDONLY | O.CLOEXEC, fd }, `open ${path}`, { side });
  const entered = (fd: Slot, doing: string): AnyStep =>
    step('join', 'setns', { fd, flags: CLONE.NEWNET }, doing, { side });
  return [
    opened('/proc/self/ns/net', own),
    opened(`/proc/${pid}/ns/net`, inside),
    entered(inside, 'enter the network namespace'),
    step('join', 'loopback_up', {}, 'bring up lo', { side }),
    acceptAtOnce('join', 'host'),
    entered(own, 'come back'),
  ];
}
