import { Failure } from '@ctr-tools/cli';
import type { Rlimit, Spec } from '@ctr-tools/oci';
import { type AnyStep, type Phase, type Side, slot, step } from '@ctr-tools/plan';
import { RLIM_INFINITY, rlimitNames } from '@ctr-tools/sys/constants';
import type { ProcessFacts } from './gather.ts';

/** Resource limits, in the order of the spec. Throws a `Failure` for what config.md calls an error. */
export function rlimitSteps(limits: readonly Rlimit[], facts: Pick<ProcessFacts, 'raised'>): AnyStep[] {
  const seen = new Set<string>();
  return limits.map((limit) => {
    const { type } = limit;
    const resource = (rlimitNames as readonly string[]).indexOf(type);
    if (resource < 0) throw new Failure(`process.rlimits: there is no resource limit "${type}"`);
    // config.md: "If rlimits contains duplicated entries with same type, the runtime MUST generate an error."
    if (seen.has(type)) throw new Failure(`process.rlimits: ${type} is given twice`);
    seen.add(type);
    const soft = BigInt.asUintN(64, BigInt(limit.soft));
    const hard = BigInt.asUintN(64, BigInt(limit.hard));
    if (soft > hard) {
      throw new Failure(
        `process.rlimits: the soft ${type} of ${word(soft)} is above the hard one of ${word(hard)}`,
      );
    }
    const doing = `set ${type} to ${word(soft)}, at most ${word(hard)}`;
    const less = `ask for less${type === 'RLIMIT_NOFILE' ? ' (/proc/sys/fs/nr_open is the most)' : ''}`;
    // The launcher says by itself what raising one's own takes; in a user namespace it counts for nothing (getrlimit(2)).
    const own = { EPERM: less };
    const others = {
      EPERM: `raising a hard limit needs CAP_SYS_RESOURCE outside of any user namespace; ${less}`,
    };
    // In its user namespace the process has no CAP_SYS_RESOURCE that counts for limits (getrlimit(2)).
    return facts.raised.includes(type)
      ? step('limits', 'prlimit', { pid: slot('child.pid'), resource, soft, hard }, doing, {
          side: 'host',
          hints: others,
        })
      : step('limits', 'prlimit', { resource, soft, hard }, doing, { hints: own });
  });
}

const word = (value: bigint): string => (value === RLIM_INFINITY ? 'unlimited' : String(value));

/**
 * oom_score_adj (proc_pid_oom_score_adj(5)). A container inherits it: once in a user namespace
 * of its own the process could not lower it, since only CAP_SYS_RESOURCE of the first one
 * counts. So the host takes the value on just before the process is born, and puts its own
 * back behind it, which needs no privilege where it was raised.
 */
export function oomSteps(spec: Spec, facts: ProcessFacts): AnyStep[] {
  const value = spec.process?.oomScoreAdj;
  if (value === undefined) return [];
  if (!Number.isInteger(value) || value < -1000 || value > 1000) {
    throw new Failure(`process.oomScoreAdj: ${value} is not between -1000 and 1000`);
  }
  if (facts.mode === 'apply') return writeOom('limits', 'container', value, facts);
  if (value === facts.oomScoreAdj) return [];
  return [
    ...writeOom('descriptors', 'host', value, facts),
    ...writeOom('cgroup-join', 'host', facts.oomScoreAdj, facts),
  ];
}

function writeOom(phase: Phase, side: Side, value: number, facts: ProcessFacts): AnyStep[] {
  const hints = { EACCES: 'lowering it needs CAP_SYS_RESOURCE', EPERM: 'lowering it needs CAP_SYS_RESOURCE' };
  const args = { path: 'self/oom_score_adj', data: String(value) };
  // A process that is executed in a container keeps the container's where it may not have another, as under runc and crun.
  const rest = facts.exec ? { side, unless: ['EACCES', 'EPERM'] } : { side, hints };
  const write = step(phase, 'proc_write', args, `set oom_score_adj to ${value}`, rest);
  // /proc files of a process that cannot be dumped belong to root (proc(5)).
  if (!facts.unprivileged) return [write];
  return [
    step(phase, 'dumpable', { on: 1 }, 'open our own /proc files to us', { side }),
    write,
    step(phase, 'dumpable', { on: 0 }, 'close our own /proc files again', { side }),
  ];
}
