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
    valueHint: '[FILE]',
    description: `join the target's ${what} namespace, or the one that FILE holds open${name === 'net' ? ' (or a name of ip-netns(8))' : ''}`,
    group: join,
    ...(lettersOfLsns.includes(name) && { acts: [COMMAND, 'show'] }),
  });

export const flags = [
  flag.of(
    'target',
    {
      alias: ['t'],
      valueHint: 'PID',
      description:
        'the process to join: PID, PID:INODE (of its pidfd), a container ID of ours, docker:NAME, podman:NAME, or a directory of --pin',
      group: join,
      acts: [COMMAND, 'show'],
    },
    (text) => parseTarget(text),
  ),
  flag.yes('all', {
    alias: ['a'],
    description: 'join every namespace of the target that is not ours already',
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
      valueHint: 'NAME',
      description: 'as ip netns exec NAME: join that network, with its /sys and the files of /etc/netns/NAME',
      group: join,
      applyOnly: true,
    },
    netnsOf,
  ),
  flag.yes('user-parent', {
    description: "join the user namespace that owns the target's other namespaces, or the parent of --user",
    group: join,
    applyOnly: true,
  }),
  flag.of(
    'net-socket',
    {
      alias: ['N'],
      valueHint: 'FD',
      description: "join the network namespace of the target's socket FD",
      group: join,
      applyOnly: true,
    },
    descriptorOf,
  ),
  flag.yes('join-cgroup', {
    alias: ['c'],
    description: "join the target's cgroups as well",
    group: join,
    applyOnly: true,
  }),
  flag.yes('follow-context', {
    alias: ['Z'],
    description: "run the command in the target's SELinux context",
    group: join,
    applyOnly: true,
  }),

  flag.list(
    'new',
    {
      valueHint: 'KIND[=FILE],...',
      description:
        'create namespaces: mount, pid, net, ipc, uts, user, cgroup, time; or all. With =FILE it is pinned there (net=NAME: as ip netns add)',
      group: create,
    },
    newOf,
  ),
  flag.list(
    'share',
    {
      valueHint: 'KIND,...',
      description: "amending only: take these out of the spec, so that the host's are used",
      group: create,
    },
    kindsOf,
  ),
  flag.of(
    'mount-proc',
    {
      valueHint: '[DIR]',
      description: 'mount a fresh /proc (implies --new mount)',
      group: create,
      applyOnly: true,
    },
    mountPoint('/proc'),
  ),
  flag.of(
    'mount-binfmt',
    {
      valueHint: '[DIR]',
      description: 'mount a binfmt_misc of its own (implies --new user,mount)',
      group: create,
      applyOnly: true,
    },
    mountPoint(BINFMT),
  ),
  flag.text('load-interp', {
    alias: ['l'],
    valueHint: 'LINE',
    description: 'register an interpreter there: :name:type:offset:magic:mask:interpreter:flags',
    group: create,
    applyOnly: true,
  }),
  flag.word('propagation', ['private', 'slave', 'shared', 'unchanged'], {
    valueHint: 'HOW',
    description: 'of mounts into the new mount namespace: private (default), slave, shared, unchanged',
    group: create,
    applyOnly: true,
  }),
  flag.of(
    'hostname',
    {
      valueHint: 'NAME',
      description: 'set the host name (implies --new uts unless one is joined)',
      group: create,
    },
    nodeName,
  ),
  flag.of(
    'domainname',
    { valueHint: 'NAME', description: 'set the NIS domain name (likewise)', group: create },
    nodeName,
  ),
  flag.of(
    'monotonic',
    { valueHint: 'SECONDS', description: 'offset of CLOCK_MONOTONIC (implies --new time)', group: create },
    secondsOf,
  ),
  flag.of(
    'boottime',
    { valueHint: 'SECONDS', description: 'offset of CLOCK_BOOTTIME (implies --new time)', group: create },
    secondsOf,
  ),
  flag.yes('loopback', {
    description: 'bring lo up in the new network namespace',
    group: create,
    applyOnly: true,
  }),
  flag.list(
    'netdev',
    {
      valueHint: 'NAME[=NEW]',
      description: 'move a host interface in (implies --new net); it comes back when the command ends',
      group: create,
    },
    netdevOf,
  ),
  flag.list(
    'sysctl',
    { valueHint: 'NAME=VALUE', description: 'set a kernel parameter of the new namespaces', group: create },
    sysctlOf,
  ),

  flag.yes('map-root-user', {
    description: 'map the caller to root (0:0) inside (implies --new user, as all --map-*)',
    group: maps,
  }),
  flag.yes('map-current-user', { description: 'map the caller to itself', group: maps }),
  flag.text('map-user', {
    valueHint: 'UID',
    description: 'map the caller to this user ID or name',
    group: maps,
  }),
  flag.text('map-group', {
    valueHint: 'GID',
    description: 'map the caller to this group ID or name',
    group: maps,
  }),
  flag.list(
    'map-users',
    {
      valueHint: 'MAP',
      description:
        'map user IDs: INNER:OUTER:COUNT, auto (first range of /etc/subuid from 0), subids (the same, unchanged), all',
      group: maps,
    },
    mapOf,
  ),
  flag.list(
    'map-groups',
    { valueHint: 'MAP', description: 'map group IDs likewise (/etc/subgid)', group: maps },
    mapOf,
  ),
  flag.yes('map-auto', { description: 'the same as --map-users auto --map-groups auto', group: maps }),
  flag.yes('map-subids', { description: 'the same as --map-users subids --map-groups subids', group: maps }),
  flag.of(
    'owner',
    {
      valueHint: 'UID:GID',
      description: 'who owns the new user namespace and may join it',
      group: maps,
      applyOnly: true,
    },
    ownerOf,
  ),
  flag.word('setgroups', ['allow', 'deny'], {
    valueHint: 'allow|deny',
    description: 'whether setgroups(2) is allowed inside',
    group: maps,
    applyOnly: true,
  }),
  flag.yes('keep-caps', {
    description: 'keep the capabilities that the user namespace gives, as a user other than root too',
    group: maps,
    applyOnly: true,
  }),

  flag.text('root', {
    alias: ['r'],
    valueHint: '[DIR]',
    description: "change the root to DIR, or to the target's",
    group: command,
    applyOnly: true,
    acts: [COMMAND, 'show'],
  }),
  flag.text('wd', {
    alias: ['w'],
    valueHint: '[DIR]',
    description: "start in DIR, opened before anything is joined, or in the target's working directory",
    group: command,
    applyOnly: true,
  }),
  flag.text('wdns', {
    alias: ['W'],
    valueHint: 'DIR',
    description: 'start in DIR as it is called inside',
    group: command,
    applyOnly: true,
  }),
  flag.yes('env', {
    alias: ['e'],
    description: "take the target's environment",
    group: command,
    applyOnly: true,
  }),
  flag.yes('clear-env', { description: 'start with an empty environment', group: command, applyOnly: true }),
  flag.of(
    'setuid',
    {
      alias: ['S'],
      valueHint: 'UID',
      description: "run as this user, or as the target's (follow); 0 where a user namespace is joined",
      group: command,
      applyOnly: true,
    },
    idOf,
  ),
  flag.of(
    'setgid',
    {
      alias: ['G'],
      valueHint: 'GID',
      description: 'run as this group, without supplementary ones, or follow',
      group: command,
      applyOnly: true,
    },
    idOf,
  ),
  flag.yes('preserve-credentials', {
    description: 'leave user and groups as they are',
    group: command,
    applyOnly: true,
  }),

  flag.yes('fork', {
    alias: ['f'],
    description: 'keep a parent beside the command, without a new PID namespace too',
    group: stay,
    applyOnly: true,
  }),
  flag.yes('no-fork', {
    alias: ['F'],
    description: 'become the command even where only its children enter the PID namespace',
    group: stay,
    applyOnly: true,
  }),
  flag.of(
    'kill-child',
    {
      valueHint: '[SIGNAL]',
      description: 'send the command SIGNAL (KILL) when the parent dies',
      group: stay,
      applyOnly: true,
    },
    signalOf,
  ),
  flag.yes('forward-signals', {
    description: 'keep a parent that passes signals on (every parent does)',
    group: stay,
    applyOnly: true,
  }),
  flag.of(
    'status-fd',
    {
      valueHint: 'FD',
      description:
        'write JSON lines on the child, its namespaces and its exit to FD, as bwrap --json-status-fd',
      group: stay,
      applyOnly: true,
    },
    descriptorOf,
  ),

  flag.text('pin', {
    valueHint: 'DIR',
    description: 'hold the new namespaces open as files in DIR',
    group: keep,
    applyOnly: true,
  }),
  {
    name: 'unpin',
    valueHint: 'DIR|FILE',
    act: 'changes',
    description: 'let the namespaces in DIR go, or the one on FILE',
    group: keep,
  },

  {
    name: 'show',
    valueHint: '[PID]',
    act: 'asks',
    operands: 1,
    node: true,
    description:
      "list every namespace of the machine, or which are PID's own and which the host's (self: yours)",
    group: show,
  },
  flag.yes('json', { alias: ['J'], description: 'as JSON', group: show, acts: ['show'] }),
  flag.text('tree', {
    valueHint: '[HOW]',
    description: 'as a tree by owner (default), parent or process',
    group: show,
    acts: ['show'],
  }),
  flag.text('output', {
    alias: ['o'],
    valueHint: 'COLUMNS',
    description: 'these columns, or +COLUMNS beside the usual',
    group: show,
    acts: ['show'],
  }),
  flag.yes('output-all', { description: 'all columns', group: show, acts: ['show'] }),
  flag.list(
    'type',
    { valueHint: 'KIND,...', description: 'only these kinds', group: show, acts: ['show'] },
    kindsOf,
  ),
  flag.text('filter', {
    alias: ['Q'],
    valueHint: 'EXPR',
    description: 'only lines of which this is true: \'USER != "root" and NPROCS > 1\' (scols-filter(5))',
    group: show,
    acts: ['show'],
  }),
  flag.yes('persistent', {
    alias: ['P'],
    description: 'only namespaces without a process, held open by something else',
    group: show,
    acts: ['show'],
  }),
  flag.yes('list-columns', {
    alias: ['H'],
    description: 'say which columns there are, and of what',
    group: show,
    acts: ['show'],
  }),
  flag.yes('noheadings', { description: 'no heading line', group: show, acts: ['show'] }),
  flag.yes('raw', { description: 'one space between columns', group: show, acts: ['show'] }),
] as const;

/** What was given. */
export type Given = Values<typeof flags>;
