import { aaConfine } from '@ctr-tools/aa-confine';
import { capsDrop } from '@ctr-tools/caps-drop';
import { cgLimit } from '@ctr-tools/cg-limit';
import type { Host, Tool } from '@ctr-tools/cli';
import { nsEnter } from '@ctr-tools/ns-enter';
import { type Spec, serializeJson } from '@ctr-tools/oci';
import { type AnyStep, peer, points, slot, step, template } from '@ctr-tools/plan';
import { gatherProcess, processSteps } from '@ctr-tools/process';
import { gatherRootfs, rootfsSteps } from '@ctr-tools/rootfs';
import { seccompLoad } from '@ctr-tools/seccomp-load';
import { ufsMount } from '@ctr-tools/ufs-mount';
import { hookSteps, needsPidInside, poststopCarriers } from './hooks.ts';
import type { Making } from './making.ts';
import { recordBirth, recordReady, stayOrGo, takeName } from './recording.ts';
import { childPid } from './state-json.ts';

/** One tool's part of a container: its facts, then its steps. */
function part<O, F>(tool: Tool<O, F>, spec: Spec, host: Host): AnyStep[] {
  return tool.steps(spec, tool.gather(undefined, spec, host));
}

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
 * All steps of a container: everybody's part of its spec and the lifecycle around them.
 * `packages/plan` puts them in order by their phases.
 */
export function containerSteps(making: Making, host: Host): AnyStep[] {
  const { spec, context } = making;
  const within: Host = { ...host, container: context };
  const cgroup = cgLimit.gather(undefined, spec, within);
  const record = cgroupRecord(cgroup);
  const recorded: Making = { ...making, ...(record && { cgroup: record }) };
  return [
    ...poststopCarriers(spec, context.state),
    ...takeName(recorded, serializeJson(spec)),
    ...stdinSteps(making),
    ...cgLimit.steps(spec, cgroup),
    ...part(nsEnter, spec, within),
    ...recordBirth(recorded),
    ...runtimeHooks(making),
    ...insideHooks(making),
    // Its root phase begins with cutting the mounts off from the host's; only then are layers mounted.
    ...rootfsSteps(spec, gatherRootfs(spec, within)),
    ...part(ufsMount, spec, within),
    ...processSteps(spec, gatherProcess(spec, within, { awaitStart: making.course === 'create' })),
    ...part(capsDrop, spec, within),
    ...part(aaConfine, spec, within),
    ...part(seccompLoad, spec, within),
    ...recordReady(recorded),
    ...stayOrGo(recorded),
  ];
}
