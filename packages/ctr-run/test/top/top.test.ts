/** What top makes of paths and of what was read. */
import { gauge, spark } from '@ctr-tools/cli';
import { fitted, keysIn } from '@ctr-tools/cli/screen';
import { expect, test } from 'vitest';
import { namedBy, shortened } from '../../src/top/names.ts';
import { type Row, sorted, tableLines, worst } from '../../src/top/table.ts';

const id = 'ab'.repeat(32);

test.each([
  [`/docker/${id}`, 'docker', id],
  [`/system.slice/docker-${id}.scope`, 'docker', id],
  [`/docker/${'0'.repeat(64)}/docker/${id}`, 'docker', id],
  [`/machine.slice/libpod-${id}.scope`, 'podman', id],
  [`/libpod_parent/libpod-${id}`, 'podman', id],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${id}.scope`,
    'kubernetes',
    id,
  ],
  [`/kubepods/besteffort/pod0f/${id}`, 'kubernetes', id],
  [`/kubepods.slice/kubepods-pod1.slice/crio-${id}.scope`, 'kubernetes', id],
  [`/system.slice/nerdctl-${id}.scope`, 'containerd', id],
  ['/default/redis', 'containerd', 'redis'],
  ['/lxc.payload.web', 'lxc', 'web'],
  ['/machine.slice/machine-qemu\\x2d1\\x2dvm.scope', 'machine', 'qemu-1-vm'],
  ['/machine.slice/systemd-nspawn@deb.service', 'machine', 'deb'],
  ['/system.slice/runc-web.scope', 'runtime', 'web'],
  ['/system.slice/run-u12.scope', 'systemd', 'run-u12'],
])('%s is a container', (path, maker, called) => {
  expect(namedBy(path)).toEqual({ maker, id: called });
});

test.each([
  '/',
  '/init.scope',
  '/system.slice',
  '/system.slice/ssh.service',
  '/user.slice/user-0.slice/session-4.scope',
  `/machine.slice/libpod-conmon-${id}.scope`,
  `/machine.slice/libpod-${id}.scope/container`,
  `/docker/${id}/init`,
  `/docker/${id.slice(1)}`,
])('%s is none', (path) => {
  expect(namedBy(path)).toBeUndefined();
});

test('an ID of 64 digits is shown as engines show it, a name whole', () => {
  expect([shortened(id), shortened('web')]).toEqual(['abababababab', 'web']);
});

const row = (name: string, rest: Partial<Row>): Row => ({
  name,
  maker: 'docker',
  group: `/docker/${name}`,
  tasks: 1,
  pressure: {},
  frozen: false,
  ...rest,
});

const rows: readonly Row[] = [
  row('a', { cpu: 0.5, memory: 2 << 20, memoryLimit: 4 << 20, pressure: { cpu: 0.1, io: 0.4 }, io: 0 }),
  row('b', { cpu: 1.5, memory: 9 << 20, tasks: 7, io: 3 << 20 }),
  row('\x1b]0;x\x07c', { frozen: true, cpu: 0, pressure: { memory: 0.2 } }),
];

test('rows are sorted by the largest, and by name', () => {
  const by = (key: Parameters<typeof sorted>[1]) => sorted(rows, key).map(({ name }) => name.at(-1));
  expect(by('cpu')).toEqual(['b', 'a', 'c']);
  expect(by('memory')).toEqual(['b', 'a', 'c']);
  expect(by('pressure')).toEqual(['a', 'c', 'b']);
  expect(by('tasks')).toEqual(['b', 'c', 'a']);
  expect(by('io')).toEqual(['b', 'c', 'a']);
  expect(by('name')).toEqual(['c', 'a', 'b']);
  expect(worst({ cpu: 0.1, io: 0.4 })).toEqual({ share: 0.4, what: 'io' });
  expect(worst({ cpu: 0 })).toBeUndefined();
});

test('in a file the table is plain, and nothing is cut', () => {
  const text = tableLines(rows, { color: false, past: () => [] }).join('\n');
  expect(text).not.toContain('\x1b');
  expect(text).toContain('\\x1b]0;x\\x07c');
  expect(text.split('\n')[1]).toMatch(/^a +docker +50% +2 MiB +4 MiB +████ +40% io +1 +0$/);
  expect(text.split('\n')[3]).toMatch(/ frozen .*20% memory +1$/);
});

test.each([40, 60, 80, 120, 200])('no line is wider than a terminal of %i columns', (width) => {
  const many = [...rows, row('x'.repeat(200), { memory: 1023 * 2 ** 20, memoryLimit: 2 ** 40, io: 2 ** 33 })];
  const lines = tableLines(many, { width, color: false, chosen: '/docker/b', past: () => [0, 0.5, 2] });
  expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
  expect(lines[2]).toMatch(/^> {2}b/);
  if (width >= 80) expect(lines[0]).toContain('MAKER');
  if (width >= 120) expect(lines[1]).toContain('▁▃█');
});

test('small graphs', () => {
  expect(spark([0, 1, 2, 4], 4)).toBe('▁▃▅█');
  expect(spark([0, 0])).toBe('▁▁');
  expect(gauge(0, 4)).toBe('    ');
  expect(gauge(0.001, 4)).toBe('▏   ');
  expect(gauge(0.5, 4)).toBe('██  ');
  expect(gauge(0.97, 4)).toBe('███▉');
  expect(gauge(7, 4)).toBe('████');
});

test('keys have names, also several in one read, and a sequence that nobody knows is one key', () => {
  expect(keysIn('q')).toEqual(['q']);
  expect(keysIn('\x1b[A\x1bOBx')).toEqual(['up', 'down', 'x']);
  expect(keysIn('\x1b')).toEqual(['escape']);
  expect(keysIn('\x1b[5~\r\x7f\x03')).toEqual(['page up', 'enter', 'backspace', '\x03']);
  expect(keysIn('\x1b[24;5~k')).toEqual(['\x1b[24;5~', 'k']);
  expect(fitted('a\nb\nc\nd\n', 4)).toBe('a\nb\n… 2 more\n');
});
