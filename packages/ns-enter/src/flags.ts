/** The command line: flags as nsenter(1) has them, then those of unshare(1), lsns(8) and our own. */
import { COMMAND, type Flag } from '@ctr-tools/cli';

const join = 'Join existing namespaces';
const create = 'Create namespaces';
const maps = 'User namespaces';
const command = 'The command';
const stay = 'The parent';
const keep = 'Keep';
const show = 'Show';

/** Letters of lsns(8) that are others here: --show reads them without a value. */
export const lettersOfLsns = ['net', 'root', 'time', 'uts', 'pid'];

const kind = (name: string, letter: string, what: string, ...also: string[]): Flag => ({
  name,
  alias: [letter, ...also],
  value: '[FILE]',
  help: `join the target's ${what} namespace, or the one that FILE holds open${name === 'net' ? ' (or a name of ip-netns(8))' : ''}`,
  group: join,
  ...(lettersOfLsns.includes(name) && { acts: [COMMAND, 'show'] }),
});

export const flags: readonly Flag[] = [
  {
    name: 'target',
    alias: ['t'],
    value: 'PID',
    help: 'the process to join: PID, PID:INODE (of its pidfd), a container ID of ours, docker:NAME, podman:NAME, or a directory of --pin',
    group: join,
    acts: [COMMAND, 'show'],
  },
  {
    name: 'all',
    alias: ['a'],
    help: 'join every namespace of the target that is not ours already',
    group: join,
  },
  kind('mount', 'm', 'mount', 'mnt'),
  kind('uts', 'u', 'UTS (host name)'),
  kind('ipc', 'i', 'IPC'),
  kind('net', 'n', 'network', 'network'),
  kind('pid', 'p', 'PID'),
  kind('user', 'U', 'user'),
  kind('cgroup', 'C', 'cgroup'),
  kind('time', 'T', 'time'),
  {
    name: 'netns',
    value: 'NAME',
    help: 'as ip netns exec NAME: join that network, with its /sys and the files of /etc/netns/NAME',
    group: join,
    applyOnly: true,
  },
  {
    name: 'user-parent',
    help: "join the user namespace that owns the target's other namespaces, or the parent of --user",
    group: join,
    applyOnly: true,
  },
  {
    name: 'net-socket',
    alias: ['N'],
    value: 'FD',
    help: "join the network namespace of the target's socket FD",
    group: join,
    applyOnly: true,
  },
  {
    name: 'join-cgroup',
    alias: ['c'],
    help: "join the target's cgroups as well",
    group: join,
    applyOnly: true,
  },
  {
    name: 'follow-context',
    alias: ['Z'],
    help: "run the command in the target's SELinux context",
    group: join,
    applyOnly: true,
  },

  {
    name: 'new',
    value: 'KIND[=FILE],...',
    many: true,
    help: 'create namespaces: mount, pid, net, ipc, uts, user, cgroup, time; or all. With =FILE it is pinned there (net=NAME: as ip netns add)',
    group: create,
  },
  {
    name: 'share',
    value: 'KIND,...',
    many: true,
    help: "amending only: take these out of the spec, so that the host's are used",
    group: create,
  },
  {
    name: 'mount-proc',
    value: '[DIR]',
    help: 'mount a fresh /proc (implies --new mount)',
    group: create,
    applyOnly: true,
  },
  {
    name: 'mount-binfmt',
    value: '[DIR]',
    help: 'mount a binfmt_misc of its own (implies --new user,mount)',
    group: create,
    applyOnly: true,
  },
  {
    name: 'load-interp',
    alias: ['l'],
    value: 'LINE',
    help: 'register an interpreter there: :name:type:offset:magic:mask:interpreter:flags',
    group: create,
    applyOnly: true,
  },
  {
    name: 'propagation',
    value: 'HOW',
    help: 'of mounts into the new mount namespace: private (default), slave, shared, unchanged',
    group: create,
    applyOnly: true,
  },
  {
    name: 'hostname',
    value: 'NAME',
    help: 'set the host name (implies --new uts unless one is joined)',
    group: create,
  },
  { name: 'domainname', value: 'NAME', help: 'set the NIS domain name (likewise)', group: create },
  {
    name: 'monotonic',
    value: 'SECONDS',
    help: 'offset of CLOCK_MONOTONIC (implies --new time)',
    group: create,
  },
  {
    name: 'boottime',
    value: 'SECONDS',
    help: 'offset of CLOCK_BOOTTIME (implies --new time)',
    group: create,
  },
  { name: 'loopback', help: 'bring lo up in the new network namespace', group: create, applyOnly: true },
  {
    name: 'netdev',
    value: 'NAME[=NEW]',
    many: true,
    help: 'move a host interface in (implies --new net); it comes back when the command ends',
    group: create,
  },
  {
    name: 'sysctl',
    value: 'NAME=VALUE',
    many: true,
    help: 'set a kernel parameter of the new namespaces',
    group: create,
  },

  {
    name: 'map-root-user',
    help: 'map the caller to root (0:0) inside (implies --new user, as all --map-*)',
    group: maps,
  },
  { name: 'map-current-user', help: 'map the caller to itself', group: maps },
  { name: 'map-user', value: 'UID', help: 'map the caller to this user ID or name', group: maps },
  { name: 'map-group', value: 'GID', help: 'map the caller to this group ID or name', group: maps },
  {
    name: 'map-users',
    value: 'MAP',
    many: true,
    help: 'map user IDs: INNER:OUTER:COUNT, auto (first range of /etc/subuid from 0), subids (the same, unchanged), all',
    group: maps,
  },
  { name: 'map-groups', value: 'MAP', many: true, help: 'map group IDs likewise (/etc/subgid)', group: maps },
  { name: 'map-auto', help: 'the same as --map-users auto --map-groups auto', group: maps },
  { name: 'map-subids', help: 'the same as --map-users subids --map-groups subids', group: maps },
  {
    name: 'owner',
    value: 'UID:GID',
    help: 'who owns the new user namespace and may join it',
    group: maps,
    applyOnly: true,
  },
  {
    name: 'setgroups',
    value: 'allow|deny',
    help: 'whether setgroups(2) is allowed inside',
    group: maps,
    applyOnly: true,
  },
  {
    name: 'keep-caps',
    help: 'keep the capabilities that the user namespace gives, as a user other than root too',
    group: maps,
    applyOnly: true,
  },

  {
    name: 'root',
    alias: ['r'],
    value: '[DIR]',
    help: "change the root to DIR, or to the target's",
    group: command,
    applyOnly: true,
    acts: [COMMAND, 'show'],
  },
  {
    name: 'wd',
    alias: ['w'],
    value: '[DIR]',
    help: "start in DIR, opened before anything is joined, or in the target's working directory",
    group: command,
    applyOnly: true,
  },
  {
    name: 'wdns',
    alias: ['W'],
    value: 'DIR',
    help: 'start in DIR as it is called inside',
    group: command,
    applyOnly: true,
  },
  { name: 'env', alias: ['e'], help: "take the target's environment", group: command, applyOnly: true },
  { name: 'clear-env', help: 'start with an empty environment', group: command, applyOnly: true },
  {
    name: 'setuid',
    alias: ['S'],
    value: 'UID',
    help: "run as this user, or as the target's (follow); 0 where a user namespace is joined",
    group: command,
    applyOnly: true,
  },
  {
    name: 'setgid',
    alias: ['G'],
    value: 'GID',
    help: 'run as this group, without supplementary ones, or follow',
    group: command,
    applyOnly: true,
  },
  {
    name: 'preserve-credentials',
    help: 'leave user and groups as they are',
    group: command,
    applyOnly: true,
  },

  {
    name: 'fork',
    alias: ['f'],
    help: 'keep a parent beside the command, without a new PID namespace too',
    group: stay,
    applyOnly: true,
  },
  {
    name: 'no-fork',
    alias: ['F'],
    help: 'become the command even where only its children enter the PID namespace',
    group: stay,
    applyOnly: true,
  },
  {
    name: 'kill-child',
    value: '[SIGNAL]',
    help: 'send the command SIGNAL (KILL) when the parent dies',
    group: stay,
    applyOnly: true,
  },
  {
    name: 'forward-signals',
    help: 'keep a parent that passes signals on (every parent does)',
    group: stay,
    applyOnly: true,
  },
  {
    name: 'status-fd',
    value: 'FD',
    help: 'write JSON lines on the child, its namespaces and its exit to FD, as bwrap --json-status-fd',
    group: stay,
    applyOnly: true,
  },

  {
    name: 'pin',
    value: 'DIR',
    help: 'hold the new namespaces open as files in DIR',
    group: keep,
    applyOnly: true,
  },
  {
    name: 'unpin',
    value: 'DIR|FILE',
    act: 'changes',
    help: 'let the namespaces in DIR go, or the one on FILE',
    group: keep,
  },

  {
    name: 'show',
    value: '[PID]',
    act: 'asks',
    operands: 1,
    node: true,
    help: "list every namespace of the machine, or which are PID's own and which the host's (self: yours)",
    group: show,
  },
  { name: 'json', alias: ['J'], help: 'as JSON', group: show, acts: ['show'] },
  {
    name: 'tree',
    value: '[HOW]',
    help: 'as a tree by owner (default), parent or process',
    group: show,
    acts: ['show'],
  },
  {
    name: 'output',
    alias: ['o'],
    value: 'COLUMNS',
    help: 'these columns, or +COLUMNS beside the usual',
    group: show,
    acts: ['show'],
  },
  { name: 'output-all', help: 'all columns', group: show, acts: ['show'] },
  { name: 'type', value: 'KIND,...', many: true, help: 'only these kinds', group: show, acts: ['show'] },
  {
    name: 'filter',
    alias: ['Q'],
    value: 'EXPR',
    help: 'only lines of which this is true: \'USER != "root" and NPROCS > 1\' (scols-filter(5))',
    group: show,
    acts: ['show'],
  },
  {
    name: 'persistent',
    alias: ['P'],
    help: 'only namespaces without a process, held open by something else',
    group: show,
    acts: ['show'],
  },
  {
    name: 'list-columns',
    alias: ['H'],
    help: 'say which columns there are, and of what',
    group: show,
    acts: ['show'],
  },
  { name: 'noheadings', help: 'no heading line', group: show, acts: ['show'] },
  { name: 'raw', help: 'one space between columns', group: show, acts: ['show'] },
];

export const usage = [
  '--target PID [--mount] [--net] [...] [--] COMMAND [ARG...]',
  '--new KIND,... [FLAGS] [--] COMMAND [ARG...]',
  '--new KIND,... [FLAGS] < config.json > config.json',
  "--show [PID | 'KIND:[INODE]']",
];

export const examples = [
  ['ns-enter --target 4711 --mount --uts --ipc --net --pid /bin/sh', 'a shell inside a running container'],
  ['ns-enter --target web --all -- ps', 'the same for a container of ctr-run by its ID'],
  ['ns-enter --new mount,pid --root="$root" -- sh', 'a shell in a root file system with its own processes'],
  ['ns-enter --new net --loopback --map-root-user -- ./test', 'a private network for a test, without root'],
  [
    'ns-enter --new net --pin /run/lab -- ip link',
    'a network that stays, to be joined with --target /run/lab --net',
  ],
  ['ns-enter --new net=blue -- ip link set lo up', 'make what ip netns calls blue'],
  ['ns-enter --netns blue -- ping host', 'a command in it, as ip netns exec'],
  ['ctr-run spec - | ns-enter --new net,pid | ctr-run run -', 'amend a spec on its way'],
  ['ns-enter --show=$$', 'which namespaces are my own'],
] as const;

export const notes = [
  "Joining gives a command the namespaces of a process and nothing else of a container: not its cgroup limits (--join-cgroup), capabilities, seccomp filter or security label. A command started so by root is root on the host. `ctr-run exec` gives a container's whole confinement.",
  'With a new or a joined PID namespace a parent stays, forwards signals and ends as the command ended. Otherwise ns-enter becomes the command, in the same process.',
  'A new mount namespace with a root gets the root by pivot_root, and with a new PID namespace a fresh /proc in it. --root without a new mount namespace is a chroot. --wd names a directory of the caller, --wdns one inside.',
  'Without a command there is no default shell: type -- $SHELL.',
  'Variables: CTR_ROOTFS is the default of --root for --new, and is dropped once the root has changed. CTR_STATE_ROOT is where container IDs are looked up.',
];
