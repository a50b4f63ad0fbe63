import { Failure } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import type { Abilities, Current, Setting } from '../setting.ts';
import { cpuSettings, cpusetSettings } from './cpu.ts';
import { ioSettings } from './io.ts';
import { memorySettings } from './memory.ts';
import { hugetlbSettings, networkSettings, pidsSettings, rdmaSettings, unifiedSettings } from './others.ts';

/**
 * Limits of a spec as the files of groups that express them on this host, in the order in
 * which they can be written. Device rules are apart (`devices/`). Pure. Throws a `Failure`
 * for whatever the host's hierarchies cannot express.
 */
export function settingsOf(
  resources: LinuxResources,
  abilities: Abilities,
  current: Current = {},
): Setting[] {
  const { carriers } = abilities;
  const { memory, cpu, pids, blockIO, hugepageLimits, network, rdma, unified } = resources;
  const version = (controller: string, what: string): 1 | 2 => {
    const found = carriers[controller];
    if (found === undefined) throw missing(controller, what);
    return found;
  };
  const settings: Setting[] = [];
  if (memory && hasValue(memory))
    settings.push(...memorySettings(memory, version('memory', 'a memory limit'), current));
  if (cpu) {
    const { cpus, mems, ...time } = cpu;
    if (hasValue(time)) settings.push(...cpuSettings(time, version('cpu', 'a CPU limit'), current));
    if (cpus || mems)
      settings.push(
        ...cpusetSettings(
          { ...(cpus && { cpus }), ...(mems && { mems }) },
          version('cpuset', 'a set of CPUs'),
        ),
      );
  }
  if (pids?.limit && (carriers.pids !== undefined || BigInt(pids.limit) > 0n))
    settings.push(...pidsSettings(pids, version('pids', 'a limit on processes')));
  if (blockIO && hasValue(blockIO)) {
    const on = carriers.blkio ?? carriers.io;
    if (on === undefined) throw missing('io', 'a block I/O limit');
    settings.push(...ioSettings(blockIO, on, abilities));
  }
  if (hugepageLimits?.length)
    settings.push(...hugetlbSettings(hugepageLimits, version('hugetlb', 'a limit on huge pages'), abilities));
  if (network) settings.push(...networkSettings(network, carriers));
  if (rdma && Object.keys(rdma).length > 0)
    settings.push(...rdmaSettings(rdma, version('rdma', 'an RDMA limit')));
  if (unified) settings.push(...unifiedSettings(unified, abilities));
  return settings.map((setting, i) => (saidLater(settings, i) ? silent(setting) : setting));
}

/** A limit that is given in two ways is counted once, and the later one holds. */
const saidLater = (settings: readonly Setting[], at: number): boolean =>
  settings.slice(at + 1).some(({ report }) => report && report.file === settings[at]!.report?.file);

const silent = ({ report: _, ...setting }: Setting): Setting => setting;

/** Whether any member is set: not absent, not an empty list, not 0 (which stands for "not set" in all of them). */
function hasValue(section: object): boolean {
  return Object.values(section).some(
    (v) => v !== undefined && v !== null && !(Array.isArray(v) && v.length === 0),
  );
}

const missing = (controller: string, what: string): Failure =>
  new Failure(
    `${what} needs the ${controller} controller, which is not to be had here: the kernel lacks it, it is not mounted, or it is not delegated to this group (cgroup.controllers)`,
  );
