/** What a machine can do for containers, as files say it: nothing is tried out and nothing is changed. */
import { ACCESS, exists, isAccessible, namesIn, readText } from '@ctr-tools/host';
import {
  type CgroupHierarchy,
  cgroupHierarchies,
  inUserNamespace,
  kernelRelease,
  parseSubordinate,
  rangesOf,
} from '@ctr-tools/sys/proc';

export interface MachineFacts {
  kernel: string;
  root: boolean;
  user: string;
  /** We are in a user namespace: the machine's root is not ours. */
  inside: boolean;
  /** Names in /proc/self/ns: `mnt`, `net` … (namespaces(7)). */
  namespaces: readonly string[];
  /** Values of sysctls, by their path below /proc/sys with dots; none where there is no such file. */
  sysctls: Readonly<Record<string, string>>;
  /** Commands that were found, with their paths. */
  commands: Readonly<Record<string, string>>;
  /** Whether /etc/subuid and /etc/subgid have a range for the user. */
  ranges: boolean;
  cgroups: {
    mode: 'v1' | 'v2' | 'hybrid' | 'none';
    controllers: readonly string[];
    /** Our own group of v2, or of each v1 hierarchy, can be written: groups can be made by files. */
    writable: boolean;
  };
  systemd: boolean;
  /** The user's own systemd can be asked. */
  userSystemd: boolean;
  /** Names in /proc/filesystems. */
  filesystems: readonly string[];
  /** What of these can be opened for reading and writing: `/dev/fuse`, `/dev/mapper/control`, `/dev/loop-control`. */
  devices: readonly string[];
  /** Actions that a filter may take (seccomp(2)); none where the kernel has no filters. */
  seccomp: readonly string[];
  /** Security modules that are in force (`/sys/kernel/security/lsm`), or that show themselves otherwise. */
  modules: readonly string[];
}

export const SYSCTLS = [
  'user.max_user_namespaces',
  'kernel.unprivileged_userns_clone',
  'kernel.apparmor_restrict_unprivileged_userns',
  'kernel.yama.ptrace_scope',
  'net.ipv4.ip_unprivileged_port_start',
] as const;

const COMMANDS = [
  'newuidmap',
  'newgidmap',
  'fuse-overlayfs',
  'criu',
  'apparmor_parser',
  'pasta',
  'slirp4netns',
];
const DEVICES = ['/dev/fuse', '/dev/mapper/control', '/dev/loop-control', '/dev/net/tun'];

interface Caller {
  euid: number;
  env: ReadonlyMap<string, string>;
}

export function gatherMachine({ euid, env }: Caller): MachineFacts {
  const user = nameOf(euid);
  const cgroups = cgroupHierarchies();
  return {
    kernel: kernelRelease(),
    root: euid === 0,
    user,
    inside: inUserNamespace(),
    namespaces: listed('/proc/self/ns'),
    sysctls: Object.fromEntries(
      SYSCTLS.flatMap((name) => {
        const value = textOf(`/proc/sys/${name.replaceAll('.', '/')}`);
        return value === undefined ? [] : [[name, value.trim()]];
      }),
    ),
    commands: Object.fromEntries(
      COMMANDS.flatMap((name) => {
        const path = found(name, env.get('PATH'));
        return path === undefined ? [] : [[name, path]];
      }),
    ),
    ranges: ['/etc/subuid', '/etc/subgid'].every((file) => hasRange(file, user, euid)),
    cgroups: {
      mode: cgroups.mode,
      controllers: controllers(cgroups.hierarchies),
      writable: cgroups.hierarchies.some(({ controllers, version, directory }) => {
        const limits = version === 2 ? cgroups.mode === 'v2' : controllers.length > 0;
        return limits && isAccessible(directory, ACCESS.WRITE);
      }),
    },
    systemd: exists('/run/systemd/system'),
    userSystemd: exists(`${env.get('XDG_RUNTIME_DIR') || `/run/user/${euid}`}/systemd/private`),
    filesystems: (textOf('/proc/filesystems') ?? '')
      .split('\n')
      .flatMap((line) => line.split('\t').at(-1) || []),
    devices: DEVICES.filter((path) => isAccessible(path, ACCESS.READ | ACCESS.WRITE)),
    seccomp: (textOf('/proc/sys/kernel/seccomp/actions_avail') ?? '').split(/\s+/).filter(Boolean),
    modules: securityModules(),
  };
}

/** Those of v1 hierarchies, and those that the v2 hierarchy has at its top. */
function controllers(hierarchies: readonly CgroupHierarchy[]): string[] {
  const all = hierarchies.flatMap((h) =>
    h.version === 1 ? h.controllers : (textOf(`${h.mountPoint}/cgroup.controllers`) ?? '').split(/\s+/),
  );
  return [...new Set(all.filter(Boolean))].sort();
}

function securityModules(): string[] {
  const list = textOf('/sys/kernel/security/lsm');
  if (list !== undefined) return list.trim().split(',');
  return [
    ...(textOf('/sys/module/apparmor/parameters/enabled')?.startsWith('Y') ? ['apparmor'] : []),
    ...(exists('/sys/fs/selinux/enforce') ? ['selinux'] : []),
  ];
}

/** Whether a file of subuid(5) has a range for a user. */
const hasRange = (file: string, user: string, uid: number): boolean =>
  rangesOf(parseSubordinate(textOf(file) ?? ''), uid, user).some(({ count }) => count > 0);

function nameOf(uid: number): string {
  const line = (textOf('/etc/passwd') ?? '').split('\n').find((l) => l.split(':')[2] === String(uid));
  return line?.split(':')[0] ?? `#${uid}`;
}

function found(name: string, path = ''): string | undefined {
  const directories = [...path.split(':'), '/usr/sbin', '/sbin', '/usr/bin'].filter((at) =>
    at.startsWith('/'),
  );
  return directories.map((at) => `${at}/${name}`).find((file) => isAccessible(file, ACCESS.EXECUTE));
}

/** Files that are not there, or not for us, say nothing. */
function textOf(path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}

function listed(path: string): string[] {
  try {
    return namesIn(path);
  } catch {
    return [];
  }
}
