import { stopUnitStep } from '@ctr-tools/cg-limit/container';
import { errorCode } from '@ctr-tools/host';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import { layersStep } from '@ctr-tools/ufs-mount/layers-request';
import { groupsOf } from '../state/group.ts';
import { type Found, type LastingRecord, readOwnFile } from '../state/record.ts';
import { poststopCarriers } from './hooks.ts';
import { endSteps, PATIENCE_MS, type Process } from './killing.ts';
import { stateJson } from './state-json.ts';

const side = 'host';

/** What a container leaves to be removed. */
export type Remains = LastingRecord & { directory: string };

/**
 * The steps that remove a container: processes, groups, hooks, files, in this order. `alive` is its
 * first process, if it may still run.
 */
export function removalSteps(record: Remains, spec: Spec, alive: Process | undefined): AnyStep[] {
  const groups = groupsOf(record);
  const state = () => stateJson(record, 'stopped', undefined);
  const { bundle } = record;
  return [
    ...endSteps(alive, groups),
    ...stopUnit(record),
    ...groups.map((path) =>
      step('running', 'cgroup_remove', { path, timeout: PATIENCE_MS }, `remove the cgroup ${path}`, {
        side,
        hints: { EBUSY: 'a process in it does not end; look at it with ctr-run ps' },
      }),
    ),
    ...(record.resctrl ?? []).map((path) =>
      step('running', 'remove', { path, what: 'directory' }, `remove ${path}`, { side, unless: ['ENOENT'] }),
    ),
    ...(record.remove ?? []).map((path) => layersStep('running', 'remove_root', { path }, `remove ${path}`)),
    ...poststopCarriers(spec, { state, bundle }, 'end', 'supervise'),
    ...removeState(record.directory),
  ];
}

/** The state goes last of all that a container has. */
export const removeState = (path: string): AnyStep[] => [
  step('running', 'remove', { path, what: 'tree' }, `remove the state ${path}`, { side }),
  step('supervise', 'exit', { code: 0 }, 'end', { side }),
];

/** systemd made the groups: it ends the unit, and forgets that it failed, before they are looked for. */
const stopUnit = ({ cgroup }: Remains): AnyStep[] => (cgroup?.unit ? [stopUnitStep(cgroup.unit)] : []);

/** The container's own copy of its config, for its hooks; one that was never written has none. */
export function specOf(record: Found): Spec {
  const path = `${record.directory}/config.json`;
  try {
    return parseJson(readOwnFile(path), path) as Spec;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { ociVersion: record.ociVersion };
    throw error;
  }
}
