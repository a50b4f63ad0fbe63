import * as capsDrop from '@ctr-tools/caps-drop/container';
import type { CgroupRecord } from '@ctr-tools/cg-limit';
import * as cgLimit from '@ctr-tools/cg-limit/container';
import { type Host, withOwn } from '@ctr-tools/cli';
import * as nsEnter from '@ctr-tools/ns-enter/container';
import { type Spec, serializeJson } from '@ctr-tools/oci';
import { type AnyStep, peer, points, slot, step, undo } from '@ctr-tools/plan';
import { gatherProcess, processSteps } from '@ctr-tools/process';
import { gatherRootfs, rootfsSteps } from '@ctr-tools/rootfs';
import type { CgroupHierarchy } from '@ctr-tools/sys/proc';
import { rootAnnotation } from '@ctr-tools/ufs-mount/annotation';
import { groupsOf } from '../state/group.ts';
import { groupIn } from './group-path.ts';
import { hookSteps, poststopCarriers, runsInside } from './hooks.ts';
import { type Making, ownsPidNamespace } from './making.ts';
import { lifetime, recordBirth, recordReady, stayOrGo, takeName } from './recording.ts';
import { stateJson } from './state-json.ts';

/** Hooks that run on the host while the container waits with its mounts made. */
function runtimeHooks({ spec, context }: Making): AnyStep[] {
  const hooks = [...hookSteps(spec, 'prestart', context), ...hookSteps(spec, 'createRuntime', context)];
  if (hooks.length === 0) return [];
  const phase = 'hooks-runtime';
  return [
    step(phase, 'notify', { process: peer, point: points.mounted }, 'say that namespaces and mounts exist'),
    step(phase, 'await', { process: peer, point: points.mounted }, 'wait for namespaces and mounts', {
      side: 'host',
    }),
    ...hooks,
    step(phase, 'notify', { process: peer, point: points.hooked }, 'say that the hooks have run', {
      side: 'host',
    }),
    step(phase, 'await', { process: peer, point: points.hooked }, 'wait for the runtime hooks'),
  ];
}

/**
 * Hooks inside the container are told the PID that it counts itself: "For hooks executed in the
 * container namespace, it is the pid as seen by the container" (runtime.md, State).
 */
function insideHooks({ spec, context: { id, bundle } }: Making): AnyStep[] {
  if (!runsInside(spec)) return [];
  const pid = slot('inside.pid');
  const state = (status: string) => stateJson({ id, bundle, annotations: spec.annotations }, status, pid);
  return [
    step('network', 'self_pid', { pid }, 'learn the own PID'),
    ...hookSteps(spec, 'createContainer', { state, bundle }),
    ...hookSteps(spec, 'startContainer', { state, bundle }),
  ];
}

/**
 * A PID namespace takes all its processes along when its first one ends. A container without
 * one of its own leaves processes behind, which end with it all the same.
 */
function endStrays({ spec, cgroup, ...making }: Making): AnyStep[] {
  if (ownsPidNamespace(spec)) return [];
  // Undoings run backwards.
  return groupsOf({ cgroup })
    .toReversed()
    .map((path) =>
      step('descriptors', 'self_pid', { pid: slot('self') }, 'note the own PID', {
        side: 'host',
        undo: undo(lifetime(making), 'cgroup_kill', { path }, `end what is left in ${path}`),
      }),
    );
}

/** With the spec on stdin the container gets an empty one, or the terminal if it wants one. */
function stdinSteps({ specOnStdin, spec }: Making): AnyStep[] {
  if (!specOnStdin) return [];
  const path = spec.process?.terminal ? '/dev/tty' : '/dev/null';
  const fd = slot('stdin');
  return [
    step('descriptors', 'open', { path, flags: 2, fd }, `open ${path} as stdin`, { side: 'host' }),
    step('descriptors', 'dup2', { from: fd, to: 0 }, `make ${path} stdin`, { side: 'host' }),
  ];
}

/** A tool's part of a container that few containers have; its code is loaded only for those. */
export interface OptionalPart {
  steps(spec: Spec): AnyStep[];
  /** What a person is told of it. */
  warnings?: readonly string[];
  /** Directories that go with the container. */
  remove?: readonly string[];
}

/** The half of a tool that a container needs. */
interface Part<F> {
  gather(options: undefined, spec: Spec, host: Host): F;
  steps(spec: Spec, facts: F): AnyStep[];
  warnings?(spec: Spec, facts: F): string[];
}

function optionalPart<F>(tool: Part<F>, spec: Spec, host: Host): OptionalPart {
  const facts = tool.gather(undefined, spec, host);
  return { steps: (of) => tool.steps(of, facts), warnings: tool.warnings?.(spec, facts) ?? [] };
}

/** Layers may need a directory of their own in the store, which is removed with the container. */
function rootOfLayers(
  { ufsMount }: typeof import('@ctr-tools/ufs-mount'),
  spec: Spec,
  host: Host,
): OptionalPart {
  const facts = ufsMount.gather(undefined, spec, host);
  const directory = facts.container?.directory;
  return { steps: (of) => ufsMount.steps(of, facts), remove: directory === undefined ? [] : [directory] };
}

/** Whether the spec names a security label for the process or its mounts. */
const hasLabel = ({ process, linux }: Spec): boolean =>
  Boolean(process?.apparmorProfile || process?.selinuxLabel || linux?.mountLabel);

/**
 * What every tool needs to know of the machine for one container: the impure half. `exit` is the
 * code of a failure: 1 for OCI's forms, in which it is that of a command that cannot be had too, as
 * under runc and crun. Throws a `Failure` for what cannot be made here.
 */
export async function gatherContainer(making: Making, host: Host, exit: number) {
  const { spec, context, course } = making;
  const within = withOwn(host, { container: context });
  const rootSlotFilled = spec.annotations?.[rootAnnotation] !== undefined;
  const { cgroup, delegation } = await gatherGroups(making, host);
  const cgroupPath = (hierarchy: CgroupHierarchy): string | undefined => groupIn(cgroup, hierarchy);
  return {
    cgroup,
    delegation,
    namespaces: nsEnter.gather(undefined, spec, within),
    rootfs: gatherRootfs(spec, within, { rootSlotFilled, cgroupPath }),
    process: gatherProcess(spec, within, {
      awaitStart: course === 'create',
      relayed: course === 'foreground',
      ...(exit === 1 && { exits: { notFound: 1, notExecuted: 1 } }),
    }),
    capabilities: capsDrop.gather(undefined, spec, within),
    layers: rootSlotFilled ? rootOfLayers(await import('@ctr-tools/ufs-mount'), spec, within) : undefined,
    ...(await gatherConfinement(spec, within)),
  };
}

/** The groups' part of it. */
export async function gatherGroups({ spec, context }: Making, host: Host) {
  const cgroup = cgLimit.gather(undefined, spec, withOwn(host, { container: context }));
  return { cgroup, delegation: await gatherDelegation(spec, cgLimit.cgroupRecord(cgroup)) };
}

/** The group's new owner, where the container asks for one. */
async function gatherDelegation(
  spec: Spec,
  cgroup: CgroupRecord | undefined,
): Promise<OptionalPart | undefined> {
  // A quick look first: few containers may write their groups.
  const asked = spec.mounts?.some((m) => m.destination === '/sys/fs/cgroup' && !m.options?.includes('ro'));
  if (!asked || !cgroup) return undefined;
  const { delegatedFiles, delegationSteps, wantsDelegation } = await import('./delegation.ts');
  if (!wantsDelegation(spec, cgroup)) return undefined;
  const files = delegatedFiles();
  return { steps: (of) => delegationSteps(of, cgroup, files) };
}

/** The security modules' and the filter's part, where the spec has one. */
export async function gatherConfinement(spec: Spec, host: Host) {
  return {
    label: hasLabel(spec)
      ? optionalPart((await import('@ctr-tools/aa-confine')).aaConfine, spec, host)
      : undefined,
    filter: spec.linux?.seccomp
      ? optionalPart(await import('@ctr-tools/seccomp-load/container'), spec, host)
      : undefined,
  };
}

export type ContainerFacts = Awaited<ReturnType<typeof gatherContainer>>;

/**
 * All steps of a container: everybody's part of its spec and the lifecycle around them.
 * Pure. `packages/plan` puts them in order by their phases.
 */
export function containerSteps(making: Making, facts: ContainerFacts): AnyStep[] {
  const { spec, context } = making;
  const cgroup = cgLimit.cgroupRecord(facts.cgroup);
  const remove = [...making.remove, ...(facts.layers?.remove ?? [])];
  const resctrl = cgLimit.rdtDirectories(spec, facts.cgroup);
  const recorded: Making = {
    ...making,
    remove,
    ...(cgroup && { cgroup }),
    ...(resctrl.length > 0 && { resctrl }),
  };
  return [
    ...(making.watch ?? []),
    ...poststopCarriers(spec, context, lifetime(making)),
    ...takeName(recorded, serializeJson(making.written ?? spec)),
    ...(making.before ?? []),
    ...stdinSteps(making),
    ...cgLimit.steps(spec, facts.cgroup),
    ...(facts.delegation?.steps(spec) ?? []),
    ...nsEnter.steps(spec, facts.namespaces),
    ...endStrays(recorded),
    ...recordBirth(recorded),
    ...runtimeHooks(making),
    ...insideHooks(making),
    // Its root phase begins with cutting the mounts off from the host's; only then are layers mounted.
    ...rootfsSteps(spec, facts.rootfs),
    ...(facts.layers?.steps(spec) ?? []),
    ...processSteps(spec, facts.process),
    ...capsDrop.steps(spec, facts.capabilities),
    ...(facts.label?.steps(spec) ?? []),
    ...(facts.filter?.steps(spec) ?? []),
    ...recordReady(recorded),
    ...stayOrGo(recorded),
  ];
}
