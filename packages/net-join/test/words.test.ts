/** What is read from words and from the kernel's files, and what comes of it. */
import { describe, expect, test } from 'vitest';
import { parseRoutes6 } from '../src/act/namespace.ts';
import {
  freeRange,
  overlap,
  parseLocals,
  parseRange,
  parseRoutes,
  rangesIn,
  spellAddress,
} from '../src/addresses.ts';
import { configOf } from '../src/networks.ts';
import { choosePorts, collide, type Port, parsePublish, parseSockets, spellPort } from '../src/ports.ts';
import { resolverText } from '../src/resolver.ts';

const port = (host: number, inside: number, more: Partial<Port> = {}): Port => ({
  address: '',
  host,
  inside,
  protocol: 'tcp',
  ...more,
});

describe('-p', () => {
  test.each([
    ['8080:80', [port(8080, 80)]],
    ['80', [port(0, 80)]],
    ['0:80', [port(0, 80)]],
    [':80', [port(0, 80)]],
    ['53:53/udp', [port(53, 53, { protocol: 'udp' })]],
    ['127.0.0.1:8080:80', [port(8080, 80, { address: '127.0.0.1' })]],
    ['127.0.0.1::80', [port(0, 80, { address: '127.0.0.1' })]],
    ['0.0.0.0:8080:80', [port(8080, 80)]],
    ['[::1]:8080:80', [port(8080, 80, { address: '::1' })]],
    ['::1:8080:80', [port(8080, 80, { address: '::1' })]],
    ['[::]:8080:80/sctp', [port(8080, 80, { protocol: 'sctp' })]],
    ['8000-8002:80-82', [port(8000, 80), port(8001, 81), port(8002, 82)]],
    ['7000-7001', [port(0, 7000), port(0, 7001)]],
  ])('%s', (text, ports) => {
    expect(parsePublish(text)).toEqual(ports);
  });

  test.each([
    ['', /^-p : nothing is not a port/],
    ['8080:', /nothing is not a port/],
    ['0', /0 is not a port from 1 to 65535/],
    ['70000:80', /70000 is not a port/],
    ['80:http', /http is not a port/],
    ['8000-8002:80-81', /both ranges have to be of one length/],
    ['82-80', /82-80 is not a port from 1 to 65535, nor a range of them/],
    ['80/icmp', /icmp is neither tcp, udp nor sctp/],
    ['host:80:80', /host is not an address/],
    ['256.0.0.1:80:80', /256\.0\.0\.1 is not an address/],
    ['[::1]:1:2:3', /there is too much in it/],
  ])('%j is refused', (text, words) => {
    expect(() => parsePublish(text)).toThrow(words);
  });

  test('is spelled as it is read', () => {
    expect(
      [
        port(80, 1),
        port(80, 1, { address: '::1', protocol: 'udp' }),
        port(80, 1, { address: '10.0.0.1' }),
      ].map(spellPort),
    ).toEqual(['80/tcp', '[::1]:80/udp', '10.0.0.1:80/tcp']);
  });
});

describe('ports that are taken', () => {
  test('are those that somebody listens on, and UDP sockets that are bound', () => {
    const tcp = `  sl  local_address rem_address   st tx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   1: 00000000:0050 00000000:0000 0A 00000000:00000000
   2: 0100007F:1F91 0100007F:9999 01 00000000:00000000`;
    expect(parseSockets(tcp, 'tcp')).toEqual([
      { protocol: 'tcp', port: 8080, address: '127.0.0.1' },
      { protocol: 'tcp', port: 80, address: '' },
    ]);
    const udp = `  sl  local_address rem_address   st
 1: 3500007F:0035 00000000:0000 07 0
 2: 00000000:0044 00000000:0000 07 0`;
    expect(parseSockets(udp, 'udp')).toEqual([
      { protocol: 'udp', port: 53, address: '127.0.0.53' },
      { protocol: 'udp', port: 68, address: '' },
    ]);
  });

  test('are all addresses with each one, and one with itself', () => {
    const at = (address: string, protocol = 'tcp') => ({ address, protocol });
    expect([
      collide(at(''), at('127.0.0.1')),
      collide(at('127.0.0.1'), at('127.0.0.1')),
      collide(at('127.0.0.1'), at('127.0.0.2')),
      collide(at(''), at('', 'udp')),
    ]).toEqual([true, true, false, false]);
  });

  test('are not chosen, nor one twice', () => {
    const chosen = choosePorts(
      Array.from({ length: 200 }, () => port(0, 80)),
      ({ host }) => host % 2 === 0,
    );
    expect(new Set(chosen.map(({ host }) => host)).size).toBe(200);
    expect(chosen.every(({ host }) => host % 2 === 1 && host >= 49153)).toBe(true);
    expect(choosePorts([port(0, 80)], () => true)).toEqual([]);
  });
});

describe('a range', () => {
  test('is free where no route, address or list has part of it', () => {
    const routes = parseRoutes(`Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
eth0	00005B0A	00000000	0001	0	0	0	0000FFFF	0	0	0`);
    expect(routes).toEqual([parseRange('10.91.0.0/16')]);
    const locals = parseLocals(`Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.92.3.4
        /32 host LOCAL
     |-- 10.94.255.255
        /32 link BROADCAST`);
    expect(locals).toEqual([parseRange('10.92.3.4')]);
    const listed = rangesIn('{"subnet":"10.93.1.0/24","routes":[{"dst":"0.0.0.0/0"}]}');
    expect(freeRange([...routes, ...locals, ...listed])).toBe('10.94.0.0/16');
    expect(freeRange([])).toBe('10.91.0.0/16');
    expect(freeRange([parseRange('0.0.0.0/0')!])).toBeUndefined();
  });

  test('overlaps what is in it, and what it is in', () => {
    const all = (one: string, other: string) => overlap(parseRange(one)!, parseRange(other)!);
    expect([
      all('10.0.0.0/8', '10.1.2.3'),
      all('10.1.2.3', '10.0.0.0/8'),
      all('10.0.0.0/9', '10.128.0.0/9'),
    ]).toEqual([true, true, false]);
    expect([parseRange('300.0.0.1'), parseRange('10.0.0.0/33'), parseRange('x')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(spellAddress(parseRange('192.168.7.1')!.address)).toBe('192.168.7.1');
  });
});

test('a resolv.conf loses servers that only this machine reaches, and takes what is asked', () => {
  const text = '# x\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 9.9.9.9\nsearch lab\noptions edns0\n';
  expect(resolverText(text, { dns: [], search: [] })).toBe('nameserver 9.9.9.9\nsearch lab\noptions edns0\n');
  expect(resolverText(text, { dns: ['1.1.1.1'], search: ['a', 'b'] })).toBe(
    'search a b\nnameserver 1.1.1.1\noptions edns0\n',
  );
});

test('a plugin is given its part of the list, and of the runtime what it is capable of', () => {
  const network = { name: 'lab', cniVersion: '1.0.0', file: '/x', plugins: [] };
  const ports = { portMappings: [{ hostPort: 1 }] };
  const able = { type: 'portmap', capabilities: { portMappings: true, bandwidth: true } };
  expect(JSON.parse(configOf(network, able, ports))).toEqual({
    type: 'portmap',
    name: 'lab',
    cniVersion: '1.0.0',
    runtimeConfig: ports,
  });
  expect(JSON.parse(configOf(network, { type: 'bridge' }, ports))).toEqual({
    type: 'bridge',
    name: 'lab',
    cniVersion: '1.0.0',
  });
});

test('IPv6 routes are those that lead somewhere', () => {
  const zero = '0'.repeat(32);
  const row = (to: string, bits: string, via: string, flags: string, name: string): string =>
    `${to} ${bits} ${zero} 00 ${via} 00000400 00000001 00000000 ${flags} ${name.padStart(8)}`;
  const [net, gateway] = ['fd00000000010000'.padEnd(32, '0'), 'fd00000000010000'.padEnd(31, '0')];
  const text = [
    row(net, '40', zero, '00000001', 'eth0'),
    row('fe80'.padEnd(32, '0'), '40', zero, '00000001', 'eth0'),
    row(zero, '00', `${gateway}1`, '00000003', 'eth0'),
    row(`${gateway}2`, '80', zero, '80200001', 'eth0'),
    row(net, '80', zero, '80300001', 'eth0'),
    row('ff00'.padEnd(32, '0'), '08', zero, '00000001', 'eth0'),
    row(zero, '00', zero, '00200200', 'lo'),
    '',
  ].join('\n');
  expect(parseRoutes6(text)).toEqual([
    { destination: 'fd00:0:1::/64', gateway: '', interface: 'eth0' },
    { destination: 'default', gateway: 'fd00:0:1::1', interface: 'eth0' },
  ]);
});
