/** The networks of this machine: bridges, what is at them, and who is at the other end of each pair (veth(4)). */
import { entriesIn, exists, namesIn, readLink, readText } from '@ctr-tools/host';
import { type Member, resultIfAny } from '../records.ts';
import { inside } from './namespace.ts';

export interface Link {
  name: string;
  kind: 'bridge' | 'pair' | 'other';
  addresses: string[];
  /** The bridge that it is at. */
  master?: string;
  /** Who is at the other end. */
  peer?: string;
}

interface Elsewhere {
  pid: number;
  /** What ip-netns(8) calls it. */
  name?: string;
  command: string;
  /** Its interfaces, by their numbers there. */
  indexes: Map<number, string>;
}

export function machine(members: readonly Member[]): Link[] {
  const { interfaces } = inside('self');
  const others = elsewhere();
  return interfaces.map(({ name, addresses }) => {
    const at = `/sys/class/net/${name}`;
    const [index, link] = [numberIn(`${at}/ifindex`), numberIn(`${at}/iflink`)];
    const kind = exists(`${at}/bridge`) ? 'bridge' : index !== link && link !== 0 ? 'pair' : 'other';
    const master = linkName(`${at}/master`);
    const peer = kind === 'pair' ? (ours(name, members) ?? theirs(link, others)) : undefined;
    return { name, kind, addresses, ...(master && { master }), ...(peer && { peer }) };
  });
}

/** By what its plugin said that it made. */
function ours(name: string, members: readonly Member[]): string | undefined {
  const member = members.find(({ id }) =>
    resultIfAny(id)?.interfaces?.some((one) => one.name === name && !one.sandbox),
  );
  if (!member) return undefined;
  const addresses = resultIfAny(member.id)?.ips?.map(({ address }) => address) ?? [];
  return ['eth0 of', member.names.split(' ')[0] || member.id, `(PID ${member.pid})`, ...addresses].join(' ');
}

/** By its number, which several namespaces may have: then it is not known whose it is. */
function theirs(link: number, others: readonly Elsewhere[]): string {
  const having = others.filter(({ indexes }) => indexes.has(link));
  if (having.length === 0) return 'nobody that is seen';
  if (having.length > 1) return `one of PID ${having.map(({ pid }) => pid).join(', ')}`;
  const { pid, name, command, indexes } = having[0]!;
  return `${indexes.get(link)} of ${name ?? `PID ${pid} ${command}`}`;
}

const numberIn = (path: string): number => Number(readIfAny(path).trim() || 0);

function linkName(path: string): string | undefined {
  try {
    return readLink(path).split('/').pop();
  } catch {
    return undefined;
  }
}

/** Each other network namespace, by the first process in it that is seen. */
function elsewhere(): Elsewhere[] {
  const seen = new Map<string, Elsewhere>();
  const own = linkName('/proc/self/ns/net');
  const names = netnsNames();
  for (const { name: pid } of entriesIn('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const namespace = linkName(`/proc/${pid}/ns/net`);
    if (namespace === undefined || namespace === own || seen.has(namespace)) continue;
    const indexes = new Map(
      [...readIfAny(`/proc/${pid}/net/dev_mcast`).matchAll(/^(\d+)\s+(\S+)/gm)].map(([, index, name]) => [
        Number(index),
        name!,
      ]),
    );
    const known = names.get(namespace);
    seen.set(namespace, {
      pid: Number(pid),
      command: readIfAny(`/proc/${pid}/comm`).trim(),
      indexes,
      ...(known !== undefined && { name: known }),
    });
  }
  return [...seen.values()];
}

/** Names in /run/netns, by what is mounted there (mountinfo says `net:[4026532250]`). */
function netnsNames(): Map<string, string> {
  if (!exists('/run/netns')) return new Map();
  const there = new Set(namesIn('/run/netns'));
  return new Map(
    [...readIfAny('/proc/self/mountinfo').matchAll(/ (net:\[\d+\]) \/run\/netns\/(\S+) /g)].flatMap(
      ([, namespace, name]) => (there.has(name!) ? [[namespace!, name!] as const] : []),
    ),
  );
}

function readIfAny(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}
