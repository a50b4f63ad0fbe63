import { aaConfine } from '@ctr-tools/aa-confine';
import { capsDrop } from '@ctr-tools/caps-drop';
import { cgLimit, cgroupRecord } from '@ctr-tools/cg-limit';
import type { Host } from '@ctr-tools/cli';
import { nsEnter } from '@ctr-tools/ns-enter';
import { serializeJson } from '@ctr-tools/oci';
import { type AnyStep, peer, points, slot, step, template } from '@ctr-tools/plan';
import { gatherProcess, processSteps } from '@ctr-tools/process';
import { gatherRootfs, rootfsSteps } from '@ctr-tools/rootfs';
import { seccompLoad } from '@ctr-tools/seccomp-load';
import type { CgroupHierarchy } from '@ctr-tools/sys/proc';
import { rootAnnotation, ufsMount } from '@ctr-tools/ufs-mount';
import { groupIn } from './group-path.ts';
import { hookSteps, needsPidInside, poststopCarriers } from './hooks.ts';
import type { Making } from './making.ts';
import { lifetime, recordBirth, recordReady, stayOrGo, takeName } from './recording.ts';
import { childPid } from './state-json.ts';

/** Hooks that run on the host while the container waits with its mounts made. */
function runtimeHooks({ spec, context }: Making): AnyStep[] {
  const hooks = [
    ...hookSteps(spec, 'prestart', context.state),
    ...hookSteps(spec, 'createRuntime', context.state),
  ];
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

/** Hooks inside the container are told the PID that the host counts, which only the host knows. */
function insideHooks({ spec, context }: Making): AnyStep[] {
  if (!needsPidInside(spec)) return [];
  return [
    step(
      'network',
      'pass_text',
      { process: peer, text: template`${childPid}` },
      'tell the container its PID',
      { side: 'host' },
    ),
    step('network', 'take_text', { process: peer, text: slot('child.pid') }, 'learn the PID'),
    ...hookSteps(spec, 'createContainer', context.state),
    ...hookSteps(spec, 'startContainer', context.state),
  ];
}

/** With the spec on stdin the container gets an empty one, or the terminal if it wants one. */
function stdinSteps({ specOnStdin, spec }: Making): AnyStep[] {
  if (!specOnStdin) return [];
  const path = spec.process?.terminal ? '/dev/tty' : '/dev/null';
  const fd = slot('stdin');
  return [
    step('descriptors', 'open', { path, flags: 2, mode: 0, fd }, `open ${path} as stdin`, { side: 'host' }),
    step('descriptors', 'dup2', { from: fd, to: 0 }, `make ${path} stdin`, { side: 'host' }),
  ];
}

/**
 * What every tool needs to know of the machine for one container: the impure half.
 * Throws a `Failure` for what cannot be made here.
 */
export function gatherContainer({ spec, context, course }: Making, host: Host) {
  const within: Host = { ...host, container: context };
  const rootSlotFilled = spec.annotations?.[rootAnnotation] !== undefined;
  const cgroup = cgLimit.gather(undefined, spec, within);
  const cgroupPath = (hierarchy: CgroupHierarchy): string | undefined => groupIn(cgroup, hierarchy);
  return {
    cgroup,
    namespaces: nsEnter.gather(undefined, spec, within),
    layers: ufsMount.gather(undefined, spec, within),
    rootfs: gatherRootfs(spec, within, { rootSlotFilled, cgroupPath }),
    process: gatherProcess(spec, within, { awaitStart: course === 'create' }),
    capabilities: capsDrop.gather(undefined, spec, within),
    label: aaConfine.gather(undefined, spec, within),
    filter: seccompLoad.gather(undefined, spec, within),
  };
}

export type ContainerFacts = ReturnType<typeof gatherContainer>;

/**
 * All steps of a container: everybody's part of its spec and the lifecycle around them.
 * Pure. `packages/plan` puts them in order by their phases.
 */
export function containerSteps(making: Making, facts: ContainerFacts): AnyStep[] {
  const { spec, context } = making;
  const cgroup = cgroupRecord(facts.cgroup);
  const recorded: Making = { ...making, ...(cgroup && { cgroup }) };
  return [
    ...poststopCarriers(spec, context.state, lifetime(making)),
    ...takeName(recorded, serializeJson(spec)),
    ...stdinSteps(making),
    ...cgLimit.steps(spec, facts.cgroup),
    ...nsEnter.steps(spec, facts.namespaces),
    ...recordBirth(recorded),
    ...runtimeHooks(making),
    ...insideHooks(making),
    // Its root phase begins with cutting the mounts off from the host's; only then are layers mounted.
    ...rootfsSteps(spec, facts.rootfs),
    ...ufsMount.steps(spec, facts.layers),
    ...processSteps(spec, facts.process),
    ...capsDrop.steps(spec, facts.capabilities),
    ...aaConfine.steps(spec, facts.label),
    ...seccompLoad.steps(spec, facts.filter),
    ...recordReady(recorded),
    ...stayOrGo(recorded),
  ];
}
