import { Failure } from '@ctr-tools/cli';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import { resctrlMount } from '@ctr-tools/sys/proc';
import { type Found, readOwnFile } from '../state/record.ts';
import { type Call, one } from '../subcommand.ts';

/** Lines for a container's class of service, from `update`'s flags: the cache first, as config-linux.md, IntelRdt wants. */
export const schemataOf = (call: Call): string[] =>
  ['l3-cache-schema', 'mem-bw-schema'].flatMap((flag) => one(call, flag) ?? []);

/** The class of service that a container was made in. Throws a `Failure` where it has none, or resctrl is not mounted. */
export function classDirectory(record: Found): string {
  const path = `${record.directory}/config.json`;
  const { linux } = parseJson(readOwnFile(path), path) as Spec;
  if (!linux?.intelRdt)
    throw new Failure(
      `update container ${record.id}: it was made without linux.intelRdt, so it has no class of service to change`,
    );
  const mount = resctrlMount();
  if (mount === undefined)
    throw new Failure(
      `update container ${record.id}: no resctrl filesystem is mounted (mount -t resctrl resctrl /sys/fs/resctrl)`,
    );
  return `${mount}/${linux.intelRdt.closID ?? record.id}`;
}

/** Lines for the class's schemata (resctrl.rst); what the hardware does not take it says in info/last_cmd_status. */
export const schemataSteps = ({ id }: Found, lines: readonly string[], directory: string): AnyStep[] =>
  lines.map((line) =>
    step(
      'cgroup',
      'write',
      { path: `${directory}/schemata`, data: `${line}\n` },
      `update container ${id}: set the schemata of ${directory} to ${line}`,
      { side: 'host' },
    ),
  );
