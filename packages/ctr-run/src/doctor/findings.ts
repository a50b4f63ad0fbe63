/** What follows from the facts of a machine: a line for each thing that containers use. Pure. */
import type { MachineFacts } from './facts.ts';

export interface Finding {
  area: string;
  what: string;
  /** `missing`: no container can be made without it. `lacking`: something cannot be done, which `means` names. */
  state: 'there' | 'lacking' | 'missing';
  /** How it was found, in few words. */
  detail?: string;
  /** What cannot be done without it. */
  means?: string;
  /** What would give it, as a command where there is one. */
  remedy?: string;
}

const there = (area: string, what: string, detail?: string): Finding => ({
  area,
  what,
  state: 'there',
  ...(detail !== undefined && { detail }),
});
const lacking = (area: string, what: string, means: string, remedy?: string): Finding => ({
  area,
  what,
  state: 'lacking',
  means,
  ...(remedy !== undefined && { remedy }),
});

/** Kinds of namespaces by the names of /proc/PID/ns, with what lacks without them (namespaces(7)). */
const KINDS: readonly (readonly [file: string, name: string, since: string, needed: boolean])[] = [
  ['mnt', 'mount', '2.4.19', true],
  ['uts', 'uts', '2.6.19', true],
  ['ipc', 'ipc', '2.6.19', true],
  ['net', 'net', '2.6.24', true],
  ['pid', 'pid', '2.6.24', true],
  ['user', 'user', '3.8', false],
  ['cgroup', 'cgroup', '4.6', false],
  ['time', 'time', '5.6', false],
];

function namespaces({ namespaces: names }: MachineFacts): Finding[] {
  const area = 'Namespaces';
  const have = KINDS.filter(([file]) => names.includes(file)).map(([, name]) => name);
  const without = KINDS.filter(([file]) => !names.includes(file));
  return [
    ...(have.length > 0 ? [there(area, 'kinds', have.join(', '))] : []),
    ...without.map(
      ([, name, since, needed]): Finding => ({
        ...lacking(
          area,
          name,
          `a container cannot have ${name} of its own`,
          `a kernel since ${since} built with it`,
        ),
        ...(needed && { state: 'missing' as const }),
      }),
    ),
  ];
}

/** Who may make a user namespace, which is all that a user without root has (user_namespaces(7)). */
function rootless(facts: MachineFacts): Finding[] {
  const area = 'Without root';
  const { sysctls, commands, user } = facts;
  const means = 'only root makes containers';
  const forbidden: [boolean, string, string][] = [
    [!facts.namespaces.includes('user'), 'the kernel has no user namespaces', 'a kernel with CONFIG_USER_NS'],
    [
      sysctls['user.max_user_namespaces'] === '0',
      'user.max_user_namespaces is 0',
      'sysctl -w user.max_user_namespaces=15000',
    ],
    [
      sysctls['kernel.unprivileged_userns_clone'] === '0',
      "Debian's kernel.unprivileged_userns_clone is 0",
      'sysctl -w kernel.unprivileged_userns_clone=1',
    ],
    [
      sysctls['kernel.apparmor_restrict_unprivileged_userns'] === '1',
      "Ubuntu's kernel.apparmor_restrict_unprivileged_userns is 1",
      'an AppArmor profile for ctr-run with "userns,", or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    ],
  ];
  const found = forbidden.filter(([is]) => is);
  const findings = found.map(
    ([, why, remedy]): Finding => ({
      ...lacking(area, 'user namespaces', `${why}: ${means}`, remedy),
      // It stands in the way of the caller's own containers.
      ...(!facts.root && { state: 'missing' as const }),
    }),
  );
  if (found.length === 0) findings.push(there(area, 'user namespaces', 'anybody may make them'));
  const mappers = ['newuidmap', 'newgidmap'].filter((name) => commands[name] === undefined);
  if (mappers.length > 0)
    findings.push(
      lacking(area, mappers.join(', '), 'a container without root has one user', 'apt install uidmap'),
    );
  else findings.push(there(area, 'newuidmap, newgidmap', commands.newuidmap));
  if (!facts.root)
    findings.push(
      facts.ranges
        ? there(area, 'ranges of IDs', `${user} has some in /etc/subuid and /etc/subgid`)
        : lacking(
            area,
            'ranges of IDs',
            `${user} has none, so a container has one user`,
            `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`,
          ),
    );
  return findings;
}

/** Controllers by what they limit; blkio and io are the same on v1 and v2. */
const CONTROLLERS: readonly (readonly [names: readonly string[], limits: string])[] = [
  [['memory'], '--memory'],
  [['cpu'], '--cpus and --cpu-shares'],
  [['cpuset'], '--cpuset-cpus'],
  [['pids'], '--pids-limit'],
  [['io', 'blkio'], 'limits of I/O'],
  [['hugetlb'], 'limits of huge pages'],
];

function groups(facts: MachineFacts): Finding[] {
  const area = 'Control groups';
  const { mode, controllers, writable } = facts.cgroups;
  if (mode === 'none')
    return [
      {
        ...lacking(area, 'hierarchies', 'no limit can be set', 'mount -t cgroup2 none /sys/fs/cgroup'),
        state: 'missing',
      },
    ];
  const layout = { v1: 'v1', v2: 'v2 alone', hybrid: 'v1, with v2 beside it' }[mode];
  const findings = [there(area, 'layout', layout), there(area, 'controllers', controllers.join(', '))];
  for (const [names, limits] of CONTROLLERS)
    if (!names.some((name) => controllers.includes(name)))
      findings.push(
        lacking(
          area,
          names[0]!,
          `${limits} cannot be used`,
          names[0] === 'memory'
            ? 'the words cgroup_enable=memory on the command line of the kernel (Raspberry Pi OS, old Debian)'
            : undefined,
        ),
      );
  if (facts.systemd) findings.push(there(area, 'made by systemd', 'it runs here (--systemd-cgroup)'));
  if (writable) findings.push(there(area, 'made by files', 'our own group can be written'));
  else if (facts.userSystemd && mode === 'v2')
    findings.push(there(area, "made by the user's systemd", 'it can be asked'));
  else
    findings.push(
      lacking(
        area,
        'made by us',
        'a limit is an error',
        facts.root
          ? 'mount -o remount,rw /sys/fs/cgroup'
          : 'systemd-run --user --scope -p Delegate=yes ctr-run …',
      ),
    );
  return findings;
}

function files(facts: MachineFacts): Finding[] {
  const area = 'Union file systems';
  const has = (name: string): boolean => facts.filesystems.includes(name);
  const open = (path: string): boolean => facts.devices.includes(path);
  const findings: Finding[] = [];
  const old = !since(facts.kernel, 5, 11);
  if (!has('overlay'))
    findings.push(lacking(area, 'overlay', 'layers are copied (the driver vfs)', 'modprobe overlay'));
  else if (!facts.root && old)
    findings.push(
      lacking(area, 'overlay', 'before Linux 5.11 only root mounts it', 'apt install fuse-overlayfs'),
    );
  else findings.push(there(area, 'overlay'));
  const fuse = facts.commands['fuse-overlayfs'];
  if (fuse !== undefined && open('/dev/fuse')) findings.push(there(area, 'fuse-overlayfs', fuse));
  else
    findings.push(
      lacking(
        area,
        'fuse-overlayfs',
        'where overlay cannot be mounted, layers are copied',
        fuse === undefined ? 'apt install fuse-overlayfs' : 'a /dev/fuse that can be opened',
      ),
    );
  for (const [name, path] of [
    ['btrfs', undefined],
    ['aufs', undefined],
    ['devicemapper', '/dev/mapper/control'],
  ] as const) {
    const can = path === undefined ? has(name) : open(path);
    if (can) findings.push(there(area, name));
  }
  return findings;
}

function security(facts: MachineFacts): Finding[] {
  const area = 'Protections';
  const findings: Finding[] = [];
  if (facts.seccomp.length === 0)
    findings.push(lacking(area, 'seccomp', 'no filter can be loaded', 'a kernel with CONFIG_SECCOMP_FILTER'));
  else {
    findings.push(there(area, 'seccomp', facts.seccomp.join(', ')));
    if (!facts.seccomp.includes('user_notif'))
      findings.push(
        lacking(area, 'seccomp agents', 'SCMP_ACT_NOTIFY and --why of filters', 'a kernel since 5.0'),
      );
  }
  const confining = facts.modules.filter((name) => name === 'apparmor' || name === 'selinux');
  if (confining.length > 0) findings.push(there(area, confining.join(', '), 'in force'));
  else
    findings.push(
      lacking(
        area,
        'AppArmor, SELinux',
        'profiles and labels of a spec are an error',
        'security=apparmor on the command line of the kernel',
      ),
    );
  return findings;
}

/** What newer kernels give, by the version with which it came (the manual pages of the calls say so). */
const NEWER: readonly (readonly [major: number, minor: number, what: string, means: string])[] = [
  [5, 6, 'openat2', 'paths inside a root are looked up part by part'],
  [5, 7, 'clone3 into a group', 'a process is moved into its group after it is made'],
  [5, 12, 'ID-mapped mounts', 'idmap options of mounts are an error'],
  [5, 14, 'cgroup.kill', 'a group is killed process by process'],
];

function kernel(facts: MachineFacts): Finding[] {
  const area = 'Kernel';
  const newer = NEWER.filter(([major, minor]) => !since(facts.kernel, major, minor));
  return [
    there(area, facts.kernel, newer.length === 0 ? 'has all that is used' : undefined),
    ...newer.map(([major, minor, what, means]) =>
      lacking(area, what, means, `a kernel since ${major}.${minor}`),
    ),
  ];
}

function others(facts: MachineFacts): Finding[] {
  const area = 'Other programs';
  const { criu } = facts.commands;
  return [
    criu === undefined
      ? lacking(area, 'criu', 'checkpoint and restore', 'apt install criu')
      : there(area, 'criu', criu),
  ];
}

function since(release: string, major: number, minor: number): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(a) > major || (Number(a) === major && Number(b) >= minor);
}

/** All findings, by area. */
export const findingsOf = (facts: MachineFacts): Finding[] =>
  [kernel, namespaces, rootless, groups, files, security, others].flatMap((of) => of(facts));
