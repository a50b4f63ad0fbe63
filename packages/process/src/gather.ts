import { Failure, type Host } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { RLIM_INFINITY, rlimitNames } from '@ctr-tools/sys/constants';
import { callerPid } from '@ctr-tools/sys/proc';

/** What the one who makes a container says of it beyond its spec. */
export interface ProcessSituation {
  /** The process joins a container that exists (`exec`): its root is there already, its `execCPUAffinity` counts. */
  exec?: boolean;
  /** The process waits before its program until somebody lets it go (`create`). */
  awaitStart?: boolean;
  /** The launcher stays and relays the terminal; else somebody else gets it by a socket. */
  relayed?: boolean;
  /**
   * The exit codes for a command that is not to be had, and for one that the kernel does not execute;
   * 127 or 126, as of a shell, where they are not named.
   */
  exits?: { notFound: number; notExecuted: number };
}

/** What `processSteps` needs to know of the machine and of the caller. */
export interface ProcessFacts extends ProcessSituation {
  /**
   * `apply`: the command of a chain, which keeps whatever the caller gave it and no option
   * changed. `oci`: the process of a container, which gets what its spec says and nothing else.
   */
  mode: 'apply' | 'oci';
  /** The descriptors above 2 that the command of a container inherits. */
  keepFds: readonly number[];
  /** How many of them systemd's socket activation gave us; they begin at 3. */
  listenFds: number;
  /** Name of the new session keyring, if there is to be one. */
  keyring?: string;
  /** The caller is not root, who owns the /proc files of a process that cannot be dumped. */
  unprivileged: boolean;
  /** The caller's own oom_score_adj. */
  oomScoreAdj: number;
  /** Limits that a process in a user namespace cannot set itself: hard limits above the caller's own. */
  raised: readonly string[];
}

/** The impure step. Throws a `Failure` where a descriptor that systemd announces is not open. */
export function gatherProcess(spec: Spec, host: Host, situation: ProcessSituation = {}): ProcessFacts {
  const { container } = host;
  const base = {
    ...situation,
    unprivileged: host.euid !== 0,
    oomScoreAdj: Number(readText(`/proc/${callerPid(host.pid)}/oom_score_adj`)),
    raised: raisedLimits(spec, host),
  };
  if (!container) return { ...base, mode: 'apply', keepFds: [], listenFds: 0 };
  return {
    ...base,
    mode: 'oci',
    ...preservedDescriptors(host, container.preserveFds),
    ...(!container.noNewKeyring && { keyring: `_ses.${container.id}` }),
  };
}

/**
 * Which descriptors go into the container: those of systemd's socket activation
 * (sd_listen_fds(3): LISTEN_PID must name us), each of which must be open, and of the `extra`
 * behind them, as `runc --preserve-fds` counts, those that the caller has open: an engine that gives
 * 7 alone says 5 (podman-exec(1), --preserve-fd). What is not open stays so: no descriptor of ours is
 * ever taken for one of these.
 */
export function preservedDescriptors(
  host: Host,
  extra: number,
): { keepFds: readonly number[]; listenFds: number } {
  const ours = host.env.get('LISTEN_PID') === String(host.pid);
  const announced = host.env.get('LISTEN_FDS') ?? '';
  const listenFds = ours && /^\d+$/.test(announced) ? Number(announced) : 0;
  for (let fd = 3; fd < 3 + listenFds; fd++)
    if (!host.fds.includes(fd))
      throw new Failure(`descriptor ${fd} is not open, though LISTEN_FDS=${announced} announces it`);
  const keepFds = host.fds.filter((fd) => fd > 2 && fd < 3 + listenFds + extra);
  return { keepFds, listenFds };
}

/** Names of limits that are to be raised above the caller's hard limit, where a user namespace takes the right away. */
function raisedLimits(spec: Spec, host: Host): string[] {
  const limits = spec.process?.rlimits ?? [];
  if (limits.length === 0 || !spec.linux?.namespaces?.some((n) => n.type === 'user')) return [];
  const now = hardLimits(readText(`/proc/${callerPid(host.pid)}/limits`));
  return limits
    .filter((r) => BigInt(r.hard) > (now.get(r.type) ?? RLIM_INFINITY) || BigInt(r.hard) < 0n)
    .map((r) => r.type);
}

/** The lines of /proc/PID/limits by their names (fs/proc/base.c, lnames), in the order of their numbers. */
const limitLines = [
  'Max cpu time',
  'Max file size',
  'Max data size',
  'Max stack size',
  'Max core file size',
  'Max resident set',
  'Max processes',
  'Max open files',
  'Max locked memory',
  'Max address space',
  'Max file locks',
  'Max pending signals',
  'Max msgqueue size',
  'Max nice priority',
  'Max realtime priority',
  'Max realtime timeout',
];

/** Hard limits in a text of proc_pid_limits(5). */
export function hardLimits(text: string): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of text.split('\n')) {
    const at = limitLines.findIndex((name) => line.startsWith(`${name} `));
    if (at < 0) continue;
    const hard = line.slice(limitLines[at]!.length).trim().split(/ +/)[1]!;
    found.set(rlimitNames[at]!, hard === 'unlimited' ? RLIM_INFINITY : BigInt(hard));
  }
  return found;
}
