import type { Flag } from '@ctr-tools/cli';

const inside = 'Inside';
const network = 'Network';
const shared = 'Namespaces';
const limits = 'Limits';
const security = 'Security';

const modes: readonly (readonly [name: string, alias: readonly string[], value: string, what: string])[] = [
  [
    'network',
    ['net'],
    'NAME|FILE|host|none|container:ID',
    'a network: default is made up, others are lists of CNI (net-join)',
  ],
  ['pid', [], 'host|container:ID', 'processes'],
  ['ipc', [], 'host|private|container:ID', 'System V IPC and message queues'],
  ['uts', [], 'host|private', 'host name'],
  ['cgroupns', [], 'host|private', 'the view of control groups'],
  ['userns', [], 'host', 'users: those of this machine, as without the flag'],
];

/** Limits that cg-limit has under the same names. */
const cgroup: readonly Flag[] = [
  { name: 'memory-swap', valueHint: 'SIZE', description: 'memory and swap together' },
  { name: 'memory-reservation', valueHint: 'SIZE', description: 'memory that is kept for it' },
  {
    name: 'memory-swappiness',
    valueHint: 'N',
    description: 'how readily its memory is swapped out, 0 to 100',
  },
  { name: 'oom-kill-disable', description: 'at the memory limit, wait instead of killing (cgroup v1)' },
  {
    name: 'cpu-shares',
    alias: ['c'],
    valueHint: 'N',
    description: 'share of the CPUs beside others (1024: usual)',
  },
  { name: 'cpu-period', valueHint: 'US', description: 'CPU period in microseconds' },
  { name: 'cpu-quota', valueHint: 'US', description: 'CPU time in each period' },
  { name: 'cpu-rt-period', valueHint: 'US', description: 'realtime period' },
  { name: 'cpu-rt-runtime', valueHint: 'US', description: 'realtime time in each period' },
  { name: 'cpuset-cpus', valueHint: 'LIST', description: 'CPUs that may be used' },
  { name: 'cpuset-mems', valueHint: 'LIST', description: 'memory nodes that may be used' },
  { name: 'blkio-weight', valueHint: 'N', description: 'share of the disks beside others' },
  { name: 'blkio-weight-device', valueHint: 'DEVICE:N', many: true, description: 'the same for one device' },
  {
    name: 'device-read-bps',
    valueHint: 'DEVICE:RATE',
    many: true,
    description: 'bytes a second read from a device',
  },
  {
    name: 'device-write-bps',
    valueHint: 'DEVICE:RATE',
    many: true,
    description: 'bytes a second written to it',
  },
  { name: 'device-read-iops', valueHint: 'DEVICE:N', many: true, description: 'reads a second from it' },
  { name: 'device-write-iops', valueHint: 'DEVICE:N', many: true, description: 'writes a second to it' },
  {
    name: 'device-cgroup-rule',
    valueHint: 'RULE',
    many: true,
    description: 'allow devices by number: "c 10:229 rwm"',
  },
].map((flag) => ({ ...flag, group: limits }));

/** The names of cg-limit's flags among them, for it to read. */
export const cgroupFlagNames: readonly string[] = cgroup.map(({ name }) => name);

/**
 * What else of docker-run(1) has a meaning without an engine. What has none is in `refused.ts`, with what to
 * write instead.
 */
export const dockerFlags: readonly Flag[] = [
  {
    name: 'entrypoint',
    valueHint: 'FILE',
    empty: true,
    description: "run this instead of the image's entry point ('': none)",
    group: inside,
  },
  {
    name: 'env-file',
    valueHint: 'FILE',
    many: true,
    description: 'set variables, NAME=VALUE a line',
    group: inside,
  },
  {
    name: 'mount',
    valueHint: 'KEY=VALUE,...',
    many: true,
    description: 'type=bind|tmpfs,source=SRC,target=DST,…',
    group: inside,
  },
  {
    name: 'tmpfs',
    valueHint: 'DST[:OPTIONS]',
    many: true,
    description: 'mount an empty tmpfs',
    group: inside,
  },
  {
    name: 'shm-size',
    valueHint: 'SIZE',
    description: 'size of /dev/shm (64 MiB if not given)',
    group: inside,
  },
  {
    name: 'device',
    valueHint: 'SRC[:DST[:ACCESS]]',
    many: true,
    description: "give it one of the host's devices",
    group: inside,
  },
  {
    name: 'init',
    description: 'a first process that reaps others: catatonit or tini of this machine',
    group: inside,
  },
  { name: 'domainname', valueHint: 'NAME', description: 'NIS domain name', group: inside },
  {
    name: 'group-add',
    valueHint: 'GROUP',
    many: true,
    description: 'add a supplementary group',
    group: inside,
  },
  {
    name: 'label',
    alias: ['l', 'annotation'],
    valueHint: 'NAME[=VALUE]',
    many: true,
    description: 'an annotation of the container',
    group: inside,
  },
  {
    name: 'label-file',
    valueHint: 'FILE',
    many: true,
    description: 'annotations, NAME=VALUE a line',
    group: inside,
  },
  {
    name: 'platform',
    valueHint: 'OS/ARCH[/VARIANT]',
    description: 'of which platform the image is',
    group: inside,
  },
  {
    name: 'rm',
    description: 'accepted for docker; a container goes when it ends (see --keep)',
    group: inside,
  },
  {
    name: 'publish',
    alias: ['p'],
    valueHint: 'HOST:PORT',
    many: true,
    description:
      'a port of this machine that leads to one inside: [ADDRESS:][HOST:]PORT[/udp], ranges, 0 for a free one',
    group: network,
  },
  {
    name: 'publish-all',
    alias: ['P'],
    description: 'publish each port that the image exposes, as one that is free',
    group: network,
  },
  {
    name: 'network-alias',
    alias: ['net-alias'],
    valueHint: 'NAME',
    many: true,
    description: 'another name by which others on the network find it',
    group: network,
  },
  { name: 'dns', valueHint: 'ADDRESS', many: true, description: 'ask this server for names', group: network },
  {
    name: 'dns-search',
    valueHint: 'DOMAIN',
    many: true,
    description: 'look names up in this domain',
    group: network,
  },
  ...modes.map(
    ([name, alias, valueHint, what]): Flag => ({
      name,
      alias,
      valueHint,
      description: name === 'network' ? what : `share ${what}`,
      group: name === 'network' ? network : shared,
    }),
  ),
  ...cgroup,
  {
    name: 'cgroup-parent',
    valueHint: 'PATH',
    description: 'the group, or slice, below which its group is made',
    group: limits,
  },
  {
    name: 'ulimit',
    valueHint: 'NAME=SOFT[:HARD]',
    many: true,
    description: 'a resource limit: nofile=1024:2048',
    group: limits,
  },
  {
    name: 'oom-score-adj',
    valueHint: 'N',
    description: 'who is killed first when memory is short, -1000 to 1000',
    group: limits,
  },
  {
    name: 'sysctl',
    valueHint: 'NAME=VALUE',
    many: true,
    description: 'a kernel parameter of its namespaces',
    group: security,
  },
  {
    name: 'security-opt',
    valueHint: 'OPTION',
    many: true,
    description: 'seccomp=, apparmor=, no-new-privileges, systempaths=unconfined',
    group: security,
  },
];
