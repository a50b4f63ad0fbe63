/** Without root nobody makes an interface in the machine's namespace: pasta(1) carries packets between it and the command's. */
import { Failure, type Host } from '@ctr-tools/cli';
import { ACCESS, isAccessible, readText } from '@ctr-tools/host';
import { type AnyStep, peer, points, slot, step, template } from '@ctr-tools/plan';
import { CLONE, O } from '@ctr-tools/sys/constants';
import type { Facts } from './gather.ts';
import type { Options } from './options.ts';
import { choosePorts, collide, listening, type Port, spellPort } from './ports.ts';

export interface Rootless {
  pasta: string;
  ports: readonly Port[];
  uid: number;
  gid: number;
}

export function gatherRootless(options: Options, host: Host): Rootless {
  if (options.named && options.network !== 'default')
    throw new Failure(
      `--network ${options.network}: networks of CNI take root; without it there is default, by pasta`,
    );
  const open = listening();
  const owner = (port: Port): boolean => open.some((one) => one.port === port.host && collide(one, port));
  const least = Number(readText('/proc/sys/net/ipv4/ip_unprivileged_port_start'));
  for (const port of options.ports) {
    if (port.protocol === 'sctp')
      throw new Failure(`publish port ${spellPort(port)}: pasta carries tcp and udp alone`);
    if (port.host !== 0 && port.host < least)
      throw new Failure(
        `publish port ${spellPort(port)}: ports below ${least} are root's (sysctl net.ipv4.ip_unprivileged_port_start); take a higher one`,
      );
    if (owner(port))
      throw new Failure(`publish port ${spellPort(port)}: a process of this machine listens on it (ss -lnp)`);
  }
  const pasta = `${host.env.get('PATH') ?? ''}:/usr/bin:/usr/local/bin`
    .split(':')
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => `${directory}/pasta`)
    .find((file) => isAccessible(file, ACCESS.EXECUTE));
  if (pasta === undefined)
    throw new Failure(
      'a network without root is made by pasta, which is not installed; install passt (Debian)',
    );
  return { pasta, ports: choosePorts(options.ports, owner), uid: host.euid, gid: host.egid };
}

/** `-t ADDRESS/HOST:INSIDE`, as pasta(1) has it; none of either kind leads anywhere that was not asked for. */
export function pastaWords(ports: readonly Port[]): string[] {
  return (['tcp', 'udp'] as const).flatMap((protocol) => {
    const flag = protocol === 'tcp' ? '-t' : '-u';
    const of = ports.filter((port) => port.protocol === protocol);
    return of.length === 0
      ? [flag, 'none']
      : of.flatMap(({ address, host, inside }) => [flag, `${address && `${address}/`}${host}:${inside}`]);
  });
}

export function rootlessSteps({ rootless, options, resolver, mountable }: Facts): AnyStep[] {
  const { pasta, ports, uid, gid } = rootless!;
  const phase = 'network' as const;
  const side = 'host' as const;
  const pid = slot('child.pid');
  const fd = slot('resolv');
  const write = (name: string, data: string, doing: string): AnyStep =>
    step('unshare', 'proc_write', { path: `self/${name}`, data }, doing);
  const named = options.dns.length > 0 || options.search.length > 0;
  return [
    step(
      'unshare',
      'unshare',
      { flags: CLONE.NEWUSER | CLONE.NEWNET | CLONE.NEWNS },
      'make a user, a network and a mount namespace',
      {
        hints: {
          EPERM:
            'the kernel does not let you make user namespaces (sysctl kernel.unprivileged_userns_clone, AppArmor)',
        },
      },
    ),
    // /proc/PID/uid_map and its namespaces are a process's own only while it may be dumped (proc(5)).
    step('unshare', 'dumpable', { on: 1 }, 'let the maps be written'),
    write('setgroups', 'deny', 'deny setgroups in the user namespace'),
    write('uid_map', `0 ${uid} 1\n`, 'write the uid map'),
    write('gid_map', `0 ${gid} 1\n`, 'write the gid map'),
    step(phase, 'loopback_up', {}, 'bring up lo'),
    step(phase, 'notify', { process: peer, point: points.born }, 'say that the namespace is there'),
    step(phase, 'await', { process: peer, point: points.born }, 'wait for the network namespace', { side }),
    // It goes on in the background, and ends with the namespace.
    step(
      phase,
      'helper',
      {
        file: pasta,
        argv: [
          'pasta',
          '--config-net',
          '--quiet',
          ...pastaWords(ports),
          '-T',
          'none',
          '-U',
          'none',
          '--netns',
          template`/proc/${pid}/ns/net`,
          '--userns',
          template`/proc/${pid}/ns/user`,
        ],
        timeout: options.timeout,
        inherit: 1,
      },
      'join a network by pasta',
      { side },
    ),
    step(phase, 'notify', { process: peer, point: points.placed }, 'say that the network is joined', {
      side,
    }),
    step(phase, 'await', { process: peer, point: points.placed }, 'wait for the network'),
    step(phase, 'dumpable', { on: 0 }, 'hide the process again'),
    ...(named && mountable.includes('/etc/resolv.conf') ? resolverSteps(resolver.text, fd) : []),
  ];
}

/** A file that has no name any more, mounted over /etc/resolv.conf. */
function resolverSteps(text: string, fd: ReturnType<typeof slot>): AnyStep[] {
  return [
    step(
      'mounts',
      'open',
      { path: '/tmp', flags: O.TMPFILE | O.RDWR | O.CLOEXEC, mode: 0o644, fd },
      'make a resolv.conf',
    ),
    step('mounts', 'write_fd', { fd, data: text }, 'write the resolv.conf'),
    step(
      'mounts',
      'bind',
      { target: '/etc/resolv.conf', source: template`/proc/self/fd/${fd}` },
      'mount it on /etc/resolv.conf',
    ),
  ];
}
