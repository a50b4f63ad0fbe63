/** `-p` as docker-run(1) has it, and which ports of this machine are taken. */
import { UsageError } from '@ctr-tools/cli';
import { randomBytes, readText } from '@ctr-tools/host';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Port {
  /** The address of this machine; empty: all of them. */
  address: string;
  /** 0: one that is free. */
  host: number;
  inside: number;
  protocol: Protocol;
}

const HELP = '[ADDRESS:][PORT:]PORT[/udp], with ranges as 8000-8010';

/** Throws `UsageError`. */
export function parsePublish(text: string): Port[] {
  const wrong = (why: string): UsageError => new UsageError(`-p ${text}: ${why}; it is ${HELP}`);
  const [, body = '', protocol = 'tcp'] = /^(.*?)(?:\/([^/]*))?$/.exec(text)!;
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw wrong(`${protocol} is neither tcp, udp nor sctp`);
  const [, bracketed, rest = body] = /^\[([^\]]*)\]:(.*)$/.exec(body) ?? [];
  const words = rest.split(':');
  const inside = words.pop()!;
  const host = words.pop() ?? '';
  const address = bracketed ?? words.join(':');
  if (bracketed !== undefined && words.length > 0) throw wrong('there is too much in it');
  if (address !== '' && !isAddress(address)) throw wrong(`${address} is not an address`);
  const range = (word: string, least: number): [number, number] => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from < least || to > 65535 || to < from)
      throw wrong(`${word === '' ? 'nothing' : word} is not a port from 1 to 65535, nor a range of them`);
    return [from, to];
  };
  const [from, to] = range(inside, 1);
  const [hostFrom, hostTo] = host === '' ? [0, 0] : range(host, 0);
  const count = to - from + 1;
  if (hostFrom !== 0 && hostTo - hostFrom + 1 !== count) throw wrong('both ranges have to be of one length');
  return Array.from({ length: count }, (_, i) => ({
    address: ['0.0.0.0', '::'].includes(address) ? '' : address,
    host: hostFrom === 0 ? 0 : hostFrom + i,
    inside: from + i,
    protocol: protocol as Protocol,
  }));
}

const isAddress = (text: string): boolean =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text)
    ? text.split('.').every((part) => Number(part) <= 255)
    : text.includes(':') && /^[\da-fA-F:.]+$/.test(text);

export const spellPort = ({ address, host, protocol }: Port): string =>
  `${address.includes(':') ? `[${address}]:` : address && `${address}:`}${host}/${protocol}`;

/** A port that a process of this machine listens on. */
export interface Listening {
  protocol: Protocol;
  port: number;
  /** As the kernel has it; empty: all. */
  address: string;
}

/** /proc/net/tcp and the like (proc_pid_net(5)): st 0A is LISTEN; a UDP socket that is bound has 07. */
export function parseSockets(text: string, protocol: Protocol): Listening[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state] = line.trim().split(/\s+/);
      if (state !== (protocol === 'tcp' ? '0A' : '07') || /[1-9A-F]/.test(remote.split(':')[1] ?? '1'))
        return [];
      const [hex = '', port = ''] = local.split(':');
      return [{ protocol, port: Number.parseInt(port, 16), address: addressOf(hex) }];
    });
}

function addressOf(hex: string): string {
  if (/^0+$/.test(hex)) return '';
  if (hex.length === 8)
    return hex
      .match(/../g)!
      .toReversed()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  return `[${hex}]`;
}

export function listening(): Listening[] {
  return (['tcp', 'udp'] as const).flatMap((protocol) =>
    ['', '6'].flatMap((version) => {
      try {
        return parseSockets(readText(`/proc/net/${protocol}${version}`), protocol);
      } catch {
        return []; // a kernel without IPv6
      }
    }),
  );
}

/** Whether both cannot be published, or listened on, at once. */
export const collide = (
  one: { protocol: string; address: string },
  other: { protocol: string; address: string },
): boolean =>
  one.protocol === other.protocol &&
  (one.address === '' || other.address === '' || one.address === other.address);

/** Ports of those that say 0: from the range that IANA leaves to everybody (RFC 6335, section 6), from a place by chance on. */
export function choosePorts(ports: readonly Port[], taken: (port: Port) => boolean): Port[] {
  const chosen: Port[] = [];
  for (const port of ports) {
    if (port.host !== 0) {
      chosen.push(port);
      continue;
    }
    const [low = 0, high = 0] = randomBytes(2);
    const first = (low * 256 + high) % 16000;
    for (let i = 0; i < 16000; i++) {
      const one = { ...port, host: 49153 + ((first + i) % 16000) };
      if (taken(one) || chosen.some((other) => other.host === one.host && collide(one, other))) continue;
      chosen.push(one);
      break;
    }
  }
  return chosen;
}
