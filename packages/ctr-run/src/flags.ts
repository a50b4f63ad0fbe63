import type { Flag } from '@ctr-tools/cli';

const bundle: Flag = {
  name: 'bundle',
  alias: ['b'],
  valueHint: 'DIR',
  description: 'the bundle, the working directory if neither is given',
  env: 'CTR_BUNDLE',
};
/** What every subcommand has that changes something. */
export const planFlag: Flag = {
  name: 'plan',
  description: 'print what would be done, one kernel operation a line, and do nothing',
  group: 'About this program',
};
const pidFile: Flag = {
  name: 'pid-file',
  valueHint: 'FILE',
  description: 'write the PID of the first process here',
};

/** Flags by which engines make containers, as runc has them (runc-run(8), runc-create(8)). */
export const makeFlags: readonly Flag[] = [
  bundle,
  { name: 'console-socket', valueHint: 'SOCKET', description: 'send the terminal to this unix socket' },
  {
    name: 'pidfd-socket',
    valueHint: 'SOCKET',
    description: 'send a pidfd of the first process to this unix socket',
  },
  pidFile,
  { name: 'no-pivot', description: 'move and chroot instead of pivot_root (for a root on an initramfs)' },
  { name: 'no-new-keyring', description: 'keep the session keyring of the caller' },
  { name: 'preserve-fds', valueHint: 'N', description: 'let the command inherit N descriptors from 3 on' },
];

/** What `run` has beside them. */
export const runFlags: readonly Flag[] = [
  { name: 'detach', alias: ['d'], description: 'do not stay with the container' },
  { name: 'keep', description: "leave the container's state and cgroup behind when it ends" },
  { name: 'no-subreaper', description: 'accepted for runc; a supervisor here adopts nobody' },
  { name: 'time', description: 'say on stderr how long the start took' },
];

/** What only `run` has, and `plan` has not. */
export const whyFlag: Flag = {
  name: 'why',
  description:
    'say at the end which system calls and which capabilities were refused, and what would allow them',
};

/** What `plan` has beside those of `run`. */
export const planFlags: readonly Flag[] = [
  {
    name: 'output',
    alias: ['o'],
    valueHint: 'FILE',
    description: 'write it encoded, for ctr-launcher --plan FILE',
  },
  {
    name: 'why',
    valueHint: 'STEP',
    description: 'which line of config.json is behind this step, and which clause of the specification',
  },
  {
    name: 'diff',
    valueHint: 'A',
    description: 'compare two specs, config.json or bundle, by what the kernel would be asked to do',
  },
  {
    name: 'timings',
    valueHint: 'LOG',
    description: 'how long each step of a run took, from a log that --debug --log wrote',
  },
  { name: 'svg', valueHint: 'FILE', description: 'draw the timings (-: to stdout)' },
];

/** What `harden` has beside flags of people. */
export const hardenFlags: readonly Flag[] = [
  {
    name: 'output',
    alias: ['o'],
    valueHint: 'FILE',
    description: 'write the config.json here instead of to stdout',
  },
  {
    name: 'merge',
    valueHint: 'FILE',
    many: true,
    description: 'keep open what this earlier result has open too: another input, another command',
  },
  {
    name: 'for',
    valueHint: 'RUNTIME',
    description: 'runc or crun: with the system calls that these make under the filter, and proved by them',
  },
];

/** `exec`, as runc has it (runc-exec(8)). */
export const execFlags: readonly Flag[] = [
  {
    name: 'process',
    alias: ['p'],
    valueHint: 'FILE',
    description: 'read the process as in config.json from a file',
  },
  { name: 'tty', alias: ['t'], description: 'give it a terminal' },
  { name: 'user', alias: ['u'], valueHint: 'UID[:GID]', description: 'run as this user' },
  {
    name: 'additional-gids',
    alias: ['g'],
    valueHint: 'GID',
    many: true,
    description: 'add a supplementary group',
  },
  { name: 'env', alias: ['e'], valueHint: 'NAME=VALUE', many: true, description: 'set a variable' },
  { name: 'cwd', valueHint: 'DIR', description: 'working directory' },
  { name: 'cap', alias: ['c'], valueHint: 'CAP', many: true, description: 'add a capability' },
  { name: 'apparmor', valueHint: 'PROFILE', description: 'AppArmor profile' },
  { name: 'process-label', valueHint: 'LABEL', description: 'SELinux label' },
  { name: 'no-new-privs', description: 'set no_new_privs' },
  { name: 'detach', alias: ['d'], description: 'do not stay with it' },
  { name: 'console-socket', valueHint: 'SOCKET', description: 'send the terminal to this unix socket' },
  {
    name: 'pidfd-socket',
    valueHint: 'SOCKET',
    description: 'send a pidfd of the process to this unix socket',
  },
  pidFile,
  { name: 'preserve-fds', valueHint: 'N', description: 'let the command inherit N descriptors from 3 on' },
  {
    name: 'cgroup',
    valueHint: '[CONTROLLER,...:]PATH',
    many: true,
    description: "run in this group below the container's own",
  },
  { name: 'ignore-paused', description: 'do not refuse a paused container' },
  { name: 'no-subreaper', description: 'accepted for runc; a supervisor here adopts nobody' },
];

const images: Flag = {
  name: 'image-path',
  valueHint: 'DIR',
  description: 'where the images of the processes are (default: ./checkpoint)',
};
const work: Flag = {
  name: 'work-path',
  valueHint: 'DIR',
  description: "criu's working directory and log (default: the images')",
};
/** What checkpoint and restore both hand to criu(8). */
const criu: readonly Flag[] = [
  images,
  work,
  { name: 'tcp-established', description: 'also with open TCP connections' },
  { name: 'ext-unix-sk', description: 'also with unix sockets to the outside' },
  { name: 'shell-job', description: 'also with a terminal of the outside' },
  { name: 'file-locks', description: 'also with file locks' },
  { name: 'manage-cgroups-mode', valueHint: 'MODE', description: 'soft (default), full, strict or ignore' },
  {
    name: 'empty-ns',
    valueHint: 'KIND',
    many: true,
    description: 'leave the content of this namespace out (network)',
  },
  { name: 'auto-dedup', description: 'drop pages of the parent images that are written again' },
  { name: 'lazy-pages', description: 'fetch memory only when it is wanted, from criu lazy-pages' },
];

/** `checkpoint`, as runc has it (runc-checkpoint(8)). */
export const checkpointFlags: readonly Flag[] = [
  ...criu,
  {
    name: 'parent-path',
    valueHint: 'DIR',
    description: 'images of an earlier pre-dump, relative to the image path',
  },
  { name: 'leave-running', description: 'let the container go on' },
  { name: 'pre-dump', description: 'copy the memory alone, and let the container go on' },
  { name: 'page-server', valueHint: 'ADDRESS:PORT', description: 'send the memory to a criu page server' },
  {
    name: 'status-fd',
    valueHint: 'FD',
    description: 'criu writes a zero byte here once its lazy pages can be asked for',
  },
];

/** `restore`, as runc has it (runc-restore(8)). */
export const restoreFlags: readonly Flag[] = [
  ...criu,
  bundle,
  pidFile,
  { name: 'detach', alias: ['d'], description: 'do not stay with the container' },
  {
    name: 'console-socket',
    valueHint: 'SOCKET',
    description: 'refused: criu has no way to hand over a terminal',
  },
  {
    name: 'lsm-profile',
    valueHint: 'TYPE:LABEL',
    description: 'another label: apparmor:NAME or selinux:LABEL',
  },
  {
    name: 'lsm-mount-context',
    valueHint: 'CONTEXT',
    description: 'another SELinux context for mounts that have one',
  },
  // go-runc writes it with one dash, as Go's flags allow.
  { name: 'no-subreaper', description: 'accepted for runc' },
  { name: 'no-pivot', description: 'accepted for runc' },
];

/** `update`, as runc has it (runc-update(8)). */
export const updateFlags: readonly Flag[] = [
  {
    name: 'resources',
    alias: ['r'],
    valueHint: 'FILE|-',
    description: 'read linux.resources as in config.json from a file',
  },
  { name: 'blkio-weight', valueHint: 'N', description: 'weight of block I/O, 10 to 1000' },
  { name: 'cpu-period', valueHint: 'US', description: 'CPU period in microseconds' },
  { name: 'cpu-quota', valueHint: 'US', description: 'CPU time in each period' },
  { name: 'cpu-burst', valueHint: 'US', description: 'CPU time that may be saved up' },
  { name: 'cpu-rt-period', valueHint: 'US', description: 'realtime period' },
  { name: 'cpu-rt-runtime', valueHint: 'US', description: 'realtime time in each period' },
  { name: 'cpu-share', valueHint: 'N', description: 'CPU shares' },
  { name: 'cpu-idle', valueHint: '0|1', description: 'run only when nobody else wants to' },
  { name: 'cpuset-cpus', valueHint: 'LIST', description: 'CPUs that may be used' },
  { name: 'cpuset-mems', valueHint: 'LIST', description: 'memory nodes that may be used' },
  { name: 'memory', valueHint: 'SIZE', description: 'memory limit (-1: none)' },
  { name: 'memory-reservation', valueHint: 'SIZE', description: 'memory that is kept for it' },
  { name: 'memory-swap', valueHint: 'SIZE', description: 'memory and swap together (-1: none)' },
  {
    name: 'kernel-memory',
    valueHint: 'SIZE',
    description: 'accepted for runc; kernels have no such limit any more',
  },
  { name: 'kernel-memory-tcp', valueHint: 'SIZE', description: 'accepted for runc' },
  { name: 'pids-limit', valueHint: 'N', description: 'number of processes' },
  {
    name: 'l3-cache-schema',
    valueHint: 'SCHEMA',
    description: 'L3 cache of its class of service (Intel RDT): L3:0=ff',
  },
  {
    name: 'mem-bw-schema',
    valueHint: 'SCHEMA',
    description: 'memory bandwidth of its class of service: MB:0=50',
  },
];

export { bundle as bundleFlag };

/** `inspect`. */
export const inspectFlags: readonly Flag[] = [
  { name: 'all', alias: ['a'], description: 'every section and every opening at full length' },
  { name: 'json', description: 'as JSON' },
  {
    name: 'svg',
    valueHint: 'FILE',
    description: 'draw it: the rings around the process and their gaps (-: to stdout)',
  },
  { name: 'at-most', valueHint: 'N', description: 'exit 1 if what is open weighs more than this' },
  {
    name: 'filters',
    description: 'also what its filters of system calls answer; as root, and it is stopped for a moment',
  },
  {
    name: 'against',
    valueHint: 'FILE',
    description:
      'say where what runs is not what this config.json, or bundle, asks for (-: stdin); exit 1 if so',
  },
  { name: 'openings', description: 'list every opening that is looked for, with its weight' },
];

/** `top`. */
export const topFlags: readonly Flag[] = [
  {
    name: 'all',
    alias: ['a'],
    description: 'every group that looks like a container, whoever made it, and not those of ctr-run alone',
  },
  {
    name: 'sort',
    valueHint: 'KEY',
    description: 'by cpu (default), memory, pressure, tasks, io, or name',
  },
  { name: 'json', alias: ['J'], description: 'a line of JSON each second' },
];
