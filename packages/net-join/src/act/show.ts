/** The networks of this machine and who is on them; and one of these with its way to the outside. */
import {
  type Branch,
  type Host,
  type Outcome,
  out,
  printable,
  processTarget,
  renderTable,
  treeLines,
  wantsColor,
} from '@ctr-tools/cli';
import { encodeBytes, readLink, sha512 } from '@ctr-tools/host';
import type { Options } from '../options.ts';
import { spellPort } from '../ports.ts';
import { lives, type Member, members, resultIfAny } from '../records.ts';
import { memberId } from './hook.ts';
import { type Link, machine } from './machine.ts';
import { type Inside, inside } from './namespace.ts';

export function show(word: string, options: Options, host: Host): Outcome {
  if (word === '') return showAll(options, host);
  const member = named(word) ?? ofProcess(processTarget(word, host, '--show'));
  const pid = member?.pid ?? processTarget(word, host, '--show');
  const there = member && !lives(member) ? { interfaces: [], routes: [] } : inside(pid);
  const way = member ? wayOf(member) : [];
  if (options.json)
    out(json({ pid, ...there, ...(member && { member, result: resultIfAny(member.id) }), way }));
  else out(oneText(pid, member, there, way, host));
  return 0;
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const named = (word: string): Member | undefined =>
  members().find(
    ({ id, names }) => id === memberId(word.replace(/^id:/, '')) || names.split(' ').includes(word),
  );

const ofProcess = (pid: number): Member | undefined => {
  const namespace = readLink(`/proc/${pid}/ns/net`);
  return members().find((one) => lives(one) && readLink(`/proc/${one.pid}/ns/net`) === namespace);
};

interface Hop {
  port: string;
  /** The chain of iptables(8) that turns it. */
  rule: string;
  bridge: string;
  pair: string;
  to: string;
}

/** From each published port of this machine to the process. */
function wayOf(member: Member): Hop[] {
  const result = resultIfAny(member.id);
  const outside = (result?.interfaces ?? []).filter(({ sandbox }) => !sandbox).map(({ name }) => name);
  const pair = outside.find((name) => name.startsWith('veth')) ?? '';
  const bridge = outside.find((name) => name !== pair) ?? '';
  const first = result?.ips?.[0];
  const address = first?.address.split('/')[0] ?? '?';
  return member.ports.map((port) => ({
    port: spellPort(port),
    rule: portChain(member),
    bridge: [bridge, first?.gateway ?? ''].filter(Boolean).join(' '),
    pair,
    to: `${address.includes(':') ? `[${address}]` : address}:${port.inside}`,
  }));
}

/** portmap's chain for one container: of 28 letters, the last of them from a digest of both names (its chain.go). */
const portChain = ({ network, id }: Pick<Member, 'network' | 'id'>): string =>
  `CNI-DN-${sha512(encodeBytes(network + id))}`.slice(0, 28);

const tableOptions = (host: Host) => ({
  color: wantsColor(host, 1),
  ...(host.tty[1] && { width: host.columns }),
});

function oneText(
  pid: number,
  member: Member | undefined,
  { interfaces, routes }: Inside,
  way: readonly Hop[],
  host: Host,
): string {
  const shape = tableOptions(host);
  const head = member
    ? `${member.names || member.id}: PID ${lives(member) ? pid : `${pid}, which has ended`}, network ${member.network}\n`
    : `PID ${pid}\n`;
  const ports = renderTable(
    [{ title: 'PORT' }, { title: 'LEADS TO' }, { title: 'RULE' }],
    way.map(({ port, to, rule }) => [port, to, rule]),
    shape,
  );
  return [
    head,
    renderTable(
      [{ title: 'INTERFACE' }, { title: 'ADDRESSES' }],
      interfaces.map((one) => [one.name, one.addresses.join(' ')]),
      shape,
    ),
    renderTable(
      [{ title: 'ROUTE' }, { title: 'VIA' }, { title: 'INTERFACE' }],
      routes.map((one) => [one.destination, one.gateway || '-', one.interface]),
      shape,
    ),
    ...(way.length === 0 ? [] : [ports, way.map((hop) => picture(hop, pid)).join('')]),
  ].join('\n');
}

/** One hop under the other, so that it stands on every terminal. */
export const picture = ({ port, rule, bridge, pair, to }: Hop, pid: number): string =>
  [
    `a packet to port ${port} of this machine`,
    `  │ nat PREROUTING, OUTPUT: ${rule} → ${to}`,
    `  ▼`,
    bridge,
    `  │ ${pair}`,
    `  ╪ ── the namespace of PID ${pid} ──`,
    `  │ eth0`,
    `  ▼`,
    to,
    '',
  ].join('\n');

function showAll(options: Options, host: Host): Outcome {
  const all = members();
  const links = machine(all);
  if (options.json) {
    const on = all.map((member) => ({ ...member, alive: lives(member), result: resultIfAny(member.id) }));
    out(json({ links, members: on }));
    return 0;
  }
  out(drawn(links));
  if (all.length > 0) out(`\n${table(all, host)}`);
  return 0;
}

/** Bridges with what is at them; then what is at none. */
export function drawn(links: readonly Link[]): string {
  const branch = (link: Link): Branch<Link> => ({
    value: link,
    children: links.filter(({ master }) => master === link.name).map(branch),
  });
  const roots = links.filter(({ master }) => master === undefined).map(branch);
  return [...treeLines(roots)]
    .map(({ prefix, value: { name, kind, addresses, peer } }) =>
      [
        `${prefix}${name}`,
        ...(kind === 'bridge' ? ['bridge'] : []),
        ...addresses,
        ...(peer ? [`═ ${printable(peer)}`] : []),
      ].join(' '),
    )
    .map((line) => `${line}\n`)
    .join('');
}

const addressesOf = ({ id }: Member): string =>
  (resultIfAny(id)?.ips ?? []).map(({ address }) => address).join(' ');

const table = (all: readonly Member[], host: Host): string =>
  renderTable(
    [
      { title: 'NETWORK' },
      { title: 'PID', align: 'right' },
      { title: 'NAME', shrink: true, least: 8 },
      { title: 'ADDRESSES', shrink: true, least: 16 },
      { title: 'PORTS', shrink: true, least: 12 },
    ],
    all.map((member) => [
      member.network,
      lives(member) ? String(member.pid) : 'ended',
      member.names || member.id,
      addressesOf(member),
      member.ports.map((port) => `${spellPort(port)}→${port.inside}`).join(' '),
    ]),
    tableOptions(host),
  );
