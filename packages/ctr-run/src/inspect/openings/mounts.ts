import { type Facts, hasOwnMounts, isHostRoot } from '../facts.ts';
import { unionOf } from '../layers.ts';
import { hostBinds, mountAt, ownMounts, wherePath, writable } from './paths.ts';
import type { Rule } from './rule.ts';

const section = 'root';

/** Sockets by which an engine, or the machine, is told what to do. */
const SOCKETS =
  /\/(docker\.sock|podman\.sock|containerd\.sock|crio\.sock|buildkitd\.sock|system_bus_socket|systemd\/private|kubelet\.sock|incus\/unix\.socket|lxd\/unix\.socket)$/;

/** Directories of the machine's whose writing makes one root of it. */
const RULING = /^\/(etc|boot|usr|bin|sbin|lib|lib64|root|var\/lib|var\/spool\/cron|run\/systemd)(\/|$)/;

const binds = (facts: Facts, wanted: (mount: ReturnType<typeof hostBinds>[number]) => boolean) =>
  hostBinds(facts).filter(wanted).map(wherePath);

/** Mounts (mount(8), mount_namespaces(7)). */
export const mountRules: readonly Rule[] = [
  {
    id: 'host-root-fs',
    section,
    weight: 15,
    what: 'the root file system of the machine, to be written',
    attack: 'writes a cron job, a key or a library, which root of the machine uses',
    close: 'ctr-run run --rootfs host has a layer over it that is thrown away',
    open: (facts) => {
      const root = mountAt(facts, '/');
      return root !== undefined && root.host === '/' && writable(root) && isHostRoot(facts);
    },
  },
  {
    id: 'host-root-seen',
    section,
    weight: 5,
    what: 'the root file system of the machine',
    attack: 'reads all that its user may: configuration, logs, and as root keys and passwords',
    close: 'ctr-run run --image REF or --rootfs DIR',
    open: (facts) => {
      const root = mountAt(facts, '/');
      if (!root) return false;
      if (unionOf(root)?.layers.includes('/')) return true;
      return root.host === '/' && !(writable(root) && isHostRoot(facts));
    },
  },
  {
    id: 'host-root-bind',
    section,
    weight: 18,
    what: 'the whole tree of the machine is bound in',
    attack: 'does chroot to it, and is on the machine',
    close: 'bind the one directory that is needed, read-only: -v SRC:DST:ro',
    open: (facts) => binds(facts, (m) => m.host === '/'),
  },
  {
    id: 'engine-socket',
    section,
    weight: 20,
    what: 'the socket of an engine or of the system',
    attack: 'asks it for a privileged container with / bound in: root of the machine in one line',
    close: 'leave the bind out',
    open: (facts) =>
      ownMounts(facts)
        .filter(({ host, mountPoint }) => SOCKETS.test(host ?? '') || SOCKETS.test(mountPoint))
        .map(wherePath),
  },
  {
    id: 'host-directories',
    section,
    weight: 8,
    what: 'directories by which the machine is ruled, to be written',
    attack: 'puts a program, a key or a unit there, which the machine runs or trusts',
    close: 'bind them read-only: -v SRC:DST:ro',
    open: (facts) => binds(facts, (m) => writable(m) && RULING.test(m.host!)),
  },
  {
    id: 'run-bind',
    section,
    weight: 8,
    what: '/run of the machine is bound in',
    attack: 'talks to every service that has its socket there',
    close: 'bind the one socket that is needed',
    open: (facts) => binds(facts, (m) => /^(\/var)?\/run$/.test(m.host!)),
  },
  {
    id: 'bind-suid',
    section,
    weight: 3,
    what: 'binds to be written without nosuid',
    attack: 'leaves a set-user-ID program there, which a user of the machine runs',
    close: 'add nosuid: -v SRC:DST:nosuid',
    open: (facts) =>
      isHostRoot(facts) ? binds(facts, (m) => writable(m) && !m.options.includes('nosuid')) : false,
  },
  {
    id: 'bind-dev',
    section,
    weight: 1,
    what: 'binds to be written without nodev',
    attack: 'makes a device node there, which is out of the reach of its own device rules',
    close: 'add nodev: -v SRC:DST:nodev',
    open: (facts) =>
      isHostRoot(facts) ? binds(facts, (m) => writable(m) && !m.options.includes('nodev')) : false,
  },
  {
    id: 'shared-mounts',
    section,
    weight: 5,
    what: 'mounts whose changes go on to the machine',
    attack: 'mounts over a directory there, and programs of the machine find its files',
    close: 'ns-enter --propagation slave or private',
    open: (facts) =>
      ownMounts(facts)
        .filter(({ tags, host }) => host !== undefined && tags.some((t) => t.startsWith('shared:')))
        .map(wherePath),
  },
  {
    id: 'writable-root',
    section,
    weight: 1,
    what: 'its root can be written',
    attack: 'changes its programs, and stays there over a restart',
    close: 'ctr-run run --read-only',
    open: (facts) => {
      const root = mountAt(facts, '/');
      return root !== undefined && root.host !== '/' && writable(root);
    },
  },
  {
    id: 'host-devices',
    section,
    weight: 8,
    what: 'the whole /dev of the machine',
    attack: 'opens disks, memory and terminals as far as its device rules let it',
    close: 'leave the bind out; ctr-run makes a /dev of its own',
    open: (facts) => mountAt(facts, '/dev')?.type === 'devtmpfs',
  },
];

/** Character devices by number (admin-guide/devices.txt). */
const characters: readonly [id: string, numbers: RegExp, weight: number, what: string, attack: string][] = [
  ['memory-device', /^1:[124]$/, 15, 'memory of the machine', 'reads and writes the memory of the kernel'],
  ['kmsg-device', /^1:11$/, 2, 'the kernel log', 'reads addresses and names there, and writes false lines'],
  ['msr-device', /^202:/, 10, "the CPU's registers", 'has the CPU jump to where it likes'],
  ['kvm-device', /^10:232$/, 2, '/dev/kvm', 'runs virtual machines: much code of the kernel, with holes'],
  ['fuse-device', /^10:229$/, 1, '/dev/fuse', 'answers for files with its own program, and stalls who looks'],
  ['tun-device', /^10:200$/, 1, '/dev/net/tun', 'makes interfaces, if CAP_NET_ADMIN is there too'],
  [
    'loop-control',
    /^10:237$/,
    4,
    '/dev/loop-control',
    'makes loop devices and has the kernel parse its images',
  ],
  ['mapper-control', /^10:236$/, 10, 'the device mapper', 'maps the disk of the machine anew'],
  ['vfio-device', /^10:196$/, 8, 'devices of the bus (VFIO)', 'drives a device past the kernel'],
  ['input-device', /^(13:|10:223$)/, 6, 'input devices', 'reads and types on the keyboard of the machine'],
  ['gpu-device', /^(226|195|235|508):/, 2, 'graphics', 'reaches a large driver with many holes'],
];

const nodes = (facts: Facts) =>
  hasOwnMounts(facts) && mountAt(facts, '/dev')?.type !== 'devtmpfs' ? (facts.root?.devices ?? []) : [];

export const deviceRules: readonly Rule[] = [
  {
    id: 'block-device',
    section,
    weight: 12,
    what: 'disks',
    attack: 'reads and changes the file systems on them below their permissions (debugfs(8))',
    close: 'leave them out of linux.devices; cg-limit --device-deny',
    open: (facts) =>
      nodes(facts)
        .filter(({ type }) => type === 'block')
        .map(({ name }) => `/dev/${name}`),
  },
  ...characters.map(
    ([id, numbers, weight, what, attack]): Rule => ({
      id,
      section,
      weight,
      what,
      attack,
      close: 'leave it out of linux.devices; cg-limit --device-deny',
      open: (facts) =>
        nodes(facts)
          .filter(({ type, major, minor }) => type === 'character' && numbers.test(`${major}:${minor}`))
          .map(({ name }) => `/dev/${name}`),
    }),
  ),
  {
    id: 'device-rules',
    section: 'group',
    weight: 6,
    what: 'its group allows every device',
    attack: 'opens any disk as soon as it can make or find a node of it',
    close: 'cg-limit --device-deny all, and --device for each that it needs',
    open: ({ group }) => group?.devices?.some((rule) => /^a \*:\* rwm$/.test(rule)) ?? false,
  },
];
