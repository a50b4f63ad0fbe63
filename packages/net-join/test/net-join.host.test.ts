/** Packets between namespaces: a command in a network of CNI, its neighbours, and those outside. */
import { beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { NOTHING, outer } from './outer.ts';

const plugins = ['bridge', 'host-local', 'portmap', 'firewall'].map(
  (name) => `file:/usr/lib/cni/${name}` as const,
);

beforeEach((context) => needs(context, 'root', 'command:ip', 'command:iptables', 'command:perl', ...plugins));

describe('a command in the network default', () => {
  test('has an interface with addresses of both families, and leaves nothing', () => {
    const { lines, stderr } = outer('net-join -p 8080:80 --name web -- ip -br -o addr show eth0; left');
    expect(stderr).toBe('');
    expect(lines[0]).toMatch(/^eth0@if\d+ +UP +10\.91\.0\.2\/16 fd[\da-f:]+::2\/64 /);
    expect(lines.slice(1)).toEqual(NOTHING);
  });

  test('ends as its command ends', () => {
    const { lines } = outer(
      'for n in 0 3; do c=0; net-join -- sh -c "exit $n" || c=$?; echo $c; done; c=0; net-join -- no-such-command || c=$?; echo $c; left',
    );
    expect(lines).toEqual(['0', '3', '127', ...NOTHING]);
  });

  test('reaches another by name over IPv4 and IPv6, which sees its address', () => {
    const { lines, stderr } = outer(`
      net-join --name db -- perl serve.pl 5432 db & s=$!
      until_ '[ -e ready-db ]'
      net-join --name app -- sh -c 'perl ask.pl db 5432; getent ahostsv4 db | head -1; perl ask.pl $(getent ahostsv6 db | cut -d" " -f1 | head -1) 5432; grep -c . /etc/hosts; cat /etc/resolv.conf'
      stop $s
      left`);
    expect(stderr).toBe('');
    expect(lines[0]).toMatch(/^db to (10\.91\.0\.3|fd[\da-f:]+::3|::ffff:10\.91\.0\.3)$/);
    expect(lines[1]).toMatch(/^10\.91\.0\.2 +STREAM db$/);
    expect(lines[2]).toMatch(/^db to fd[\da-f:]+::3$/);
    expect(lines.slice(3)).toEqual(['6', 'nameserver 192.0.2.53', 'search lab', ...NOTHING]);
  });

  test('is reached at its published ports from outside and from the machine, by TCP and UDP', () => {
    const { lines, stderr } = outer(`
      net-join -p 8080:80 -p 192.0.2.1:5353:53/udp -- sh -c 'perl serve-udp.pl 53 names & exec perl serve.pl 80 web' & s=$!
      until_ '[ -e ready-web -a -e ready-names ]'
      ip netns exec client perl ask.pl 192.0.2.1 8080
      ip netns exec client perl ask.pl 2001:db8::1 8080
      ip netns exec client perl ask-udp.pl 192.0.2.1 5353
      perl ask.pl 127.0.0.1 8080
      perl ask.pl 192.0.2.1 8080
      stop $s
      left`);
    expect(stderr).toBe('');
    expect(lines.slice(0, 3)).toEqual(['web to ::ffff:192.0.2.2', 'web to 2001:db8::2', 'names heard hello']);
    expect(lines[3]).toMatch(/^web to ::ffff:/);
    expect(lines[4]).toMatch(/^web to ::ffff:/);
    expect(lines.slice(5)).toEqual(NOTHING);
  });

  test('reaches out under the address of the machine', () => {
    const { lines } = outer(`
      ip netns exec client perl serve.pl 7000 client & s=$!
      until_ '[ -e ready-client ]'
      net-join -- sh -c 'perl ask.pl 192.0.2.2 7000; perl ask.pl 10.91.0.1 7001 2>&1 | head -c 13; echo'
      stop $s`);
    expect(lines).toEqual(['client to ::ffff:192.0.2.1', 'ask 10.91.0.1']);
  });

  test('takes a range that nobody uses, and keeps to it', () => {
    const { lines } = outer(`
      ip addr add 10.91.7.1/24 dev up0
      ip route add 10.92.0.0/24 via 192.0.2.2
      echo '{"cniVersion":"1.0.0","name":"x","type":"bridge","ipam":{"type":"host-local","subnet":"10.93.1.0/24"}}' >/etc/cni/net.d/x.conf
      net-join -- ip -4 -br addr show eth0
      ip route add 10.94.0.0/24 via 192.0.2.2
      net-join -- ip -4 -br addr show eth0`);
    expect(lines.map((line) => line.replace(/^\S+ +UP +/, '').trim())).toEqual([
      '10.94.0.2/16',
      '10.94.0.3/16',
    ]);
  });
});

describe('a port', () => {
  test('that another has is refused before anything is made, whoever that is', () => {
    const { lines } = outer(`
      net-join --name one -p 8080:80 -- sleep 1000 & s=$!
      until_ 'ls /run/ctr-tools/net/ports/tcp-8080-any && [ -s /run/ctr-tools/net/records/*/result.json ]'
      perl serve.pl 9000 other & o=$!
      until_ '[ -e ready-other ]'
      for p in 8080:80 127.0.0.1:8080:80 9000:80; do c=0; net-join -p $p -- true 2>&1 || c=$?; echo $c; done
      net-join -p 8080:80/udp -- echo another protocol
      ip -o link | grep -c veth
      stop $s $o`);
    expect(lines).toEqual([
      'net-join: publish port 8080/tcp: one has it (net-join --show)',
      '125',
      'net-join: publish port 127.0.0.1:8080/tcp: one has it (net-join --show)',
      '125',
      'net-join: publish port 9000/tcp: a process of this machine listens on it (ss -lnp)',
      '125',
      'another protocol',
      '1',
    ]);
  });

  test('that two want at once is only one’s', () => {
    const { lines } = outer(`
      for i in 1 2 3 4; do net-join -p 8080:80 -- sh -c 'echo mine; sleep 3' 2>/dev/null & done
      wait
      left`);
    expect(lines).toEqual(['mine', ...NOTHING]);
  });

  test('0 is one that is free', () => {
    const { lines } = outer(`net-join -p 80 -p 0:81 -- ls /run/ctr-tools/net/ports`);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^tcp-(49|5\d|6[0-5])\d{3}-any$/);
  });
});
