import type { Flag } from '@ctr-tools/cli';

const inside = 'Inside';
const shared = 'Namespaces';
const limits = 'Limits';
const security = 'Security';

const modes: readonly (readonly [name: string, alias: readonly string[], value: string, what: string])[] = [
  ['network', ['net'], 'host|none|container:ID', 'the network'],
  ['pid', [], 'host|container:ID', 'processes'],
  ['ipc', [], 'host|private|container:ID', 'System V IPC and message queues'],
  ['uts', [], 'host|private', 'host name'],
  ['cgroupns', [], 'host|private', 'the view of control groups'],
  ['userns', [], 'host', 'users: those of this machine, as without the flag'],
];

/** Limits that cg-limit has under the same names. */
const cgroup: readonly Flag[] = [
  { name: 'memory-swap', value: 'SIZE', help: 'memory and swap together' },
  { name: 'memory-reservation', value: 'SIZE', help: 'memory that is kept for it' },
  { name: 'memory-swappiness', value: 'N', help: 'how readily its memory is swapped out, 0 to 100' },
  { name: 'oom-kill-disable', help: 'at the memory limit, wait instead of killing (cgroup v1)' },
  { name: 'cpu-shares', alias: ['c'], value: 'N', help: 'share of the CPUs beside others (1024: usual)' },
  { name: 'cpu-period', value: 'US', help: 'CPU period in microseconds' },
  { name: 'cpu-quota', value: 'US', help: 'CPU time in each period' },
  { name: 'cpu-rt-period', value: 'US', help: 'realtime period' },
  { name: 'cpu-rt-runtime', value: 'US', help: 'realtime time in each period' },
  { name: 'cpuset-cpus', value: 'LIST', help: 'CPUs that may be used' },
  { name: 'cpuset-mems', value: 'LIST', help: 'memory nodes that may be used' },
  { name: 'blkio-weight', value: 'N', help: 'share of the disks beside others' },
  { name: 'blkio-weight-device', value: 'DEVICE:N', many: true, help: 'the same for one device' },
  { name: 'device-read-bps', value: 'DEVICE:RATE', many: true, help: 'bytes a second read from a device' },
  { name: 'device-write-bps', value: 'DEVICE:RATE', many: true, help: 'bytes a second written to it' },
  { name: 'device-read-iops', value: 'DEVICE:N', many: true, help: 'reads a second from it' },
  { name: 'device-write-iops', value: 'DEVICE:N', many: true, help: 'writes a second to it' },
  { name: 'device-cgroup-rule', value: 'RULE', many: true, help: 'allow devices by number: "c 10:229 rwm"' },
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
    value: 'FILE',
    empty: true,
    help: "run this instead of the image's entry point ('': none)",
    group: inside,
  },
  { name: 'env-file', value: 'FILE', many: true, help: 'set variables, NAME=VALUE a line', group: inside },
  {
    name: 'mount',
    value: 'KEY=VALUE,...',
    many: true,
    help: 'type=bind|tmpfs,source=SRC,target=DST,…',
    group: inside,
  },
  { name: 'tmpfs', value: 'DST[:OPTIONS]', many: true, help: 'mount an empty tmpfs', group: inside },
  { name: 'shm-size', value: 'SIZE', help: 'size of /dev/shm (64 MiB if not given)', group: inside },
  {
    name: 'device',
    value: 'SRC[:DST[:ACCESS]]',
    many: true,
    help: "give it one of the host's devices",
    group: inside,
  },
  {
    name: 'init',
    help: 'a first process that reaps others: catatonit or tini of this machine',
    group: inside,
  },
  { name: 'domainname', value: 'NAME', help: 'NIS domain name', group: inside },
  { name: 'group-add', value: 'GROUP', many: true, help: 'add a supplementary group', group: inside },
  {
    name: 'label',
    alias: ['l', 'annotation'],
    value: 'NAME[=VALUE]',
    many: true,
    help: 'an annotation of the container',
    group: inside,
  },
  { name: 'label-file', value: 'FILE', many: true, help: 'annotations, NAME=VALUE a line', group: inside },
  { name: 'platform', value: 'OS/ARCH[/VARIANT]', help: 'of which platform the image is', group: inside },
  { name: 'rm', help: 'accepted for docker; a container goes when it ends (see --keep)', group: inside },
  ...modes.map(
    ([name, alias, value, what]): Flag => ({ name, alias, value, help: `share ${what}`, group: shared }),
  ),
  ...cgroup,
  {
    name: 'cgroup-parent',
    value: 'PATH',
    help: 'the group, or slice, below which its group is made',
    group: limits,
  },
  {
    name: 'ulimit',
    value: 'NAME=SOFT[:HARD]',
    many: true,
    help: 'a resource limit: nofile=1024:2048',
    group: limits,
  },
  {
    name: 'oom-score-adj',
    value: 'N',
    help: 'who is killed first when memory is short, -1000 to 1000',
    group: limits,
  },
  {
    name: 'sysctl',
    value: 'NAME=VALUE',
    many: true,
    help: 'a kernel parameter of its namespaces',
    group: security,
  },
  {
    name: 'security-opt',
    value: 'OPTION',
    many: true,
    help: 'seccomp=, apparmor=, no-new-privileges, systempaths=unconfined',
    group: security,
  },
];
