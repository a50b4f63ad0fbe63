/** What a person, a program and a browser are shown of facts. */
import { expect, test } from 'vitest';
import { differences } from '../../src/inspect/compare.ts';
import type { Facts } from '../../src/inspect/facts.ts';
import { parseLimits } from '../../src/inspect/gather/limits.ts';
import { parseMap } from '../../src/inspect/gather/namespaces.ts';
import { withHostPaths } from '../../src/inspect/gather/root.ts';
import { documentOf } from '../../src/inspect/json.ts';
import { unionOf } from '../../src/inspect/layers.ts';
import { openingsOf } from '../../src/inspect/openings/index.ts';
import { jsonText, plain, xml } from '../../src/inspect/plain.ts';
import { asSvg } from '../../src/inspect/svg.ts';
import { asText, type Paper } from '../../src/inspect/text.ts';
import { asRoot, closed, hostile, mount, mounting, sharing, withStatus } from './recorded.ts';

const paper: Paper = { width: 80, cut: false, color: false, all: false };
const text = (facts: Facts, changed: Partial<Paper> = {}): string =>
  asText(facts, openingsOf(facts), { ...paper, ...changed });

const strange: Facts = {
  ...mounting(
    sharing(withStatus(asRoot(closed), { name: hostile, effective: (1n << 41n) - 1n }), 'pid'),
    mount(`/${hostile}`, 'ext4', { host: `/etc/${hostile}` }),
  ),
  command: hostile,
  called: hostile,
  cwd: { path: hostile, outside: true },
  descriptors: {
    count: 1,
    seen: [{ fd: 3, target: `/${hostile}`, kind: 'file', writable: true, outside: 'host' }],
  },
  unseen: [{ what: hostile, why: hostile }],
};

test('where nothing is unusual each section is a line', () => {
  expect(text(closed)).toBe(
    `PID 4711: /bin/web --port 8080; it has run for 3m12s

NAMESPACES    its own: cgroup ipc mnt net pid user uts; PID 1's: time
USER          0:0 inside, 100000:100000 outside
              users 0-65535 are 100000-165535
              groups 0-65535 are 100000-165535
GROUP         /web (v2): memory 12 MiB of 64 MiB; cpu 0.5 CPUs; pids 2 of 100
ROOT          overlay of 2 layers, read-only, 14 mounts, 6 masked, 4 read-only
              in /proc and /sys
CAPABILITIES  none; no_new_privs
FILTER        1 filter
LABEL         the kernel has neither AppArmor nor SELinux enabled
LIMITS        PID 1's
DESCRIPTORS   3

WEIGHT        0: closed
`,
  );
});

test('an opening is told with its weight, what an attacker does, and how to close it', () => {
  const shown = text(sharing(closed, 'net'));
  expect(shown).toContain(`           8  PID 1's network namespace
              An attacker reaches services that listen on loopback and on
              abstract sockets (CVE-2020-15257).
              Close it: ns-enter --new net --loopback
`);
  expect(shown).toMatch(/\nWEIGHT {8}8 in 1 opening: tight\n$/);
});

test.for([60, 80, 200])('at %i columns no line is longer, and all of it is there', (width) => {
  const shown = text(strange, { width, all: true, cut: true });
  expect(Math.max(...shown.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(width);
  for (const { what } of openingsOf(strange))
    expect(shown.replace(/\s+/g, ' ')).toContain(what.split(' ')[0]);
});

test('many openings of one section are summed up, unless all are asked for', () => {
  expect(text(strange)).toMatch(/and \d+ lighter ones, \d+ together \(--all\)/);
  expect(text(strange, { all: true })).not.toContain('lighter ones');
});

test('colour is there for who wants it alone', () => {
  expect(text(strange)).not.toContain('\x1b');
  expect(text(closed, { color: true })).toContain('\x1b[1m');
});

const commands = /[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\udc80-\udcff]/u;

test('names of strangers command no terminal, on the screen, in JSON and in a picture', () => {
  const openings = openingsOf(strange);
  for (const shown of [
    text(strange),
    text(strange, { all: true }),
    jsonText(documentOf(strange, openings)),
    asSvg(strange, openings),
  ])
    expect(shown).not.toMatch(commands);
  expect(plain(hostile)).toBe('\\x1b]0;x\\x07\\x9b31m<b a="1">&\'\\x9b\\u202e\\x0a');
  expect(xml(hostile)).toBe('\\x1b]0;x\\x07\\x9b31m&lt;b a=&quot;1&quot;&gt;&amp;&#39;\\x9b\\u202e\\x0a');
  expect(JSON.parse(jsonText({ hostile }))).toEqual({ hostile });
});

test('the picture has a gap and an arrow for each opening, and its text is escaped', () => {
  const facts = sharing(closed, 'net', 'ipc');
  const picture = asSvg(facts, openingsOf(facts));
  expect(picture.match(/data-opening="/g)).toHaveLength(2);
  expect(picture).toContain('data-ring="namespaces"');
  expect(picture).toContain('prefers-color-scheme: dark');
  // Each of the two interrupts the wall once.
  const wall = /data-ring="namespaces">\n.*\n<path class="wall" d="([^"]*)"/.exec(picture)![1]!;
  expect(wall.match(/M/g)).toHaveLength(3);
  expect(asSvg(closed, []).match(/data-opening="/g)).toBeNull();
  expect(asSvg(strange, openingsOf(strange))).not.toContain('<b a=');
});

test('the JSON has names of the specification, layers, and the weight', () => {
  const document = JSON.parse(jsonText(documentOf(withStatus(closed, { effective: 1n << 21n }), []))) as {
    capabilities: { effective: string[] };
    root: { mounts: { mountPoint: string; masks?: boolean; union?: { layers: string[] } }[] };
    weight: number;
  };
  expect(document.capabilities.effective).toEqual(['CAP_SYS_ADMIN']);
  expect(document.root.mounts.find((m) => m.mountPoint === '/')!.union).toEqual({
    layers: ['/l/b:x', '/l/a'],
    upper: '/u',
  });
  expect(document.root.mounts.find((m) => m.mountPoint === '/proc/kcore')!.masks).toBe(true);
  expect(document.weight).toBe(0);
});

test('two processes are compared by all that stays the same while they run', () => {
  const more = closed.group!.report.lines.map((l) => (l.name === 'memory' ? { ...l, use: 1 } : l));
  const busier = { ...closed, group: { ...closed.group!, report: { ...closed.group!.report, lines: more } } };
  expect(differences(closed, busier)).toEqual([]);
  const rows = differences(closed, withStatus(sharing(closed, 'net'), { effective: 1n << 13n }));
  expect(rows.map(({ what }) => what)).toEqual(['net namespace', 'effective', 'open of one alone', 'weight']);
  expect(rows[1]).toEqual({ what: 'effective', a: 'none', b: 'net_raw' });
});

test('what the kernel writes is read', () => {
  expect(parseMap('         0     100000      65536\n')).toEqual([
    { inside: 0, outside: 100000, count: 65536 },
  ]);
  expect(
    parseLimits(
      'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \nMax nice priority         0                    0                    \n',
    ),
  ).toEqual([
    { type: 'RLIMIT_NOFILE', soft: '1024', hard: '524288' },
    { type: 'RLIMIT_NICE', soft: '0', hard: '0' },
  ]);
  const own = [mount('/', 'ext4', { device: '8:1' }), mount('/srv', 'ext4', { device: '8:2', root: '/sub' })];
  const [one, two, three] = withHostPaths(
    [
      mount('/a', 'ext4', { device: '8:1', root: '/etc' }),
      mount('/b', 'ext4', { device: '8:2', root: '/sub/x' }),
      mount('/c', 'tmpfs', { device: '0:99' }),
    ],
    own,
  );
  expect([one!.host, two!.host, three!.host]).toEqual(['/etc', '/srv/x', undefined]);
  expect(
    unionOf(mount('/', 'overlay', { superOptions: ['lowerdir+=/a', 'lowerdir+=/b\\054c'] }))!.layers,
  ).toEqual(['/a', '/b,c']);
});
