import { stopUnitStep } from '@ctr-tools/cg-limit/container';
import { errorCode, readFile } from '@ctr-tools/host';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import { layersStep } from '@ctr-tools/ufs-mount/layers-request';
import { groupOf } from '../state/group.ts';
import type { Found, LastingRecord } from '../state/record.ts';
import { poststopCarriers } from './hooks.ts';
import { killSteps, type Process } from './killing.ts';
import { stateJson } from './state-json.ts';

const side = 'host';
const SIGKILL = 9;
/** How long a group may take to lose its last process: a killed process still has to release its memory. */
const groupTimeout = 10_000;

/** What a container leaves to be removed. */
export type Remains = LastingRecord & { directory: string };

/**
 * The steps that remove a container: processes, groups, hooks, files, in this order. `alive` is its
 * first process, if it may still run.
 */
export function removalSteps(record: Remains, spec: Spec, alive: Process | undefined): AnyStep[] {
  const paths = [...new Set(Object.values(record.cgroup?.paths ?? {}))];
  const group = groupOf(record);
  // Without a group nobody tells the other processes; with a PID namespace they die with the first.
  const kill = alive ? killSteps(alive, SIGKILL) : [];
  const state = () => stateJson(record, 'stopped', undefined);
  return [
    ...(group === undefined
      ? kill
      : [step('ready', 'cgroup_kill', { path: group }, `kill what is left in ${group}`, { side })]),
    ...stopUnit(record),
    ...paths.map((path) =>
      step('running', 'cgroup_remove', { path, timeout: groupTimeout }, `remove the cgroup ${path}`, {
        side,
        hints: { EBUSY: 'a process in it does not end; look at it with ctr-run ps' },
      }),
    ),
    ...(record.resctrl ?? []).map((path) =>
      step('running', 'rmdir', { path }, `remove ${path}`, { side, unless: ['ENOENT'] }),
    ),
    ...(record.remove ?? []).map((path) => layersStep('running', 'remove_root', { path }, `remove ${path}`)),
    ...poststopCarriers(spec, state, 'end', 'supervise'),
    ...removeState(record.directory),
  ];
}

/** The state goes last of all that a container has. */
export const removeState = (path: string): AnyStep[] => [
  step('running', 'remove_tree', { path }, `remove the state ${path}`, { side }),
  step('supervise', 'exit', { code: 0 }, 'end', { side }),
];

/** systemd made the groups: it ends the unit, and forgets that it failed, before they are looked for. */
const stopUnit = ({ cgroup }: Remains): AnyStep[] => (cgroup?.unit ? [stopUnitStep(cgroup.unit)] : []);

/** The container's own copy of its config, for its hooks; one that was never written has none. */
export function specOf(record: Found): Spec {
  const path = `${record.directory}/config.json`;
  try {
    return parseJson(readFile(path), path) as Spec;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { ociVersion: record.ociVersion };
    throw error;
  }
}
