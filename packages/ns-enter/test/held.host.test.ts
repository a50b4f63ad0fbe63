/** Namespaces that no process is in, and who keeps them; and processes of other sandboxes. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { killOne, needs, run, runShell, runTool, start, tempDir, until } from '../../../test/support.ts';
import { nsOf, unshared } from './support.ts';

interface Shown {
  namespaces: {
    ns: number;
    type: string;
    nprocs: number;
    netnsid: number | string | null;
    held: Record<string, unknown>[];
  }[];
}

const show = (...flags: string[]): Shown['namespaces'] =>
  (JSON.parse(runTool('ns-enter', ['--show', '--json', ...flags]).stdout) as Shown).namespaces;
const inode = (link: string): number => Number(/\d+/.exec(link)![0]);

/** A Python program that says a line and then waits. */
async function python(script: string): Promise<{ pid: number; said: string }> {
  const { child, output } = start('python3', ['-u', '-c', script]);
  await until('it has said its line', () => /\n/.test(output().stdout) || output().stderr !== '');
  expect(output().stderr).toBe('');
  return { pid: child.pid!, said: output().stdout.trim() };
}

const libc = 'import ctypes, os, socket, threading, time\nlibc = ctypes.CDLL(None, use_errno=True)\n';

describe('--show finds a namespace without processes', () => {
  test('held by a bind mount alone', (context) => {
    needs(context, 'root', 'command:unshare');
    const dir = tempDir('ns-pins');
    const pinned = runTool('ns-enter', [
      '--new',
      'net,uts',
      '--pin',
      dir,
      '--',
      'readlink',
      '/proc/self/ns/net',
      '/proc/self/ns/uts',
    ]);
    try {
      const [net, uts] = pinned.stdout.trim().split('\n').map(inode);
      for (const [type, ns] of [
        ['net', net],
        ['uts', uts],
      ] as const)
        expect(show('--type', type).find((n) => n.ns === ns)).toMatchObject({
          nprocs: 0,
          held: expect.arrayContaining([expect.objectContaining({ by: 'mount', path: `${dir}/${type}` })]),
        });
    } finally {
      runTool('ns-enter', ['--unpin', dir]);
    }
  });

  test('held by a descriptor that was opened through a file unmounted since, and says so', (context) => {
    needs(context, 'root', 'command:unshare');
    const dir = tempDir('ns-gone');
    const said = run('unshare', [
      '--mount',
      'sh',
      '-ec',
      'cd "$1"; : >n; unshare --net=n true; i=$(stat -c %i n); echo $i; ns-enter --show "net:[$i]"; exec 7<n; umount -l n; readlink /proc/$$/fd/7; echo $$; (exec 7<&-; ns-enter --show "net:[$i]"; ns-enter --show $i --json)',
      'sh',
      dir,
    ]);
    expect(said).toMatchObject({ status: 0, stderr: '' });
    const [ns, bound, link, pid, gone, ...json] = said.stdout.split('\n');
    expect(bound).toBe(`net:[${ns}] has no process; it is held by mount ${dir}/n`);
    expect(link).toBe('/');
    expect(gone).toBe(`net:[${ns}] has no process; it is held by descriptor 7 of ${pid}`);
    expect(JSON.parse(json.join('\n'))).toMatchObject({
      ns: Number(ns),
      processes: [],
      held: [{ by: 'descriptor', fd: 7 }],
    });
  });

  test('held by a descriptor alone', async (context) => {
    needs(context, 'root', 'command:python3');
    const { pid, said } = await python(`${libc}
home = os.open('/proc/self/ns/ipc', os.O_RDONLY)
libc.unshare(0x08000000); kept = os.open('/proc/self/ns/ipc', os.O_RDONLY)
line = os.readlink('/proc/self/ns/ipc'); libc.setns(home, 0); print(line, kept); time.sleep(1000)`);
    const [link, fd] = said.split(' ');
    expect(show('--type', 'ipc').find((n) => n.ns === inode(link!))).toMatchObject({
      nprocs: 0,
      held: [{ by: 'descriptor', pid, fd: Number(fd) }],
    });
  });

  test('held by a socket alone', async (context) => {
    needs(context, 'root', 'command:python3');
    const { pid, said } = await python(`${libc}
home = os.open('/proc/self/ns/net', os.O_RDONLY)
libc.unshare(0x40000000); kept = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line = os.readlink('/proc/self/ns/net'); libc.setns(home, 0); print(line, kept.fileno()); time.sleep(1000)`);
    const [link, fd] = said.split(' ');
    expect(show('--type', 'net').find((n) => n.ns === inode(link!))).toMatchObject({
      nprocs: 0,
      held: [{ by: 'socket', pid, fd: Number(fd) }],
    });
  });

  test('entered by a thread alone', async (context) => {
    needs(context, 'root', 'command:python3');
    const { pid, said } = await python(`${libc}
def other():
    libc.unshare(0x04000000); print(os.readlink('/proc/thread-self/ns/uts'), threading.get_native_id()); time.sleep(1000)
threading.Thread(target=other).start(); time.sleep(1000)`);
    const [link, tid] = said.split(' ');
    expect(show('--type', 'uts').find((n) => n.ns === inode(link!))).toMatchObject({
      nprocs: 0,
      held: [{ by: 'thread', pid, tid: Number(tid) }],
    });
  });
});

test('columns of lsns: NETNSID as lsns and ip have it', async (context) => {
  needs(context, 'root', 'command:lsns', 'command:unshare');
  const pid = await unshared(['-n']);
  const theirs = JSON.parse(run('lsns', ['-J', '-t', 'net', '-o', 'NS,NETNSID']).stdout) as {
    namespaces: { ns: number; netnsid: string | null }[];
  };
  const ours = show('--type', 'net', '-o', 'NS,NETNSID');
  const of = (list: { ns: number; netnsid: unknown }[]): unknown =>
    list.find((n) => n.ns === inode(nsOf(pid, 'net')))?.netnsid;
  expect(of(ours)).toBe('unassigned');
  expect(String(of(ours))).toBe(String(of(theirs.namespaces)));
});

test('a number is shown once the network has given one', (context) => {
  needs(context, 'root', 'command:ip', 'command:unshare');
  // In a network of our own, which numbers another one.
  const script = [
    'unshare -n sleep 1000 & other=$!',
    'while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done',
    'mount -t tmpfs tmpfs /run; ip netns attach other $other; ip netns set other 7',
    'readlink /proc/$other/ns/net; ns-enter --show --raw --noheadings --type net -o NS,NETNSID; kill $other',
  ].join('\n');
  const { stdout } = run('unshare', ['-nm', 'sh', '-c', script]);
  expect(stdout).toMatch(new RegExp(`^${inode(stdout.split('\n')[0]!)} 7$`, 'm'));
});

describe('--show of one namespace', () => {
  test('lists its processes', async (context) => {
    needs(context, 'root', 'command:unshare');
    const pid = await unshared(['-u']);
    const link = nsOf(pid, 'uts');
    expect(runTool('ns-enter', ['--show', link, '--noheadings', '-o', 'PID,COMMAND', '--raw']).stdout).toBe(
      `${pid} sleep\\x201000\n`,
    );
    expect(run('lsns', ['-n', '-r', '-o', 'PID', link.replace(/\D/g, '')]).stdout).toBe(`${pid}\n`);
    expect(JSON.parse(runTool('ns-enter', ['--show', link, '--json']).stdout)).toMatchObject({
      type: 'uts',
      processes: [{ pid, command: 'sleep 1000' }],
    });
  });

  test('that is not there is said to be so', () => {
    expect(runTool('ns-enter', ['--show', 'net:[1]'])).toMatchObject({
      status: 125,
      stderr: 'ns-enter: --show net:[1]: there is no such namespace\n',
    });
  });
});

test("a browser's sandbox: a user namespace within one, and an empty network", async (context) => {
  needs(context, 'root', 'command:bwrap');
  const { child, output } = start('bwrap', [
    ...[
      '--unshare-user',
      '--unshare-pid',
      '--unshare-net',
      '--unshare-ipc',
      '--ro-bind',
      '/',
      '/',
      '--proc',
      '/proc',
    ],
    ...['--', 'unshare', '--user', '--pid', '--kill-child', 'sh', '-c', 'echo ready; exec sleep 1000'],
  ]);
  await until('the sandbox is ready', () => output().stdout.includes('ready') || output().stderr !== '');
  expect(output().stderr).toBe('');
  let pid = child.pid!;
  const below = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  for (let next = below(); next !== ''; next = below()) pid = Number(next.split(' ')[0]);
  const shown = JSON.parse(runTool('ns-enter', ['--show', String(pid), '--json']).stdout) as {
    command: string;
    namespaces: { type: string; whose: string; pns: number | null }[];
  };
  expect(shown.command).toBe('sleep 1000');
  const whose = Object.fromEntries(shown.namespaces.map(({ type, whose }) => [type, whose]));
  expect(whose).toMatchObject({ user: 'own', pid: 'own', net: 'own', ipc: 'own', mnt: 'own', time: 'host' });
  // Its parent is the outer sandbox's user namespace, which is not the host's either.
  const user = shown.namespaces.find(({ type }) => type === 'user');
  expect(user?.pns).not.toBe(inode(nsOf('self', 'user')));
  const text = runShell(`ns-enter --show ${pid}`).stdout;
  expect(text).toMatch(/user +\d+ +own/);
  killOne(pid);
});
