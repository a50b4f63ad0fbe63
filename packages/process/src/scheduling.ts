import { Failure } from '@ctr-tools/cli';
import { viewOf } from '@ctr-tools/host';
import type { IOPriority, MemoryPolicy, Personality, Scheduler, Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import {
  IOPRIO_CLASS,
  IOPRIO_CLASS_SHIFT,
  IOPRIO_NR_LEVELS,
  MPOL,
  MPOL_F,
  PER,
  PER_FLAG,
  SCHED,
  SCHED_ATTR_SIZE,
  SCHED_FLAG,
} from '@ctr-tools/sys/constants';
import { numberMask, parseNumberList } from '@ctr-tools/sys/proc';
import type { ProcessFacts } from './gather.ts';

/** A name's value, or a `Failure` that lists what there is. */
function known<T extends Record<string, number>>(table: T, name: string, where: string): number {
  if (Object.hasOwn(table, name)) return table[name]!;
  throw new Failure(`${where}: "${name}" is none of ${Object.keys(table).join(', ')}`);
}

const flagsOf = (
  table: Record<string, number>,
  names: readonly string[] | undefined,
  where: string,
): number => (names ?? []).reduce((all, name) => all | known(table, name, where), 0);

/** `struct sched_attr` (sched_setattr(2)), little-endian as on every machine we know. */
export function schedulerAttr(scheduler: Scheduler): Uint8Array {
  const bytes = new Uint8Array(SCHED_ATTR_SIZE);
  const view = viewOf(bytes);
  view.setUint32(0, SCHED_ATTR_SIZE, true);
  view.setUint32(4, known(SCHED, scheduler.policy, 'process.scheduler.policy'), true);
  view.setBigUint64(8, BigInt(flagsOf(SCHED_FLAG, scheduler.flags, 'process.scheduler.flags')), true);
  view.setInt32(16, scheduler.nice ?? 0, true);
  view.setUint32(20, scheduler.priority ?? 0, true);
  view.setBigUint64(24, BigInt(scheduler.runtime ?? 0), true);
  view.setBigUint64(32, BigInt(scheduler.deadline ?? 0), true);
  view.setBigUint64(40, BigInt(scheduler.period ?? 0), true);
  return bytes;
}

/** The value that ioprio_set(2) takes. */
export function ioprioValue(priority: IOPriority): number {
  const level = priority.priority ?? 0;
  if (!Number.isInteger(level) || level < 0 || level >= IOPRIO_NR_LEVELS) {
    throw new Failure(`process.ioPriority.priority: ${level} is not between 0 and ${IOPRIO_NR_LEVELS - 1}`);
  }
  return (known(IOPRIO_CLASS, priority.class, 'process.ioPriority.class') << IOPRIO_CLASS_SHIFT) | level;
}

/** The value that personality(2) takes. */
export function personaValue(personality: Personality): number {
  return (
    known(PER, personality.domain, 'linux.personality.domain') |
    flagsOf(PER_FLAG, personality.flags, 'linux.personality.flags')
  );
}

/** Numbers of a list in the spec as a mask, or a `Failure` that says where it stands. */
function mask(list: string, where: string): Uint8Array {
  try {
    return numberMask(parseNumberList(list));
  } catch (error) {
    throw new Failure(`${where}: ${(error as Error).message}`);
  }
}

/** The arguments of set_mempolicy(2). The kernel counts `maxnode` from 1: one more than there are bits. */
export function memoryPolicyArgs(policy: MemoryPolicy): { mode: number; nodes: Uint8Array; maxnode: number } {
  const where = 'linux.memoryPolicy';
  const mode = known(MPOL, policy.mode, `${where}.mode`) | flagsOf(MPOL_F, policy.flags, `${where}.flags`);
  const nodes = policy.nodes ? mask(policy.nodes, `${where}.nodes`) : new Uint8Array();
  return { mode, nodes, maxnode: nodes.length === 0 ? 0 : nodes.length * 8 + 1 };
}

const notAllowed = (what: string) => ({ EPERM: `${what} needs CAP_SYS_NICE outside of any user namespace` });

/** sched(7), SCHED_DEADLINE: "the CPU affinity mask of the thread" has to include all CPUs. */
const deadline = {
  EPERM:
    'it needs CAP_SYS_NICE outside of any user namespace, and every CPU of the machine: a cpuset (linux.resources.cpu.cpus) or an affinity that leaves out one forbids it (sched(7), SCHED_DEADLINE)',
};

/**
 * A container runs on all CPUs of its cpuset, whatever those of its maker are. Since Linux 6.2 a process keeps what
 * somebody set for it when it enters another cpuset ("sched: Enforce user requested affinity"), so the inherited
 * affinity would stay, and bound what the cpuset is later given. Where that is forbidden, it stays, as with runc 1.3.
 */
const everyCpu = (): AnyStep =>
  step('cgroup-join', 'affinity', { pid: 0 }, 'run on every CPU of the cpuset', { unless: ['any'] });

/** Scheduling, I/O priority, memory policy, personality, and CPU affinity. */
export function schedulingSteps(spec: Spec, facts: Pick<ProcessFacts, 'mode' | 'exec'>): AnyStep[] {
  const { scheduler, ioPriority, execCPUAffinity } = spec.process ?? {};
  const { memoryPolicy, personality } = spec.linux ?? {};
  const steps: AnyStep[] = facts.mode === 'oci' ? [everyCpu()] : [];
  if (facts.exec && execCPUAffinity?.initial) {
    // Before the process is born, since on cgroup v2 it is born into the container's group.
    const bits = mask(execCPUAffinity.initial, 'process.execCPUAffinity.initial');
    steps.push(
      step('descriptors', 'affinity', { pid: 0, mask: bits }, `run on the CPUs ${execCPUAffinity.initial}`, {
        side: 'host',
        hints: { EINVAL: 'none of these CPUs is online and allowed to us' },
      }),
    );
  }
  if (facts.exec && execCPUAffinity?.final) {
    const bits = mask(execCPUAffinity.final, 'process.execCPUAffinity.final');
    steps.push(
      step('limits', 'affinity', { pid: 0, mask: bits }, `run on the CPUs ${execCPUAffinity.final}`, {
        hints: { EINVAL: 'none of these CPUs is online and allowed to the container' },
      }),
    );
  }
  if (scheduler) {
    steps.push(
      step('limits', 'scheduler', { attr: schedulerAttr(scheduler) }, `schedule as ${scheduler.policy}`, {
        hints: {
          ...(scheduler.policy === 'SCHED_DEADLINE'
            ? deadline
            : notAllowed('a real-time policy, and a nice value below the present one,')),
          EINVAL: 'the kernel does not take these values together (sched_setattr(2))',
        },
      }),
    );
  }
  if (ioPriority) {
    const value = ioprioValue(ioPriority);
    const hints = {
      EPERM: 'IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE outside of any user namespace',
    };
    steps.push(step('limits', 'ioprio', { value }, `set the I/O priority ${ioPriority.class}`, { hints }));
  }
  if (memoryPolicy) {
    steps.push(
      step(
        'limits',
        'mempolicy',
        memoryPolicyArgs(memoryPolicy),
        `set the memory policy ${memoryPolicy.mode}`,
        {
          hints: {
            EINVAL: 'the machine lacks these nodes, or the mode does not go with them (set_mempolicy(2))',
            ENOSYS: 'the kernel was built without CONFIG_NUMA',
          },
        },
      ),
    );
  }
  if (personality) {
    const persona = personaValue(personality);
    steps.push(
      step('limits', 'personality', { persona }, `take on the execution domain ${personality.domain}`),
    );
  }
  return steps;
}
