import { stopUnitStep } from '@ctr-tools/cg-limit/container';
import { errorCode, exists } from '@ctr-tools/host';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { placeOf, unmountSteps } from '@ctr-tools/rootfs';
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
  return [
    ...endSteps(alive, groups),
    ...stopUnit(record),
    ...removeGroups(groups),
    ...removeOthers(record),
    ...poststopCarriers(spec, hookSituation(record), 'end', 'supervise'),
    ...removeState(record.directory),
  ];
}

const hookSituation = (record: Remains) => ({
  state: () => stateJson(record, 'stopped', undefined),
  bundle: record.bundle,
});

const removeGroups = (groups: readonly string[]): AnyStep[] =>
  groups.map((path) =>
    step('running', 'cgroup_remove', { path, timeout: PATIENCE_MS }, `remove the cgroup ${path}`, {
      side,
      hints: { EBUSY: 'a process in it does not end; look at it with ctr-run ps' },
    }),
  );

const removeOthers = (record: Remains): AnyStep[] => [
  ...(exists(placeOf(record.directory)) ? unmountSteps(record.directory) : []),
  ...(record.resctrl ?? []).map((path) =>
    step('running', 'remove', { path, what: 'directory' }, `remove ${path}`, { side, unless: ['ENOENT'] }),
  ),
  ...(record.remove ?? []).map((path) => layersStep('running', 'remove_root', { path }, `remove ${path}`)),
];

/**
 * Steps that do nothing, and whose undoings remove the container where a later step of the plan fails. systemd is not
 * asked, as nobody is there to ask it by then; it ends a scope with the last process (systemd.scope(5)).
 */
export function removalIfFailed(record: Remains, spec: Spec, alive: Process): AnyStep[] {
  const groups = groupsOf(record);
  const { directory } = record;
  const undone = (steps: readonly AnyStep[]): AnyStep[] =>
    steps
      .map(({ op, args, words }) =>
        step('running', 'self_pid', { pid: slot('self') }, 'note the own PID', {
          side,
          undo: { op, args, when: 'failure', words },
        }),
      )
      .toReversed();
  return [
    ...poststopCarriers(spec, hookSituation(record), 'failure', 'running'),
    ...undone([
      ...endSteps(alive, groups),
      ...(record.cgroup?.unit ? [] : removeGroups(groups)),
      ...removeOthers(record),
    ]),
    // It goes last whenever it is noted, and stays, for delete, where another undoing fails. Noted after the others
    // it stays too where a signal comes in between.
    ...undone([
      step('running', 'remove', { path: directory, what: 'record' }, `remove the state ${directory}`),
    ]),
  ];
}

const removeTree = (path: string): AnyStep =>
  step('running', 'remove', { path, what: 'tree' }, `remove the state ${path}`, { side });

/** The state goes last of all that a container has. */
export const removeState = (path: string): AnyStep[] => [
  removeTree(path),
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
