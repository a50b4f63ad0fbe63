/** The command line: flags as nsenter(1) has them, then those of unshare(1), lsns(8) and our own. */
import { COMMAND, flag, type Values } from '@ctr-tools/cli';
import {
  BINFMT,
  descriptorOf,
  idOf,
  kindsOf,
  mapOf,
  mountPoint,
  netdevOf,
  netnsOf,
  newOf,
  nodeName,
  ownerOf,
  secondsOf,
  signalOf,
  sysctlOf,
} from './option-values.ts';
import { parseTarget } from './target.ts';

const join = 'Join existing namespaces';
const create = 'Create namespaces';
const maps = 'User namespaces';
const command = 'The command';
const stay = 'The parent';
const keep = 'Keep';
const show = 'Show';

/** Letters of lsns(8) that are others here: --show reads them without a value. */
export const lettersOfLsns = ['net', 'root', 'time', 'uts', 'pid'];

const kind = <N extends string>(name: N, letter: string, what: string, ...also: string[]) =>
  flag.text(name, {
    alias: [letter, ...also],
    value: '[FILE]',
    help: `join the target's ${what} namespace, or the one that FILE holds open${name === 'net' ? ' (or a name of ip-netns(8))' : ''}`,
    group: join,
    ...(lettersOfLsns.includes(name) && { acts: [COMMAND, 'show'] }),
  });

export const flags = [
  flag.of(
    'target',
    {
      alias: ['t'],
      value: 'PID',
      help: 'the process to join: PID, PID:INODE (of its pidfd), a container ID of ours, docker:NAME, podman:NAME, or a directory of --pin',
      group: join,
      acts: [COMMAND, 'show'],
    },
    (text) => parseTarget(text),
  ),
  flag.yes('all', {
    alias: ['a'],
    help: 'join every namespace of the target that is not ours already',
    group: join,
  }),
  kind('mount', 'm', 'mount', 'mnt'),
  kind('uts', 'u', 'UTS (host name)'),
  kind('ipc', 'i', 'IPC'),
  kind('net', 'n', 'network', 'network'),
  kind('pid', 'p', 'PID'),
  kind('user', 'U', 'user'),
  kind('cgroup', 'C', 'cgroup'),
  kind('time', 'T', 'time'),
  flag.of(
    'netns',
    {
      value: 'NAME',
      help: 'as ip netns exec NAME: join that network, with its /sys and the files of /etc/netns/NAME',
      group: join,
      applyOnly: true,
    },
    netnsOf,
  ),
  flag.yes('user-parent', {
    help: "join the user namespace that owns the target's other namespaces, or the parent of --user",
    group: join,
    applyOnly: true,
  }),
  flag.of(
    'net-socket',
    {
      alias: ['N'],
      value: 'FD',
      help: "join the network namespace of the target's socket FD",
      group: join,
      applyOnly: true,
    },
    descriptorOf,
  ),
  flag.yes('join-cgroup', {
    alias: ['c'],
    help: "join the target's cgroups as well",
    group: join,
    applyOnly: true,
  }),
  flag.yes('follow-context', {
    alias: ['Z'],
    help: "run the command in the target's SELinux context",
    group: join,
    applyOnly: true,
  }),

  flag.list(
    'new',
    {
      value: 'KIND[=FILE],...',
      help: 'create namespaces: mount, pid, net, ipc, uts, user, cgroup, time; or all. With =FILE it is pinned there (net=NAME: as ip netns add)',
      group: create,
    },
    newOf,
  ),
  flag.list(
    'share',
    {
      value: 'KIND,...',
      help: "amending only: take these out of the spec, so that the host's are used",
      group: create,
    },
    kindsOf,
  ),
  flag.of(
    'mount-proc',
    { value: '[DIR]', help: 'mount a fresh /proc (implies --new mount)', group: create, applyOnly: true },
    mountPoint('/proc'),
  ),
  flag.of(
    'mount-binfmt',
    {
      value: '[DIR]',
      help: 'mount a binfmt_misc of its own (implies --new user,mount)',
      group: create,
      applyOnly: true,
    },
    mountPoint(BINFMT),
  ),
  flag.text('load-interp', {
    alias: ['l'],
    value: 'LINE',
    help: 'register an interpreter there: :name:type:offset:magic:mask:interpreter:flags',
    group: create,
    applyOnly: true,
  }),
  flag.word('propagation', ['private', 'slave', 'shared', 'unchanged'], {
    value: 'HOW',
    help: 'of mounts into the new mount namespace: private (default), slave, shared, unchanged',
    group: create,
    applyOnly: true,
  }),
  flag.of(
    'hostname',
    { value: 'NAME', help: 'set the host name (implies --new uts unless one is joined)', group: create },
    nodeName,
  ),
  flag.of(
    'domainname',
    { value: 'NAME', help: 'set the NIS domain name (likewise)', group: create },
    nodeName,
  ),
  flag.of(
    'monotonic',
    { value: 'SECONDS', help: 'offset of CLOCK_MONOTONIC (implies --new time)', group: create },
    secondsOf,
  ),
  flag.of(
    'boottime',
    { value: 'SECONDS', help: 'offset of CLOCK_BOOTTIME (implies --new time)', group: create },
    secondsOf,
  ),
  flag.yes('loopback', { help: 'bring lo up in the new network namespace', group: create, applyOnly: true }),
  flag.list(
    'netdev',
    {
      value: 'NAME[=NEW]',
      help: 'move a host interface in (implies --new net); it comes back when the command ends',
      group: create,
    },
    netdevOf,
  ),
  flag.list(
    'sysctl',
    { value: 'NAME=VALUE', help: 'set a kernel parameter of the new namespaces', group: create },
    sysctlOf,
  ),

  flag.yes('map-root-user', {
    help: 'map the caller to root (0:0) inside (implies --new user, as all --map-*)',
    group: maps,
  }),
  flag.yes('map-current-user', { help: 'map the caller to itself', group: maps }),
  flag.text('map-user', { value: 'UID', help: 'map the caller to this user ID or name', group: maps }),
  flag.text('map-group', { value: 'GID', help: 'map the caller to this group ID or name', group: maps }),
  flag.list(
    'map-users',
    {
      value: 'MAP',
      help: 'map user IDs: INNER:OUTER:COUNT, auto (first range of /etc/subuid from 0), subids (the same, unchanged), all',
      group: maps,
    },
    mapOf,
  ),
  flag.list('map-groups', { value: 'MAP', help: 'map group IDs likewise (/etc/subgid)', group: maps }, mapOf),
  flag.yes('map-auto', { help: 'the same as --map-users auto --map-groups auto', group: maps }),
  flag.yes('map-subids', { help: 'the same as --map-users subids --map-groups subids', group: maps }),
  flag.of(
    'owner',
    {
      value: 'UID:GID',
      help: 'who owns the new user namespace and may join it',
      group: maps,
      applyOnly: true,
    },
    ownerOf,
  ),
  flag.word('setgroups', ['allow', 'deny'], {
    value: 'allow|deny',
    help: 'whether setgroups(2) is allowed inside',
    group: maps,
    applyOnly: true,
  }),
  flag.yes('keep-caps', {
    help: 'keep the capabilities that the user namespace gives, as a user other than root too',
    group: maps,
    applyOnly: true,
  }),

  flag.text('root', {
    alias: ['r'],
    value: '[DIR]',
    help: "change the root to DIR, or to the target's",
    group: command,
    applyOnly: true,
    acts: [COMMAND, 'show'],
  }),
  flag.text('wd', {
    alias: ['w'],
    value: '[DIR]',
    help: "start in DIR, opened before anything is joined, or in the target's working directory",
    group: command,
    applyOnly: true,
  }),
  flag.text('wdns', {
    alias: ['W'],
    value: 'DIR',
    help: 'start in DIR as it is called inside',
    group: command,
    applyOnly: true,
  }),
  flag.yes('env', { alias: ['e'], help: "take the target's environment", group: command, applyOnly: true }),
  flag.yes('clear-env', { help: 'start with an empty environment', group: command, applyOnly: true }),
  flag.of(
    'setuid',
    {
      alias: ['S'],
      value: 'UID',
      help: "run as this user, or as the target's (follow); 0 where a user namespace is joined",
      group: command,
      applyOnly: true,
    },
    idOf,
  ),
  flag.of(
    'setgid',
    {
      alias: ['G'],
      value: 'GID',
      help: 'run as this group, without supplementary ones, or follow',
      group: command,
      applyOnly: true,
    },
    idOf,
  ),
  flag.yes('preserve-credentials', {
    help: 'leave user and groups as they are',
    group: command,
    applyOnly: true,
  }),

  flag.yes('fork', {
    alias: ['f'],
    help: 'keep a parent beside the command, without a new PID namespace too',
    group: stay,
    applyOnly: true,
  }),
  flag.yes('no-fork', {
    alias: ['F'],
    help: 'become the command even where only its children enter the PID namespace',
    group: stay,
    applyOnly: true,
  }),
  flag.of(
    'kill-child',
    {
      value: '[SIGNAL]',
      help: 'send the command SIGNAL (KILL) when the parent dies',
      group: stay,
      applyOnly: true,
    },
    signalOf,
  ),
  flag.yes('forward-signals', {
    help: 'keep a parent that passes signals on (every parent does)',
    group: stay,
    applyOnly: true,
  }),
  flag.of(
    'status-fd',
    {
      value: 'FD',
      help: 'write JSON lines on the child, its namespaces and its exit to FD, as bwrap --json-status-fd',
      group: stay,
      applyOnly: true,
    },
    descriptorOf,
  ),

  flag.text('pin', {
    value: 'DIR',
    help: 'hold the new namespaces open as files in DIR',
    group: keep,
    applyOnly: true,
  }),
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
  flag.yes('json', { alias: ['J'], help: 'as JSON', group: show, acts: ['show'] }),
  flag.text('tree', {
    value: '[HOW]',
    help: 'as a tree by owner (default), parent or process',
    group: show,
    acts: ['show'],
  }),
  flag.text('output', {
    alias: ['o'],
    value: 'COLUMNS',
    help: 'these columns, or +COLUMNS beside the usual',
    group: show,
    acts: ['show'],
  }),
  flag.yes('output-all', { help: 'all columns', group: show, acts: ['show'] }),
  flag.list('type', { value: 'KIND,...', help: 'only these kinds', group: show, acts: ['show'] }, kindsOf),
  flag.text('filter', {
    alias: ['Q'],
    value: 'EXPR',
    help: 'only lines of which this is true: \'USER != "root" and NPROCS > 1\' (scols-filter(5))',
    group: show,
    acts: ['show'],
  }),
  flag.yes('persistent', {
    alias: ['P'],
    help: 'only namespaces without a process, held open by something else',
    group: show,
    acts: ['show'],
  }),
  flag.yes('list-columns', {
    alias: ['H'],
    help: 'say which columns there are, and of what',
    group: show,
    acts: ['show'],
  }),
  flag.yes('noheadings', { help: 'no heading line', group: show, acts: ['show'] }),
  flag.yes('raw', { help: 'one space between columns', group: show, acts: ['show'] }),
] as const;

/** What was given. */
export type Given = Values<typeof flags>;
