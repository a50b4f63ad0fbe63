/** What the kernel tells of a network namespace through a process in it (proc_pid_net(5)). */
import { readText } from '@ctr-tools/host';
import { parseRange, type Range, spellAddress } from '../addresses.ts';

export interface Interface {
  name: string;
  addresses: string[];
}

export interface Route {
  destination: string;
  gateway: string;
  interface: string;
}

export interface Inside {
  interfaces: Interface[];
  routes: Route[];
}

/** Of a process, or `self`. */
export function inside(pid: number | 'self'): Inside {
  const of = (file: string): string => readIfAny(`/proc/${pid}/net/${file}`);
  const routes = parseRouteTable(of('route'));
  const six = parseInet6(of('if_inet6'));
  const four = parseAddresses(of('fib_trie'), routes);
  const interfaces = parseDevices(of('dev')).map((name) => ({
    name,
    addresses: [...(four.get(name) ?? []), ...(six.get(name) ?? [])],
  }));
  return { interfaces, routes: [...routes, ...parseRoutes6(of('ipv6_route'))] };
}

function readIfAny(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}

/** Names in /proc/net/dev, below its two lines of titles. */
export const parseDevices = (text: string): string[] =>
  text
    .split('\n')
    .slice(2)
    .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);

const address = (hex: string): number =>
  Number.parseInt(hex.replace(/^(..)(..)(..)(..)$/, '$4$3$2$1'), 16) >>> 0;
const bitsOf = (mask: number): number => mask.toString(2).replaceAll('0', '').length;

export function parseRouteTable(text: string): Route[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name, to, via, , , , , mask] = line.split(/\s+/);
      if (mask === undefined) return [];
      const bits = bitsOf(address(mask));
      const destination = bits === 0 ? 'default' : `${spellAddress(address(to!))}/${bits}`;
      return [
        { destination, gateway: address(via!) === 0 ? '' : spellAddress(address(via!)), interface: name! },
      ];
    });
}

/** RTF_LOCAL, RTF_ANYCAST and RTF_REJECT (linux/ipv6_route.h, linux/route.h): an address of its own, or no way. */
const NOT_A_WAY = 0x80100200;

/** /proc/net/ipv6_route, but for what every interface has: its link's (fe80::/10) and of groups (ff00::/8). */
export function parseRoutes6(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const [to, length, , , via, , , , flags, name] = line.trim().split(/\s+/);
    if (name === undefined || name === 'lo' || (Number.parseInt(flags!, 16) & NOT_A_WAY) !== 0) return [];
    if (/^(fe[89ab]|ff)/.test(to!)) return [];
    const bits = Number.parseInt(length!, 16);
    const destination = bits === 0 ? 'default' : `${spellAddress6(to!)}/${bits}`;
    const gateway = /^0+$/.test(via!) ? '' : spellAddress6(via!);
    return [{ destination, gateway, interface: name }];
  });
}

/** Local addresses, each at the interface by which its own network is reached; which fib_trie does not say. */
export function parseAddresses(trie: string, routes: readonly Route[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const locals = new Set([...trie.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)].map(([, one]) => one!));
  for (const local of locals) {
    const value = parseRange(local)!.address;
    const route = routes
      .filter(({ destination }) => destination !== 'default' && holds(parseRange(destination)!, value))
      .toSorted((a, b) => parseRange(b.destination)!.bits - parseRange(a.destination)!.bits)[0];
    const name = local.startsWith('127.') ? 'lo' : route?.interface;
    if (name === undefined) continue;
    const bits = name === 'lo' ? 8 : parseRange(route!.destination)!.bits;
    found.set(name, [...(found.get(name) ?? []), `${local}/${bits}`]);
  }
  return found;
}

const holds = ({ address: of, bits }: Range, value: number): boolean =>
  bits === 0 || of >>> (32 - bits) === value >>> (32 - bits);

/** /proc/net/if_inet6: the address, its index, length of prefix, scope (20: of the link), flags, and the interface. */
export function parseInet6(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [hex, , length, scope, , name] = line.trim().split(/\s+/);
    if (name === undefined || scope === '20') continue;
    const spelled = `${spellAddress6(hex!)}/${Number.parseInt(length!, 16)}`;
    found.set(name, [...(found.get(name) ?? []), spelled]);
  }
  return found;
}

/** RFC 5952: the longest run of zeros as two colons. */
export function spellAddress6(hex: string): string {
  const words = hex.match(/.{4}/g)!.map((word) => Number.parseInt(word, 16).toString(16));
  const text = words.join(':');
  const runs = [...text.matchAll(/(?<![\da-f])0(?::0)+(?![\da-f])/g)].map(([run]) => run);
  const longest = runs.toSorted((a, b) => b.length - a.length)[0];
  if (longest === undefined) return text;
  const at = text.indexOf(longest);
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}
