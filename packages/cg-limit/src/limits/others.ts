import { Failure, formatSize } from '@ctr-tools/cli';
import type { HugepageLimit, LinuxResources, Network, Pids, Rdma } from '@ctr-tools/oci';
import type { Abilities, Report, Setting } from '../setting.ts';
import { weightHint } from './cpu.ts';
import { oomReport } from './memory.ts';

/**
 * pids: cgroup-v1/pids.rst, cgroup-v2.rst "PID". A limit below 0 is none. 0 is not given, as for runc: what the group has by
 * itself stays, which under systemd is a limit (DefaultTasksMax).
 */
export function pidsSettings({ limit }: Pids, version: 1 | 2): Setting[] {
  if (limit === undefined || BigInt(limit) === 0n) return [];
  const value = BigInt(limit) > 0n ? String(limit) : 'max';
  return [
    {
      controller: 'pids',
      version,
      file: 'pids.max',
      value,
      what: 'the limit on processes',
      says: value,
      hints: { EINVAL: 'the kernel counts up to 4194304 processes' },
      ...(value !== 'max' && { report: pidsReport(value) }),
    },
  ];
}

const pidsReport = (limit: string): Report => ({
  file: 'pids.events',
  key: 'max',
  peak: 'pids.peak',
  bytes: false,
  text: `the limit of ${limit} processes was reached; forks refused:`,
});

/**
 * hugetlb: the limit on use (a page fault beyond it is SIGBUS) and that on reservations, which
 * fails mmap(2) instead and which the runtime-spec prefers (config-linux.md, Huge page limits).
 */
export function hugetlbSettings(
  limits: readonly HugepageLimit[],
  version: 1 | 2,
  abilities: Abilities,
): Setting[] {
  return limits.flatMap(({ pageSize, limit }): Setting[] => {
    if (!abilities.hugePages.includes(pageSize))
      throw new Failure(
        `there are no huge pages of ${pageSize} here; this machine has ${abilities.hugePages.join(', ') || 'none'}`,
      );
    const base = { controller: 'hugetlb', version, value: String(limit), says: formatSize(limit) } as const;
    const suffix = version === 1 ? 'limit_in_bytes' : 'max';
    const report = (kind: '' | '.rsvd'): { report: Report } | undefined =>
      BigInt(limit) >= PAGES_MAX
        ? undefined
        : { report: hugetlbReport(pageSize, kind, BigInt(limit), version) };
    return [
      {
        ...base,
        file: `hugetlb.${pageSize}.${suffix}`,
        what: `the limit on huge pages of ${pageSize}`,
        ...report(''),
      },
      {
        ...base,
        file: `hugetlb.${pageSize}.rsvd.${suffix}`,
        what: `the limit on reserved huge pages of ${pageSize}`,
        unless: ['ENOENT'],
        // On v2 it counts where the other does.
        ...(version === 1 && report('.rsvd')),
      },
    ];
  });
}

/** What `max` is in a spec, which has only a number for it: LONG_MAX. */
const PAGES_MAX = (1n << 63n) - 1n;

/**
 * v2 counts both kinds in one file (hugetlb_cgroup.c, __hugetlb_cgroup_charge_cgroup), and has no file
 * for a peak as yet; it would be called as memory.peak is.
 */
const hugetlbReport = (page: string, kind: '' | '.rsvd', limit: bigint, version: 1 | 2): Report => ({
  file: version === 1 ? `hugetlb.${page}${kind}.failcnt` : `hugetlb.${page}.events`,
  key: version === 1 ? '' : 'max',
  peak: version === 1 ? `hugetlb.${page}${kind}.max_usage_in_bytes` : `hugetlb.${page}.peak`,
  bytes: true,
  text: `the limit of ${formatSize(limit)} in huge pages of ${page} was reached; times refused:`,
});

/** The report for a file of v2 that was given by its name, as for the limit that means the same. */
function reportOf(file: string, value: string): Report | undefined {
  if (!/^\d+$/.test(value)) return undefined;
  if (file === 'memory.max') return oomReport(2, BigInt(value));
  if (file === 'pids.max') return pidsReport(value);
  const [, page] = /^hugetlb\.(\w+)(?:\.rsvd)?\.max$/.exec(file) ?? [];
  return page === undefined ? undefined : hugetlbReport(page, '', BigInt(value), 2);
}

/** net_cls.rst and net_prio.rst of cgroup-v1; v2 matches packets by group in nftables or BPF instead. */
export function networkSettings(
  { classID, priorities }: Network,
  carriers: Abilities['carriers'],
): Setting[] {
  const need = (controller: string, what: string): void => {
    if (carriers[controller] !== 1)
      throw new Failure(
        `${what} needs the ${controller} controller of cgroup v1, which is not mounted here; cgroup v2 has none (match the group in nftables: socket cgroupv2)`,
      );
  };
  const settings: Setting[] = [];
  if (classID) {
    need('net_cls', 'network.classID');
    settings.push({
      controller: 'net_cls',
      version: 1,
      file: 'net_cls.classid',
      value: String(classID),
      what: 'the network class',
      says: `0x${classID.toString(16)}`,
    });
  }
  for (const { name, priority } of priorities ?? []) {
    need('net_prio', 'network.priorities');
    // Looked up in init_net, whoever writes it (write_priomap in net/core/netprio_cgroup.c).
    const hints = {
      ENODEV: `there is no interface ${name} in the initial network namespace, the only one that net_prio knows`,
    };
    settings.push({
      controller: 'net_prio',
      version: 1,
      file: 'net_prio.ifpriomap',
      value: `${name} ${priority}`,
      what: `the priority on ${name}`,
      says: String(priority),
      hints,
    });
  }
  return settings;
}

/** rdma: the same file in both versions (cgroup-v1/rdma.rst). */
export function rdmaSettings(rdma: Readonly<Record<string, Rdma>>, version: 1 | 2): Setting[] {
  return Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => {
    const parts = [
      ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]),
      ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`]),
    ];
    if (parts.length === 0)
      throw new Failure(`rdma.${device}: give hcaHandles or hcaObjects; at least one is needed`);
    const says = parts.join(' ');
    const hints = {
      EINVAL: `there is no RDMA device ${device}`,
      ENODEV: `there is no RDMA device ${device}`,
    };
    return {
      controller: 'rdma',
      version,
      file: 'rdma.max',
      value: `${device} ${says}`,
      what: `the limits on ${device}`,
      says,
      hints,
    };
  });
}

/** Controllers whose files begin with another word than the controller's name. */
const core = new Set(['cgroup']);
/** Written by us alone: they move processes or change the tree. */
const notLimits = new Set([
  'cgroup.procs',
  'cgroup.threads',
  'cgroup.subtree_control',
  'cgroup.kill',
  'cgroup.freeze',
  'cgroup.clone_children',
  'cgroup.event_control',
  'freezer.state',
  'memory.force_empty',
]);

const invalid: Readonly<Record<string, string>> = {
  'misc.max': 'this machine has no such resource; misc.capacity of the root group lists those there are',
  'cpu.weight': `it is 1 to 10000, and ${weightHint}`,
};

const withReport = (report: Report | undefined): { report?: Report } => (report ? { report } : {});

/** `unified`: any file of v2, each line written by itself, as such files take one setting a write. */
export function unifiedSettings(
  unified: NonNullable<LinuxResources['unified']>,
  abilities: Abilities,
): Setting[] {
  return Object.entries(unified)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([file, text]) => {
      const controller = controllerOfFile(file);
      if (notLimits.has(file))
        throw new Failure(`unified: ${file} is no limit; it moves processes or changes the tree`);
      const carrier = abilities.carriers[controller === 'core' ? 'unified' : controller];
      const byV1 = carrier === 1 && abilities.anyVersion === true;
      if (carrier !== 2 && !byV1)
        throw new Failure(
          carrier === 1
            ? `unified: ${file} is a file of cgroup v2, and here the ${controller} controller is on cgroup v1; use its own limits`
            : controller === 'core'
              ? `unified: ${file} is a file of cgroup v2, which is not mounted here`
              : `unified: ${file} needs the ${controller} controller of cgroup v2, which is not to be had here`,
        );
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map(
          (line): Setting => ({
            controller,
            version: carrier,
            file,
            value: line,
            what: file,
            says: line,
            hints: {
              ENOENT: byV1
                ? `cgroup v1, which has the ${controller} controller here, has no such file`
                : `this kernel has no ${file}`,
              EINVAL:
                invalid[file] ??
                `it is not a value for this file (${byV1 ? 'Documentation/admin-guide/cgroup-v1' : 'cgroup-v2.rst'})`,
            },
            ...(byV1 ? {} : withReport(reportOf(file, line))),
            ...(file === 'cpuset.cpus.partition' && { saysInvalid: true }),
          }),
        );
    });
}

/** `memory.high` → `memory`; `cgroup.max.depth` → `core`. Throws for what is not a file of a group. */
export function controllerOfFile(file: string): string {
  const [, word] = /^([a-z_]+)\.[\w.]+$/.exec(file) ?? [];
  if (word === undefined || file.includes('..'))
    throw new Failure(`"${file}" is not a file of a cgroup; those are called CONTROLLER.NAME (memory.high)`);
  return core.has(word) ? 'core' : word;
}
