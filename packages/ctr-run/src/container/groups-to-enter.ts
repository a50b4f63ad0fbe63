import * as cgLimit from '@ctr-tools/cg-limit/container';
import { Failure, type Host } from '@ctr-tools/cli';
import { exists, readText } from '@ctr-tools/host';
import type { AnyStep } from '@ctr-tools/plan';
import type { CgroupHierarchy } from '@ctr-tools/sys/proc';
import type { Found } from '../state/record.ts';

interface Group {
  version: 1 | 2;
  directory: string;
}

/**
 * The groups that a process executed in a container enters: the container's own, which its limits are set on. The first
 * process may be elsewhere by now; where it is counts only where the own group is gone or takes nobody, as that of
 * an init system does, which moves itself below. `below` are values of `--cgroup`, places below the own groups: `PATH`, or
 * `CONTROLLER[,CONTROLLER…]:PATH` (runc-exec(8)).
 */
function groupsToEnter(record: Found, below: readonly string[]): Group[] {
  const paths = record.cgroup?.paths;
  if (!paths) return [];
  const wanted = new Map(
    below.flatMap((text) => {
      const [, controllers = '', path = text] = /^([^:/]*):(.*)$/s.exec(text) ?? [];
      return controllers.split(',').map((controller) => [controller, path] as const);
    }),
  );
  // Its groups, but our mounts: in its own the same groups lie elsewhere.
  const hierarchies = cgLimit.hierarchiesOf(record.pid!);
  const known = new Set(hierarchies.flatMap(({ controllers }) => controllers));
  const unknown = [...wanted.keys()].find((name) => name !== '' && !known.has(name));
  if (unknown !== undefined)
    throw new Failure(`--cgroup ${unknown}:…: the container has no group of a controller ${unknown}`);
  return hierarchies.flatMap((hierarchy): Group[] => {
    const { version, controllers, directory } = hierarchy;
    const own = ownGroup(hierarchy, paths);
    if (own === undefined) return [];
    const under = controllers.map((c) => wanted.get(c)).find((path) => path !== undefined) ?? wanted.get('');
    if (under === undefined) return [{ version, directory: takesProcesses(own, version) ? own : directory }];
    if (under.split('/').includes('..'))
      throw new Failure(`--cgroup ${under}: it may not lead out of the container's group`);
    return [{ version, directory: `${own}/${under.replace(/^\/+/, '')}` }];
  });
}

/**
 * The steps by which it enters them: v2's at birth, v1's by itself; and where a user may not move a process there, as from
 * a login, by the user's systemd, which made the group.
 */
export function enterSteps(record: Found, below: readonly string[], host: Pick<Host, 'euid'>): AnyStep[] {
  const groups = groupsToEnter(record, below);
  const { unit, paths } = record.cgroup ?? {};
  const target = groups.find(({ version }) => version === 2);
  const from = cgLimit.hierarchiesOf().find(({ version }) => version === 2);
  if (
    !unit ||
    !paths?.unified ||
    !target ||
    !from ||
    host.euid === 0 ||
    cgLimit.mayMove(from.directory, target.directory)
  )
    return cgLimit.enter(groups, true);
  return [
    ...cgLimit.attachSteps(unit, paths.unified, target.directory),
    ...cgLimit.enter(
      groups.filter((group) => group !== target),
      true,
    ),
  ];
}

/** The group that the container was given in a hierarchy, if it was given one. */
function ownGroup(
  { version, controllers, name }: Pick<CgroupHierarchy, 'version' | 'controllers' | 'name'>,
  paths: Readonly<Record<string, string>>,
): string | undefined {
  if (version === 2) return paths.unified;
  return [...controllers, `name=${name}`].map((key) => paths[key]).find((path) => path !== undefined);
}

/** Whether the group is there; on v2 one with controlled groups below it has no processes of its own (cgroups(7), no internal processes). */
function takesProcesses(directory: string, version: 1 | 2): boolean {
  if (!exists(directory)) return false;
  return version === 1 || readText(`${directory}/cgroup.subtree_control`).trim() === '';
}
