/**
 * What joins a network, and what undoes it. The plugins are run by the process outside, while the command's waits
 * in its namespace; a bind of that on a file keeps it until DEL has run, for plugins look into it for what to take away.
 */
import {
  type AnyStep,
  type AnyUndo,
  jsonTemplate,
  type Phase,
  peer,
  points,
  type Side,
  type Slot,
  slot,
  step,
  template,
  undo,
} from '@ctr-tools/plan';
import { CLONE, MNT, MOUNT_ATTR, MS, O } from '@ctr-tools/sys/constants';
import type { Facts, Joining } from './gather.ts';
import { DEFAULT_LIST, FILES, INTERFACE, PATH, PORTS, RECORDS, TURN } from './places.ts';
import { type Port, spellPort } from './ports.ts';
import { isPinned, type Member, netnsOf, recordOf, resultOf, stateOf, whoseOf } from './records.ts';

const side = 'host' as const;
const phase = 'network' as const;
const taken = { EACCES: 'it takes root', EROFS: 'what it made is kept in /run, which is read-only' };

export const claimOf = ({ protocol, host, address }: Port): string =>
  `${PORTS}/${protocol}-${host}-${address || 'any'}`;

/** Who joins. */
export interface Who {
  pid: number | Slot;
  names: readonly string[];
  timeout: number;
}

/** `end`: it is undone when the command ends; `failure`: `--hook del`, `--leave` or `--gc` does it. */
export function joinSteps(
  joining: Joining,
  who: Who,
  { resolver, cniPath }: Pick<Facts, 'resolver' | 'cniPath'>,
  when: AnyUndo['when'],
): AnyStep[] {
  const { id, network, files, configs, ports, hosts, stale } = joining;
  const ticks = slot('net.ticks');
  const member: { [K in keyof Member]: unknown } = {
    id,
    network: network.name,
    list: network.file,
    pid: who.pid,
    ticks,
    names: who.names.join(' '),
    ports,
    files,
    configs,
    env: environment(id, files, cniPath),
    timeout: who.timeout,
    hosts,
  };
  const env = member.env as string[];
  const plugins = network.plugins.map(({ type }) => type).join(', ');
  return [
    ...stale.flatMap((one) => removal(one).map(([op, doing]) => asStep(op, doing))),
    ...placeSteps(joining, resolver),
    step(phase, 'mkdir', { path: recordOf(id), mode: 0o755 }, `make ${recordOf(id)}`, {
      side,
      hints: {
        ...taken,
        EEXIST: `${id} is in a network already (net-join --show=${id}); net-join --leave ${id}`,
      },
      undo: undo(when, 'remove', { path: recordOf(id), what: 'record' }, `remove ${recordOf(id)}`),
    }),
    step(phase, 'start_time', { pid: who.pid, ticks }, 'learn when the process started', { side }),
    step(
      phase,
      'write_file',
      { path: stateOf(id), data: jsonTemplate(member), mode: 0o644 },
      `write ${stateOf(id)}`,
      { side },
    ),
    step(
      phase,
      'write_file',
      { path: whoseOf(id), data: template`${who.pid} ${ticks}`, mode: 0o644 },
      `write ${whoseOf(id)}`,
      { side },
    ),
    ...ports.flatMap((port) => claimSteps(port, id, when)),
    ...pinSteps(id, who.pid, when),
    step(
      phase,
      'cni',
      { command: 'ADD', files, configs, env, timeout: who.timeout, result: resultOf(id), turn: TURN },
      `join the network ${network.name} (${plugins})`,
      {
        side,
        undo: undo(
          when,
          ...leaveArgs(id, { files, configs, env, timeout: who.timeout }),
          `leave the network ${network.name}`,
        ),
      },
    ),
    ...(who.names.length === 0
      ? []
      : [
          step(
            phase,
            'hosts_entry',
            { path: hosts, mark: id, names: who.names.join(' '), result: resultOf(id) },
            `write ${who.names.join(' ')} into ${hosts}`,
            {
              side,
              undo: undo(when, 'hosts_entry', { path: hosts, mark: id }, `strike ${id} from ${hosts}`),
            },
          ),
        ]),
  ];
}

/** CNI specification 1.1, section 2, "Parameters". */
const environment = (id: string, files: readonly string[], cniPath: string | undefined): string[] => [
  `CNI_CONTAINERID=${id}`,
  `CNI_NETNS=${netnsOf(id)}`,
  `CNI_IFNAME=${INTERFACE}`,
  `CNI_PATH=${[...new Set([...(cniPath ?? '').split(':').filter((one) => one.startsWith('/')), ...files.map((file) => file.slice(0, file.lastIndexOf('/')))])].join(':')}`,
  'CNI_ARGS=IgnoreUnknown=1',
  `PATH=${PATH}`,
];

const leaveArgs = (
  id: string,
  args:
    | Pick<Member, 'files' | 'configs' | 'env' | 'timeout'>
    | { files: readonly string[]; configs: readonly string[]; env: readonly string[]; timeout: number },
) =>
  [
    'cni',
    {
      command: 'DEL',
      files: args.files,
      configs: args.configs,
      env: args.env,
      timeout: args.timeout,
      result: resultOf(id),
    },
  ] as const;

/** Directories and files that stay: others that join find them there. */
function placeSteps({ network, hosts }: Joining, resolver: Facts['resolver']): AnyStep[] {
  return [
    ...[RECORDS, PORTS].map((path) =>
      step(phase, 'mkdirs', { path, mode: 0o755 }, `make ${path}`, { side, hints: taken }),
    ),
    ...(network.text === undefined
      ? []
      : [
          step(
            phase,
            'write_file',
            { path: DEFAULT_LIST, data: network.text, mode: 0o644 },
            `write ${DEFAULT_LIST}`,
            { side },
          ),
        ]),
    ...fileSteps(hosts, resolver, phase),
  ];
}

/** What is mounted over /etc/hosts and /etc/resolv.conf: a network's, and one of this content. */
export function fileSteps(hosts: string, resolver: Facts['resolver'], at: 'state' | 'network'): AnyStep[] {
  return [
    step(at, 'mkdirs', { path: FILES, mode: 0o755 }, `make ${FILES}`, { side, hints: taken }),
    step(
      at,
      'write_file',
      { path: resolver.path, data: resolver.text, mode: 0o644 },
      `write ${resolver.path}`,
      { side, hints: taken },
    ),
    // Its first lines, and its mode, are given by who finds it empty.
    step(at, 'hosts_entry', { path: hosts }, `make ${hosts}`, { side, hints: taken }),
  ];
}

/** A file that only one can make, so that of two that start at once one is told. */
function claimSteps(port: Port, id: string, when: AnyUndo['when']): AnyStep[] {
  const path = claimOf(port);
  const fd = slot(`claim ${path}`);
  const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC;
  return [
    step(phase, 'open', { path, flags, mode: 0o644, fd }, `publish port ${spellPort(port)}`, {
      side,
      hints: { EEXIST: '=somebody else has it (net-join --show)' },
      undo: undo(when, 'remove', { path }, `remove ${path}`),
    }),
    step(phase, 'write_fd', { fd, data: id }, `write ${path}`, { side }),
    step(phase, 'close', { fd }, `close ${path}`, { side }),
  ];
}

function pinSteps(id: string, pid: number | Slot, when: AnyUndo['when']): AnyStep[] {
  const path = netnsOf(id);
  const fd = slot('net.pin');
  const flags = O.RDONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC;
  return [
    step(phase, 'open', { path, flags, mode: 0o444, fd }, `make ${path}`, {
      side,
      // A plugin takes what is not there for a namespace that has gone, but not a file that is none.
      undo: undo(when, 'remove', { path, what: 'tree' }, `remove ${path}`),
    }),
    step(phase, 'close', { fd }, `close ${path}`, { side }),
    step(
      phase,
      'mount',
      { target: path, source: template`/proc/${pid}/ns/net`, flags: MS.BIND },
      `keep its network namespace on ${path}`,
      {
        side,
        hints: {
          EPERM: 'it takes CAP_SYS_ADMIN in the own mount namespace',
          ENOENT: 'the process has ended',
        },
        undo: undo(when, 'umount', { path, flags: MNT.DETACH }, `unmount ${path}`),
      },
    ),
  ];
}

type Undoing = readonly [made: AnyUndo, doing: string];

/** All that is to be done where one has ended whose supervisor did not undo it, in order. */
export function removal(member: Member): Undoing[] {
  const { id, network, hosts, ports } = member;
  const one = (made: AnyUndo): Undoing => [made, made.words.doing as string];
  return [
    one(undo('end', 'hosts_entry', { path: hosts, mark: id }, `strike ${id} from ${hosts}`)),
    one(undo('end', ...leaveArgs(id, member), `leave the network ${network}`)),
    ...(isPinned(id)
      ? [one(undo('end', 'umount', { path: netnsOf(id), flags: MNT.DETACH }, `unmount ${netnsOf(id)}`))]
      : []),
    one(undo('end', 'remove', { path: netnsOf(id), what: 'tree' }, `remove ${netnsOf(id)}`)),
    ...ports.map((port) =>
      one(undo('end', 'remove', { path: claimOf(port), what: 'tree' }, `remove ${claimOf(port)}`)),
    ),
    one(undo('end', 'remove', { path: recordOf(id), what: 'record' }, `remove ${recordOf(id)}`)),
  ];
}

/** Before another takes its place: what cannot be undone is in nobody's way but its own. */
const asStep = ({ op, args }: AnyUndo, doing: string): AnyStep => ({
  op,
  args,
  side,
  phase,
  words: { doing },
  unless: ['any'],
});

/** host-local gives no address twice; to look for another that has it takes IPv6 a second (ip-sysctl.rst, accept_dad). */
export const acceptAtOnce = (at: Phase, of: Side): AnyStep =>
  step(
    at,
    'proc_write',
    { path: 'sys/net/ipv6/conf/default/accept_dad', data: '0' },
    'take IPv6 addresses at once',
    { side: of, unless: ['ENOENT', 'EROFS', 'EACCES'] },
  );

/** A command in a network and a mount namespace of its own. */
export function steps(facts: Facts): AnyStep[] {
  const { joining, options } = facts;
  return [
    step(
      'unshare',
      'unshare',
      { flags: CLONE.NEWNET | CLONE.NEWNS },
      'make a network and a mount namespace',
      {
        hints: { EPERM: 'it takes CAP_SYS_ADMIN' },
      },
    ),
    step(phase, 'loopback_up', {}, 'bring up lo'),
    acceptAtOnce(phase, 'container'),
    step(phase, 'notify', { process: peer, point: points.born }, 'say that the namespace is there'),
    step(phase, 'await', { process: peer, point: points.born }, 'wait for the network namespace', { side }),
    ...joinSteps(
      joining,
      { pid: slot('child.pid'), names: options.names, timeout: options.timeout },
      facts,
      'end',
    ),
    step(phase, 'notify', { process: peer, point: points.placed }, 'say that the network is joined', {
      side,
    }),
    step(phase, 'await', { process: peer, point: points.placed }, 'wait for the network'),
    ...bindSteps(facts, joining.hosts),
  ];
}

/** As ip-netns(8) has files of a namespace: over those of the machine, in a mount namespace of the command's own. */
export function bindSteps(
  { mountable, resolver }: Pick<Facts, 'mountable' | 'resolver'>,
  hosts: string | undefined,
): AnyStep[] {
  const sources: Record<string, string | undefined> = {
    '/etc/resolv.conf': resolver.path,
    '/etc/hosts': hosts,
  };
  return [
    // What is unmounted outside has to go here too, or it would be kept (mount_namespaces(7)).
    step('mounts', 'propagation', { path: '/', flags: MS.REC | MS.SLAVE }, 'keep mounts from others'),
    ...mountable.flatMap((target) => {
      const source = sources[target];
      return source === undefined
        ? []
        : [
            step(
              'mounts',
              'bind',
              { target, source, set: MOUNT_ATTR.RDONLY },
              `mount ${source} on ${target}`,
            ),
          ];
    }),
  ];
}
