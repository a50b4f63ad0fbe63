import type { ContainerContext, Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import { carryOut, cloneSteps, container, hostOf, processOf } from '../../process/test/support/container.ts';
import { gatherRootfs, type RootfsFacts, rootfsSteps } from '../src/index.ts';

/** Both rooms' steps for a container of that bundle, as `ctr-run` would put them together. */
export function containerSteps(
  spec: Spec,
  bundle: string,
  change: Partial<Host> = {},
  context: Partial<ContainerContext> = {},
): AnyStep[] {
  const host = hostOf({ container: { ...container, bundle, ...context }, ...change });
  return [
    ...cloneSteps(spec),
    ...rootfsSteps(spec, gatherRootfs(spec, host)),
    ...processOf(spec, bundle, {}, change),
  ];
}

/** Run a container by the real launcher. */
export const runContainer = (spec: Spec, bundle: string, change: Partial<Host> = {}) =>
  carryOut(containerSteps(spec, bundle, change));

/** Facts of a machine with nothing special about it. */
export function factsOf(change: Partial<RootfsFacts> = {}): RootfsFacts {
  return {
    rootPath: '/bundle/rootfs',
    rootSlotFilled: false,
    bundle: '/bundle',
    noPivot: false,
    userNamespace: false,
    openTrees: false,
    parentMount: '/',
    procBinds: [],
    lateBinds: [],
    kcore: false,
    cgroups: { mode: 'none', hierarchies: [] },
    cgroupDirectories: {},
    ...change,
  };
}
