import { existsSync, readFileSync } from 'node:fs';
import { Failure } from '@ctr-tools/cli';
import { invalidId, parseJson, type Spec } from '@ctr-tools/oci';
import { type AnyStep, compile, type Plan, slot, step } from '@ctr-tools/plan';
import { poststopCarriers } from '../container/hooks.ts';
import { stateJson } from '../container/state-json.ts';
import { mannerOf } from '../globals.ts';
import { groupOf } from '../state/group.ts';
import { type Found, readRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, has } from '../subcommand.ts';
import { killSteps } from './kill.ts';

const side = 'host';
const SIGKILL = 9;
/** How long a group may take to lose its last process: a killed process still has to release its memory. */
const groupTimeout = 10_000;

/**
 * `ctr-run delete [--force] ID`: take back all that the container was given, also after its
 * supervisor was killed or it was never finished. It works from the state alone.
 */
export function run(call: Call): Plan | number {
  const { globals, parsed } = call;
  const id = parsed.operands[0]!;
  const force = has(call, 'force');
  const record = readRecord(globals.root, id);
  if (!record) {
    // Who was killed between taking the name and writing the state has made nothing else yet.
    const directory = `${globals.root}/${id}`;
    if (invalidId(id) === undefined && existsSync(directory))
      return compile([removal(directory)], mannerOf(globals, 1));
    // As runc: a forced delete of what is not there has reached its aim.
    if (force) return 0;
    throw new Failure(`container "${id}" does not exist`);
  }
  const status = statusOf(record);
  if (status !== 'stopped' && !force) {
    throw new Failure(
      `cannot delete container ${id} that is not stopped: ${status}; kill it first, or use --force`,
    );
  }
  return compile([deleteSteps(record, status !== 'stopped')], mannerOf(globals, 1));
}

/** The steps that remove a container: processes, groups, hooks, files, in this order. */
export function deleteSteps(record: Found, alive: boolean): AnyStep[] {
  const paths = [...new Set(Object.values(record.cgroup?.paths ?? {}))];
  const group = groupOf(record);
  // Without a group nobody tells the other processes; with a PID namespace they die with the first.
  const kill = alive && record.pid ? killSteps(record.pid, record.startTime, SIGKILL) : [];
  const spec = specOf(record);
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
    ...(record.remove ?? []).map((path) =>
      step('running', 'remove_root', { path }, `remove ${path}`, { side }),
    ),
    ...poststopCarriers(spec, state, 'end', 'supervise'),
    ...removal(record.directory),
  ];
}

/** The state goes last of all that a container has. */
const removal = (path: string): AnyStep[] => [
  step('running', 'remove_tree', { path }, `remove the state ${path}`, { side }),
  step('supervise', 'exit', { code: 0 }, 'end', { side }),
];

/** systemd made the groups: it ends the unit, and forgets that it failed, before they are looked for. */
function stopUnit({ cgroup }: Found): AnyStep[] {
  if (!cgroup?.unit) return [];
  const payload = JSON.stringify(cgroup.unit);
  const args = { topic: 'cg-limit/stop', payload, reply: slot('stopped') };
  return [step('running', 'ask', args, `have systemd end the unit ${cgroup.unit.name}`, { side })];
}

/** The container's own copy of its config, for its hooks; one that was never written has none. */
function specOf(record: Found): Spec {
  const path = `${record.directory}/config.json`;
  try {
    return parseJson(readFileSync(path), path) as Spec;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ociVersion: record.ociVersion };
    throw error;
  }
}
