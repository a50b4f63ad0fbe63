import * as capsDrop from '@ctr-tools/caps-drop/container';
import * as cgLimit from '@ctr-tools/cg-limit/container';
import { type ContainerContext, Failure, fromCaller, type Outcome, withOwn } from '@ctr-tools/cli';
import * as nsEnter from '@ctr-tools/ns-enter/container';
import type { NamespaceType, Process, Spec } from '@ctr-tools/oci';
import { type AnyStep, compile, optionalSlot, peer, slot, step } from '@ctr-tools/plan';
import { gatherProcess, processSteps } from '@ctr-tools/process';
import { enterRootSteps } from '@ctr-tools/rootfs';
import { resctrlMount } from '@ctr-tools/sys/proc';
import { mannerOf } from '../globals.ts';
import type { Found } from '../state/record.ts';
import { type Call, has, many, one } from '../subcommand.ts';
import { gatherConfinement } from './compose.ts';
import { enterSteps } from './groups-to-enter.ts';
import { warn } from './make.ts';
import { type Handover, handOver, leave } from './recording.ts';
import { childPid, stateJson } from './state-json.ts';

/** The file of /proc/PID/ns for each type of the spec (namespaces(7); config-linux.md, Namespaces). */
const files: Record<NamespaceType, string> = {
  cgroup: 'cgroup',
  ipc: 'ipc',
  mount: 'mnt',
  network: 'net',
  pid: 'pid',
  time: 'time',
  user: 'user',
  uts: 'uts',
};

/** A spec whose process joins a container: its namespaces by path, nothing made anew; what each process has for itself is the first one's. */
export function joiningSpec(record: Found, config: Spec, process: Process): Spec {
  const namespaces = (config.linux?.namespaces ?? []).map(({ type }) => ({
    type,
    path: `/proc/${record.pid}/ns/${files[type]}`,
  }));
  const { seccomp, personality, memoryPolicy } = config.linux ?? {};
  const linux = {
    namespaces,
    ...(seccomp && { seccomp }),
    ...(personality && { personality }),
    ...(memoryPolicy && { memoryPolicy }),
  };
  return { ociVersion: config.ociVersion, process, linux };
}

/** The plan of `exec`: join, become the process; stay with it unless told to detach. */
export async function execPlan(call: Call, record: Found, config: Spec, process: Process): Promise<Outcome> {
  const spec = joiningSpec(record, config, process);
  const host = withOwn(call.host, { container: contextOf(call, record) });
  const handover = handoverOf(call, process);
  const { label, filter } = await gatherConfinement(spec, host);
  const capabilities = capsDrop.gather(undefined, spec, host);
  warn(capsDrop.warnings(spec, capabilities), call.globals);
  const steps = withClone([
    ...enterSteps(record, many(call, 'cgroup'), call.host),
    ...classSteps(record, config),
    ...nsEnter.steps(spec, nsEnter.gather(undefined, spec, host)),
    ...enterRootSteps(config, record.directory),
    ...processSteps(
      spec,
      gatherProcess(spec, host, {
        exec: true,
        relayed: !has(call, 'detach') && !handover.consoleSocket,
        exits: { notFound: 255, notExecuted: 1 },
      }),
    ),
    ...capsDrop.steps(spec, capabilities),
    ...(label?.steps(spec) ?? []),
    ...(filter?.steps(spec) ?? []),
    ...handOver(handover, record.id, []),
    step('running', 'await_exec', { process: peer }, 'start the command', { side: 'host' }),
    has(call, 'detach') ? leave() : stay(),
  ]);
  // runc's exec fails with 255, which conmon and containerd tell from the command's own codes.
  return compile([steps], mannerOf(call.globals, 255));
}

/** Its class of service is the container's too. */
function classSteps({ id }: Found, { linux }: Spec): AnyStep[] {
  const resctrl = linux?.intelRdt && resctrlMount();
  return linux?.intelRdt && resctrl ? cgLimit.enterClass(linux.intelRdt, resctrl, id) : [];
}

function stay(): AnyStep {
  const args = {
    process: peer,
    pid: childPid,
    pidfd: slot('child.pidfd'),
    ending: 'by_code' as const,
    pty: optionalSlot('console.master'),
  };
  return step('supervise', 'supervise', args, 'stay with the command', { side: 'host' });
}

/** A container that shares the PID namespace is joined without a clone, but somebody has to stay outside. */
function withClone(steps: readonly AnyStep[]): AnyStep[] {
  if (steps.some((s) => s.op === 'clone')) return [...steps];
  const args = {
    process: peer,
    flags: 0,
    cgroup: optionalSlot('cgroup'),
    pid: childPid,
    pidfd: slot('child.pidfd'),
  };
  return [...steps, step('clone', 'clone', args, 'start the process', { side: 'host' })];
}

function contextOf(call: Call, record: Found): ContainerContext {
  const identity = { id: record.id, bundle: record.bundle, annotations: record.annotations };
  const preserve = one(call, 'preserve-fds') ?? '0';
  if (!/^\d+$/.test(preserve))
    throw new Failure(`--preserve-fds is "${preserve}"; it is a number of descriptors`);
  return {
    id: record.id,
    bundle: record.bundle,
    directory: record.directory,
    lifetime: 'kept',
    systemdCgroup: record.systemdCgroup ?? false,
    noPivot: false,
    // A process of the container's shares its keyring; a new one would be a second (runc's exec makes none).
    noNewKeyring: true,
    preserveFds: Number(preserve),
    // Who is told of the process is told its PID beside this; the state is the container's, which runs (config-linux.md, `pid` and `state`).
    state: () => stateJson(identity, 'running', record.pid),
  };
}

function handoverOf(call: Call, process: Process): Handover {
  const path = (flag: string): string | undefined => {
    const given = one(call, flag);
    return given === undefined ? undefined : fromCaller(call.host, given);
  };
  const pidFile = path('pid-file');
  const consoleSocket = path('console-socket');
  const pidfdSocket = path('pidfd-socket');
  if (process.terminal && has(call, 'detach') && consoleSocket === undefined) {
    throw new Failure('cannot allocate tty if ctr-run will detach without setting console socket');
  }
  if (!process.terminal && consoleSocket !== undefined) {
    throw new Failure('--console-socket is given, but the process has no terminal to send');
  }
  return {
    ...(pidFile !== undefined && { pidFile }),
    ...(consoleSocket !== undefined && { consoleSocket }),
    ...(pidfdSocket !== undefined && { pidfdSocket }),
  };
}
