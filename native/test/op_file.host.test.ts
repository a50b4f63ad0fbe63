import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launcher, plan, slot, template, work } from './launcher.ts';
import { here, inside, op, sh } from './ops.ts';

const at = (name: string): string => join(work, name);
const mode = (name: string): string => (lstatSync(at(name)).mode & 0o7777).toString(8);

test('directories, files and FIFOs have the mode of the plan, whatever the umask', () => {
  const { stderr, status } = inside(
    [
      op('mkdir', { path: at('one'), mode: 0o1777 }),
      op('mkdirs', { path: at('two/three/four'), mode: 0o711 }),
      op('mkdirs', { path: at('two/three'), mode: 0o700 }),
      op('mkfifo', { path: at('fifo'), mode: 0o622 }),
      op('write_file', { path: at('two/file'), data: Buffer.from('a\0b'), mode: 0o644 }),
      op('write_file', { path: at('two/file'), data: 'again', mode: 0o640 }),
      op('chown', { path: at('one'), uid: 7, gid: -1 }),
      op('rename', { from: at('fifo'), to: at('fifo2') }),
    ],
    '--mount',
    'umask 077',
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect([mode('one'), mode('two'), mode('two/three/four'), mode('fifo2'), mode('two/file')]).toEqual([
    '1777',
    '711',
    '711',
    '622',
    '640',
  ]);
  expect([lstatSync(at('one')).uid, lstatSync(at('one')).gid]).toEqual([7, 0]);
  expect(readFileSync(at('two/file'), 'utf8')).toBe('again');
  expect(readdirSync(at('two'))).toEqual(['file', 'three']);
});

test('mkdirs over a file is a failure', () => {
  writeFileSync(at('plain'), '');
  expect(here([op('mkdirs', { path: at('plain'), mode: 0o755 })]).stderr).toMatch(/Not a directory/i);
  expect(here([op('mkdirs', { path: at('plain/below'), mode: 0o755 })]).stderr).toMatch(/Not a directory/i);
});

test('open, write_fd, read_file and mkdtemp fill slots', () => {
  writeFileSync(at('text'), 'two\nlines\n');
  const { stdout } = here([
    op('open', { path: at('opened'), flags: 0o101, mode: 0o600, fd: slot('fd') }),
    op('write_fd', { fd: slot('fd'), data: 'through a descriptor' }),
    op('close', { fd: slot('fd') }),
    op('close', { fd: -1 }),
    op('read_file', { path: at('text'), text: slot('text') }),
    op('mkdtemp', { prefix: at('tmp.'), path: slot('tmp') }),
    op('print', { fd: 1, text: template`<${slot('text')}> ${slot('tmp')}` }),
  ]);
  expect(readFileSync(at('opened'), 'utf8')).toBe('through a descriptor');
  const [text, tmp] = [stdout.slice(0, 11), stdout.trim().split(' ')[1]!];
  expect(text).toBe('<two\nlines>');
  expect(lstatSync(tmp).mode & 0o777).toBe(0o700);
});

test('write wants an existing file', () => {
  expect(here([op('write', { path: at('not-there'), data: 'x' })]).stderr).toMatch(/No such file/);
  expect(existsSync(at('not-there'))).toBe(false);
});

test('proc_write reaches the real procfs, whatever lies over /proc', () => {
  const { stdout, stderr, status } = inside(
    [
      op('proc_write', { path: 'sys/kernel/hostname', data: 'written' }),
      sh('uname -n; cat /proc/sys/kernel/hostname'),
    ],
    '--mount --uts',
    'mkdir -p /tmp/x && mount -t tmpfs fake /proc && mkdir -p /proc/sys/kernel && echo fake >/proc/sys/kernel/hostname',
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toBe('written\nfake\n');
});

test('proc_write leaves procfs by no path', () => {
  for (const path of ['../etc/hostname', 'self/root/etc/hostname', 'self/cwd/x'])
    expect(here([op('proc_write', { path, data: 'x' })]).status).toBe(125);
});

test('remove_tree removes links and not what they point at', () => {
  mkdirSync(at('tree/deep/er'), { recursive: true });
  mkdirSync(at('kept'));
  writeFileSync(at('kept/file'), '');
  symlinkSync(at('kept'), at('tree/deep/link'));
  writeFileSync(at('tree/deep/er/f'), '');
  const { stderr, status } = here([
    op('remove', { path: at('tree/'), what: 'tree' }),
    op('remove', { path: at('tree'), what: 'tree' }),
    op('remove', { path: at('no/where'), what: 'tree' }),
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(existsSync(at('tree'))).toBe(false);
  expect(existsSync(at('kept/file'))).toBe(true);
});

test.each(['tmpfs', 'bind'])('remove_tree stops at a mount (%s)', (kind) => {
  mkdirSync(at('m/on'), { recursive: true });
  mkdirSync(at('precious'), { recursive: true });
  writeFileSync(at('precious/file'), '');
  const before =
    kind === 'bind'
      ? `mount --bind ${at('precious')} ${at('m/on')}`
      : `mount -t tmpfs x ${at('m/on')} && touch ${at('m/on/file')}`;
  const { stdout, stderr } = inside(
    [op('remove', { path: at('m'), what: 'tree' }), sh('true')],
    '--mount',
    `${before} && "$L" --plan "$P"; ls ${at('m/on')}; exit`,
  );
  expect(stdout).toBe('file\n');
  expect(stderr).toMatch(/m\/on is a mount point/);
  expect(existsSync(at('precious/file'))).toBe(true);
});

test('rmdir and unlink', () => {
  mkdirSync(at('gone'));
  writeFileSync(at('gone-file'), '');
  const { status } = here([
    op('remove', { path: at('gone'), what: 'directory' }),
    op('remove', { path: at('gone'), what: 'directory' }),
    op('remove', { path: at('gone-file') }),
  ]);
  expect(status).toBe(0);
  expect(here([op('remove', { path: at('gone-file') })]).stderr).toMatch(/No such file/);
});

test('lock waits for who has the lock', async () => {
  writeFileSync(at('lock'), '');
  const holder = spawn('flock', [at('lock'), 'sh', '-c', 'echo held; sleep 0.4; echo released'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const started = Date.now();
  const { status } = here([
    op('open', { path: at('lock'), flags: 0, mode: 0, fd: slot('fd') }),
    op('lock', { fd: slot('fd') }),
  ]);
  expect(status).toBe(0);
  expect(Date.now() - started).toBeGreaterThan(200);
});

/** Receive one message with descriptors, and say what they are. */
const receiver = `
import array, socket, sys, os
s = socket.socket(socket.AF_UNIX); os.chdir(os.path.dirname(sys.argv[1])); s.bind(os.path.basename(sys.argv[1])); s.listen(); print("ready", flush=True)
c, _ = s.accept()
data, anc, _, _ = c.recvmsg(100, socket.CMSG_LEN(16))
fds = array.array("i")
for _, _, d in anc: fds.frombytes(d)
print(repr(data), [os.readlink("/proc/self/fd/%d" % f) for f in fds])
`;

test.each([
  ['a message', 'sock', 'pty0', "b'pty0'"],
  ['no message', 'sock2', '', "b'\\x00'"],
  ['a path longer than an address', `${'d'.repeat(150)}/sock`, 'x', "b'x'"],
])('send_fds sends descriptors with %s', async (_, name, data, shown) => {
  mkdirSync(join(at(name), '..'), { recursive: true });
  const server = spawn('python3', ['-c', receiver, at(name)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  server.stdout.on('data', (d) => {
    text += d;
  });
  await new Promise((resolve) => server.stdout.once('data', resolve));
  const { status, stderr } = here([
    op('open', { path: '/etc/passwd', flags: 0, mode: 0, fd: slot('a') }),
    op('open', { path: '/etc/group', flags: 0, mode: 0, fd: slot('b') }),
    op('send_fds', { path: at(name), data, fds: [slot('a'), -1, slot('b')] }),
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  await new Promise((resolve) => server.once('close', resolve));
  expect(text).toBe(`ready\n${shown} ['/etc/passwd', '/etc/group']\n`);
});

test('with 0, 1 and 2 closed no descriptor of ours takes their place', () => {
  const path = plan([
    [
      op('open', { path: '/etc/passwd', flags: 0, mode: 0, fd: slot('a') }),
      op('write_file', { path: at('closed'), data: template`${slot('a')}`, mode: 0o600 }),
    ],
  ]);
  spawnClosed(path);
  expect(Number(readFileSync(at('closed'), 'utf8'))).toBeGreaterThan(2);
});

function spawnClosed(path: string): void {
  const { status } = inside([], '--mount', `"${launcher}" --plan "${path}" <&- >&- 2>&-; exit`);
  expect(status).toBe(0);
}

test('file_says fails with what the file says instead', () => {
  const path = at('partition');
  writeFileSync(path, 'root\nmore\n');
  expect(here([op('file_says', { path, text: 'root' }), sh('echo on')]).stdout).toBe('on\n');
  writeFileSync(path, 'root invalid (no CPUs)\n');
  const ended = here([op('file_says', { path, text: 'root' }), sh('echo on')]);
  expect(ended).toMatchObject({ status: 125, stdout: '' });
  expect(ended.stderr).toContain('the kernel says "root invalid (no CPUs)"');
});
