/** The impure step: the network, its plugins, which ports are free. */
import { Failure, type Host } from '@ctr-tools/cli';
import { dirname, exists, hex, randomBytes } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { configOf, findNetwork, type Network, pluginFiles } from './networks.ts';
import type { Options } from './options.ts';
import { FILES } from './places.ts';
import { choosePorts, collide, listening, type Port, spellPort } from './ports.ts';
import { lives, type Member, members } from './records.ts';
import { type Resolver, resolverFor } from './resolver.ts';

export interface Facts {
  options: Options;
  joining: Joining;
  resolver: Resolver;
  /** Of /etc/resolv.conf and /etc/hosts those that are there to be mounted over. */
  mountable: readonly string[];
  /** Our own file, for hooks. */
  self: string;
  cniPath?: string;
}

export interface Joining {
  id: string;
  network: Network;
  files: readonly string[];
  configs: readonly string[];
  ports: readonly Port[];
  hosts: string;
  /** What was left by one of the same ID that has ended. */
  stale: readonly Member[];
}

export const hostsOf = (network: string): string => `${FILES}/hosts-${network}`;

export function gather(options: Options | undefined, _spec: Spec, host: Host): Facts {
  if (!options) throw new Error('net-join has no part in making a container but by its hooks');
  const cniPath = host.env.get('CNI_PATH');
  return {
    options,
    resolver: resolverFor(options),
    mountable: ['/etc/resolv.conf', '/etc/hosts'].filter((path) => exists(path)),
    self: `${dirname(host.launcher)}/net-join`,
    ...(cniPath && { cniPath }),
    joining: gatherJoining(options, `c${host.pid}-${hex(randomBytes(4))}`, host),
  };
}

export function gatherJoining(options: Options, id: string, host: Host): Joining {
  if (host.euid !== 0) throw new Failure('joining a network of CNI takes root');
  const network = findNetwork(options.network, host);
  const files = pluginFiles(network, host);
  const all = members();
  const stale = all.filter((member) => member.id === id && !lives(member));
  const ports = portsOf(
    options,
    network,
    all.filter((member) => member.id !== id),
  );
  const portMappings = ports.map(({ address, host: hostPort, inside, protocol }) => ({
    hostPort,
    containerPort: inside,
    protocol,
    ...(address !== '' && { hostIP: address }),
  }));
  const configs = network.plugins.map((plugin) =>
    configOf(network, plugin, portMappings.length > 0 ? { portMappings } : {}),
  );
  return { id, network, files, configs, ports, hosts: hostsOf(network.name), stale };
}

/** With the free ones chosen. Throws a `Failure` for one that is taken. */
function portsOf(options: Options, network: Network, others: readonly Member[]): Port[] {
  const { ports } = options;
  if (ports.length === 0) return [];
  if (!network.plugins.some(({ capabilities }) => capabilities?.portMappings))
    throw new Failure(
      `publish port ${spellPort(ports[0]!)}: no plugin of the network ${network.name} has the capability portMappings; add {"type":"portmap","capabilities":{"portMappings":true}} to ${network.file}`,
    );
  const open = listening();
  const owner = (port: Port): string | undefined => {
    const member = others.find(({ ports: theirs }) =>
      theirs.some((one) => one.host === port.host && collide(one, port)),
    );
    if (member) {
      const name = member.names.split(' ')[0] || member.id;
      return lives(member)
        ? `${name} has it (net-join --show)`
        : `${name} had it, which has ended; net-join --gc frees it`;
    }
    const socket = open.some((one) => one.port === port.host && collide(one, port));
    return socket ? 'a process of this machine listens on it (ss -lnp)' : undefined;
  };
  for (const [i, port] of ports.entries()) {
    if (port.host === 0) continue;
    const why = ports.some((one, j) => j < i && one.host === port.host && collide(one, port))
      ? 'it is published twice'
      : owner(port);
    if (why) throw new Failure(`publish port ${spellPort(port)}: ${why}`);
  }
  const chosen = choosePorts(ports, (port) => owner(port) !== undefined);
  if (chosen.length < ports.length)
    throw new Failure('publish a free port: none is free from 49153 to 65152');
  return chosen;
}
