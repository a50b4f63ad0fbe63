import type { Flag } from '@ctr-tools/cli';

const bundle: Flag = {
  name: 'bundle',
  alias: ['b'],
  value: 'DIR',
  help: 'the bundle, the working directory if neither is given',
  env: 'CTR_BUNDLE',
};
/** What every subcommand has that changes something. */
export const planFlag: Flag = {
  name: 'plan',
  help: 'print what would be done, one kernel operation a line, and do nothing',
  group: 'About this program',
};
const pidFile: Flag = { name: 'pid-file', value: 'FILE', help: 'write the PID of the first process here' };

/** Flags by which engines make containers, as runc has them (runc-run(8), runc-create(8)). */
export const makeFlags: readonly Flag[] = [
  bundle,
  { name: 'console-socket', value: 'SOCKET', help: 'send the terminal to this unix socket' },
  { name: 'pidfd-socket', value: 'SOCKET', help: 'send a pidfd of the first process to this unix socket' },
  pidFile,
  { name: 'no-pivot', help: 'move and chroot instead of pivot_root (for a root on an initramfs)' },
  { name: 'no-new-keyring', help: 'keep the session keyring of the caller' },
  { name: 'preserve-fds', value: 'N', help: 'let the command inherit N descriptors from 3 on' },
];

/** What `run` has beside them. */
export const runFlags: readonly Flag[] = [
  { name: 'detach', alias: ['d'], help: 'do not stay with the container' },
  { name: 'keep', help: "leave the container's state and cgroup behind when it ends" },
  { name: 'no-subreaper', help: 'accepted for runc; a supervisor here adopts nobody' },
  { name: 'time', help: 'say on stderr how long the start took' },
];

/** What only `run` has, and `plan` has not. */
export const whyFlag: Flag = {
  name: 'why',
  help: 'say at the end which system calls and which capabilities were refused, and what would allow them',
};

/** `exec`, as runc has it (runc-exec(8)). */
export const execFlags: readonly Flag[] = [
  { name: 'process', alias: ['p'], value: 'FILE', help: 'read the process as in config.json from a file' },
  { name: 'tty', alias: ['t'], help: 'give it a terminal' },
  { name: 'user', alias: ['u'], value: 'UID[:GID]', help: 'run as this user' },
  { name: 'additional-gids', alias: ['g'], value: 'GID', many: true, help: 'add a supplementary group' },
  { name: 'env', alias: ['e'], value: 'NAME=VALUE', many: true, help: 'set a variable' },
  { name: 'cwd', value: 'DIR', help: 'working directory' },
  { name: 'cap', alias: ['c'], value: 'CAP', many: true, help: 'add a capability' },
  { name: 'apparmor', value: 'PROFILE', help: 'AppArmor profile' },
  { name: 'process-label', value: 'LABEL', help: 'SELinux label' },
  { name: 'no-new-privs', help: 'set no_new_privs' },
  { name: 'detach', alias: ['d'], help: 'do not stay with it' },
  { name: 'console-socket', value: 'SOCKET', help: 'send the terminal to this unix socket' },
  { name: 'pidfd-socket', value: 'SOCKET', help: 'send a pidfd of the process to this unix socket' },
  pidFile,
  { name: 'preserve-fds', value: 'N', help: 'let the command inherit N descriptors from 3 on' },
  {
    name: 'cgroup',
    value: '[CONTROLLER,...:]PATH',
    many: true,
    help: "run in this group below the container's own",
  },
  { name: 'ignore-paused', help: 'do not refuse a paused container' },
  { name: 'no-subreaper', help: 'accepted for runc; a supervisor here adopts nobody' },
];

const images: Flag = {
  name: 'image-path',
  value: 'DIR',
  help: 'where the images of the processes are (default: ./checkpoint)',
};
const work: Flag = {
  name: 'work-path',
  value: 'DIR',
  help: "criu's working directory and log (default: the images')",
};
/** What checkpoint and restore both hand to criu(8). */
const criu: readonly Flag[] = [
  images,
  work,
  { name: 'tcp-established', help: 'also with open TCP connections' },
  { name: 'ext-unix-sk', help: 'also with unix sockets to the outside' },
  { name: 'shell-job', help: 'also with a terminal of the outside' },
  { name: 'file-locks', help: 'also with file locks' },
  { name: 'manage-cgroups-mode', value: 'MODE', help: 'soft (default), full, strict or ignore' },
  { name: 'empty-ns', value: 'KIND', many: true, help: 'leave the content of this namespace out (network)' },
  { name: 'auto-dedup', help: 'drop pages of the parent images that are written again' },
  { name: 'lazy-pages', help: 'fetch memory only when it is wanted, from criu lazy-pages' },
];

/** `checkpoint`, as runc has it (runc-checkpoint(8)). */
export const checkpointFlags: readonly Flag[] = [
  ...criu,
  { name: 'parent-path', value: 'DIR', help: 'images of an earlier pre-dump, relative to the image path' },
  { name: 'leave-running', help: 'let the container go on' },
  { name: 'pre-dump', help: 'copy the memory alone, and let the container go on' },
  { name: 'page-server', value: 'ADDRESS:PORT', help: 'send the memory to a criu page server' },
  {
    name: 'status-fd',
    value: 'FD',
    help: 'criu writes a zero byte here once its lazy pages can be asked for',
  },
];

/** `restore`, as runc has it (runc-restore(8)). */
export const restoreFlags: readonly Flag[] = [
  ...criu,
  bundle,
  pidFile,
  { name: 'detach', alias: ['d'], help: 'do not stay with the container' },
  { name: 'console-socket', value: 'SOCKET', help: 'refused: criu has no way to hand over a terminal' },
  { name: 'lsm-profile', value: 'TYPE:LABEL', help: 'another label: apparmor:NAME or selinux:LABEL' },
  { name: 'lsm-mount-context', value: 'CONTEXT', help: 'another SELinux context for mounts that have one' },
  // go-runc writes it with one dash, as Go's flags allow.
  { name: 'no-subreaper', help: 'accepted for runc' },
  { name: 'no-pivot', help: 'accepted for runc' },
];

/** `update`, as runc has it (runc-update(8)). */
export const updateFlags: readonly Flag[] = [
  {
    name: 'resources',
    alias: ['r'],
    value: 'FILE|-',
    help: 'read linux.resources as in config.json from a file',
  },
  { name: 'blkio-weight', value: 'N', help: 'weight of block I/O, 10 to 1000' },
  { name: 'cpu-period', value: 'US', help: 'CPU period in microseconds' },
  { name: 'cpu-quota', value: 'US', help: 'CPU time in each period' },
  { name: 'cpu-burst', value: 'US', help: 'CPU time that may be saved up' },
  { name: 'cpu-rt-period', value: 'US', help: 'realtime period' },
  { name: 'cpu-rt-runtime', value: 'US', help: 'realtime time in each period' },
  { name: 'cpu-share', value: 'N', help: 'CPU shares' },
  { name: 'cpu-idle', value: '0|1', help: 'run only when nobody else wants to' },
  { name: 'cpuset-cpus', value: 'LIST', help: 'CPUs that may be used' },
  { name: 'cpuset-mems', value: 'LIST', help: 'memory nodes that may be used' },
  { name: 'memory', value: 'SIZE', help: 'memory limit (-1: none)' },
  { name: 'memory-reservation', value: 'SIZE', help: 'memory that is kept for it' },
  { name: 'memory-swap', value: 'SIZE', help: 'memory and swap together (-1: none)' },
  { name: 'kernel-memory', value: 'SIZE', help: 'accepted for runc; kernels have no such limit any more' },
  { name: 'kernel-memory-tcp', value: 'SIZE', help: 'accepted for runc' },
  { name: 'pids-limit', value: 'N', help: 'number of processes' },
  { name: 'l3-cache-schema', value: 'SCHEMA', help: 'L3 cache of its class of service (Intel RDT): L3:0=ff' },
  { name: 'mem-bw-schema', value: 'SCHEMA', help: 'memory bandwidth of its class of service: MB:0=50' },
];

export { bundle as bundleFlag };

/** `inspect`. */
export const inspectFlags: readonly Flag[] = [
  { name: 'all', alias: ['a'], help: 'every section and every opening at full length' },
  { name: 'json', help: 'as JSON' },
  { name: 'svg', value: 'FILE', help: 'draw it: the rings around the process and their gaps (-: to stdout)' },
  { name: 'at-most', value: 'N', help: 'exit 1 if what is open weighs more than this' },
  {
    name: 'filters',
    help: 'also what its filters of system calls answer; as root, and it is stopped for a moment',
  },
  {
    name: 'against',
    value: 'FILE',
    help: 'say where what runs is not what this config.json, or bundle, asks for (-: stdin); exit 1 if so',
  },
  { name: 'openings', help: 'list every opening that is looked for, with its weight' },
];

/** `top`. */
export const topFlags: readonly Flag[] = [
  {
    name: 'all',
    alias: ['a'],
    help: 'every group that looks like a container, whoever made it, and not those of ctr-run alone',
  },
  {
    name: 'sort',
    value: 'KEY',
    help: 'by cpu (default), memory, pressure, tasks, io, or name',
  },
  { name: 'json', alias: ['J'], help: 'a line of JSON each second' },
];
