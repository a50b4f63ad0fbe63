/**
 * What a container gets when nobody says otherwise: the document that `spec` writes, and
 * the lists behind it, each once.
 */
import { ociVersion } from './names.ts';
import type { Device, Mount, NamespaceType, Spec } from './types.ts';

/**
 * What `runc spec` gives: enough to be told to stop, to bind a low port, to write to the
 * audit log. Inheritable and ambient are left empty: CVE-2022-29162, and what is not
 * inheritable cannot be ambient (capabilities(7)).
 */
export const defaultCapabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'] as const;

/** What Docker and podman's Docker-compatible modes give to root inside (moby oci/caps/defaults.go). */
export const dockerCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
] as const;

/** config-linux.md, Default Devices: nodes that every container gets beside those it asks for. */
export const defaultDevices: readonly Required<Device>[] = [
  ['/dev/null', 1, 3],
  ['/dev/zero', 1, 5],
  ['/dev/full', 1, 7],
  ['/dev/random', 1, 8],
  ['/dev/urandom', 1, 9],
  ['/dev/tty', 5, 0],
].map(([path, major, minor]) => ({
  type: 'c',
  path: path as string,
  major: major as number,
  minor: minor as number,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
}));

/**
 * Links that belong into /dev: runtime-linux.md, Dev symbolic links (where the source
 * exists after the mounts), and /dev/ptmx of config-linux.md, Default Devices.
 */
export const defaultLinks: readonly (readonly [path: string, target: string])[] = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/ptmx', 'pts/ptmx'],
];

/** Files of the kernel that tell of, or reach, the whole machine: hidden. */
export const defaultMaskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const defaultReadonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

export const defaultEnv: readonly string[] = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'TERM=xterm',
];

export const defaultNamespaces: readonly NamespaceType[] = [
  'pid',
  'network',
  'ipc',
  'uts',
  'mount',
  'cgroup',
];

/** config-linux.md, Default Filesystems, and what programs expect beside them; a new copy each time. */
export function defaultMounts(): Mount[] {
  return [
    { destination: '/proc', type: 'proc', source: 'proc' },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
    },
    {
      destination: '/dev/mqueue',
      type: 'mqueue',
      source: 'mqueue',
      options: ['nosuid', 'noexec', 'nodev'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
    },
  ];
}

/** The document that `spec` writes, a new copy each time. */
export function defaultSpec(): Spec {
  return {
    ociVersion,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: [...defaultEnv],
      cwd: '/',
      capabilities: {
        bounding: [...defaultCapabilities],
        effective: [...defaultCapabilities],
        permitted: [...defaultCapabilities],
      },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'ctr-run',
    mounts: defaultMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: defaultNamespaces.map((type) => ({ type })),
      maskedPaths: [...defaultMaskedPaths],
      readonlyPaths: [...defaultReadonlyPaths],
    },
  };
}

/** The user and group, as the host counts, that become root inside. */
export interface RootlessIds {
  uid: number;
  gid: number;
}

/**
 * The same for somebody who is not root on the host: a user namespace in which only their
 * own IDs exist. So /dev/pts cannot belong to group 5; sysfs cannot be mounted without a
 * network namespace of one's own, which would have no way out, so the host's /sys is bound;
 * and there are no limits, since the cgroups are somebody else's.
 */
export function rootlessSpec({ uid, gid }: RootlessIds): Spec {
  const spec = defaultSpec();
  const mounts = spec.mounts!.map((mount): Mount => {
    if (mount.destination === '/dev/pts')
      return { ...mount, options: mount.options!.filter((option) => !option.startsWith('gid=')) };
    if (mount.destination === '/sys')
      return {
        destination: '/sys',
        type: 'none',
        source: '/sys',
        options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'],
      };
    return mount;
  });
  const { resources: _, namespaces, ...linux } = spec.linux!;
  return {
    ...spec,
    mounts,
    linux: {
      ...linux,
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...namespaces!.filter(({ type }) => type !== 'network'), { type: 'user' }],
    },
  };
}
