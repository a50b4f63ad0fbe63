/** Flags that nsenter(1) and unshare(1) have too: the same line gives the same answer. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { needs, run, runTool, skip, start, tempDir, until } from '../../../test/support.ts';
import { nsOf, unshared } from './support.ts';

const nobody = { uid: 65534, gid: 65534 };
const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];
const links = kinds.map((kind) => `/proc/self/ns/${kind}`);
const inode = (link: string): number => Number(/\d+/.exec(link)![0]);

beforeEach((context) => needs(context, 'root', 'command:unshare', 'command:nsenter'));

describe('joining, as nsenter', () => {
  test('a rootless container: every kind alone, all together, and by its owner', async () => {
    const pid = await unshared(['-UrnmpuiCf', '--mount-proc'], nobody);
    const user = ['--user', '--preserve-credentials'];
    for (const flags of [
      user,
      [...user, '--net'],
      [...user, '--uts', '--ipc'],
      [...user, '--mount', '--cgroup', '--pid'],
      ['--user', '--net', '--mount', '--pid', '--uts', '--ipc', '--cgroup'],
    ]) {
      const line = [
        '--target',
        String(pid),
        ...flags,
        'sh',
        '-c',
        `readlink ${links.join(' ')}; id -u; id -g`,
      ];
      const theirs = run('nsenter', line);
      expect(theirs.status).toBe(0);
      expect([flags, runTool('ns-enter', line)]).toEqual([flags, theirs]);
    }
    const owner = ['-t', String(pid), '-U', '-n', '--preserve-credentials', 'readlink', ...links];
    expect(runTool('ns-enter', owner, nobody)).toEqual(run('nsenter', owner, nobody));
  });

  test('a time namespace', async () => {
    const pid = await unshared(['-Tf', '--boottime', '86400']);
    const line = [
      '-t',
      String(pid),
      '--time',
      'sh',
      '-c',
      'cut -d. -f1 /proc/uptime | cut -c1-3; readlink /proc/self/ns/time',
    ];
    const ours = runTool('ns-enter', line);
    expect(ours).toEqual(run('nsenter', line));
    expect(ours.stdout).toContain(nsOf(pid, 'time'));
  });

  test('--no-fork leaves the PID namespace to children', async () => {
    const pid = await unshared(['-pf']);
    const line = [
      '-t',
      String(pid),
      '--pid',
      '--no-fork',
      'readlink',
      '/proc/self/ns/pid',
      '/proc/self/ns/pid_for_children',
    ];
    const ours = runTool('ns-enter', line);
    expect(ours).toEqual(run('nsenter', line));
    expect(ours.stdout).toBe(`${nsOf('self', 'pid')}\n${nsOf(pid, 'pid')}\n`);
  });

  test('a user namespace is made within where /proc counts processes otherwise', async () => {
    const pid = await unshared(['-Urpf']);
    const line = ['-t', String(pid), '--user', '--pid', '--preserve-credentials'];
    const theirs = run('nsenter', [...line, 'unshare', '-Ur', 'cat', '/proc/self/uid_map']);
    const ours = runTool('ns-enter', [
      ...line,
      '--',
      'ns-enter',
      '--map-root-user',
      '--',
      'cat',
      '/proc/self/uid_map',
    ]);
    expect(ours).toEqual({ ...theirs, stderr: '' });
    expect(ours.stdout.trim().split(/\s+/)).toEqual(['0', '0', '1']);
    const self = runTool('ns-enter', [...line, '--', 'ns-enter', '--show=self', '--json']);
    expect((JSON.parse(self.stdout) as { command: string }).command).toContain('--show=self');
  });

  test('--wdns and the order of short flags', async () => {
    const pid = await unshared(['-mn']);
    const line = [
      '--wdns=/usr',
      '-n',
      '-m',
      '-t',
      String(pid),
      'sh',
      '-c',
      'pwd; readlink /proc/self/ns/net',
    ];
    expect(runTool('ns-enter', line)).toEqual(run('nsenter', line));
  });

  test('--user-parent: the user namespace that owns the others', async () => {
    const pid = await unshared(['-Urn'], nobody);
    // A network of its own, within a user namespace that owns it.
    const { stdout, stderr } = runTool('ns-enter', [
      ...[
        '-t',
        String(pid),
        '--user-parent',
        '--net',
        '--',
        'readlink',
        '/proc/self/ns/user',
        '/proc/self/ns/net',
      ],
    ]);
    expect([stderr, stdout]).toEqual(['', `${nsOf(pid, 'user')}\n${nsOf(pid, 'net')}\n`]);
  });

  test('--net-socket: the network of a socket, wherever its process is', async (context) => {
    needs(context, 'command:python3');
    const { child, output } = start('python3', [
      '-uc',
      'import ctypes, os, socket, time\nlibc = ctypes.CDLL(None)\nhome = os.open("/proc/self/ns/net", 0)\n' +
        'libc.unshare(0x40000000); s = socket.socket(); print(os.readlink("/proc/self/ns/net"), s.fileno(), home); libc.setns(home, 0); time.sleep(1000)',
    ]);
    await until('it has its socket', () => output().stdout.endsWith('\n'));
    const [net, fd, file] = output().stdout.trim().split(' ');
    const enter = (socket: string) =>
      runTool('ns-enter', [
        '-t',
        String(child.pid),
        '--net-socket',
        socket,
        '--',
        'readlink',
        '/proc/self/ns/net',
      ]);
    expect(enter(fd!)).toMatchObject({ status: 0, stdout: `${net}\n`, stderr: '' });
    expect(enter(file!)).toMatchObject({ status: 125, stderr: expect.stringContaining('socket') });
    expect(enter('1000').stderr).toMatch(/Bad file descriptor/);
  });

  test('PID:INODE is the process whose pidfd has that inode', async (context) => {
    needs(context, 'command:python3');
    const pid = await unshared(['-n']);
    const script = `import os\nfor pid in ${pid}, ${process.pid}: print(os.fstat(os.pidfd_open(pid)).st_ino)`;
    const [number, other] = run('python3', ['-c', script]).stdout.split('\n');
    if (number === other) skip(context, 'pidfds have no inodes of their own before Linux 6.9');
    const enter = (target: string) =>
      runTool('ns-enter', ['-t', target, '-n', '--', 'readlink', '/proc/self/ns/net']);
    expect(enter(`${pid}:${number}`).stdout).toBe(`${nsOf(pid, 'net')}\n`);
    expect(enter(`${pid}:${Number(number) + 1}`).status).toBe(125);
  });
});

describe('creating, as unshare', () => {
  const answer = `id -u; id -g; cat /proc/self/setgroups; ${'grep -E "^(Uid|Gid|Cap)" /proc/self/status'}`;

  test.each([['--map-user 7 --map-group 8', nobody]])('%s', (flags, ids) => {
    const line = [...flags.split(' '), 'sh', '-c', answer];
    const theirs = run('unshare', line, ids);
    expect(theirs.status, theirs.stderr).toBe(0);
    expect(runTool('ns-enter', line, ids)).toEqual(theirs);
  });

  test('--setgroups says whether groups can be changed inside', () => {
    const look = (...flags: string[]) =>
      runTool('ns-enter', [...flags, '--', 'cat', '/proc/self/setgroups'], {});
    const everybody = ['--map-users', 'all', '--map-groups', 'all'];
    expect(look(...everybody, '--setgroups', 'deny').stdout).toBe('deny\n');
    expect(look(...everybody).stdout).toBe('allow\n');
  });

  test('--map-users all maps every ID that the caller has', () => {
    const { stdout } = runTool('ns-enter', [
      '--map-users',
      'all',
      '--map-groups',
      'all',
      '--',
      'cat',
      '/proc/self/uid_map',
    ]);
    expect(stdout.trim().split(/\s+/)).toEqual(
      readFileSync('/proc/self/uid_map', 'utf8')
        .trim()
        .split(/\s+/)
        .map((n, i) => (i % 3 === 1 ? String(Number(n) - 0) : n)),
    );
  });

  test.each([
    ['private', '', ''],
    ['slave', '', 'master:'],
    ['shared', 'shared:', ''],
    ['unchanged', 'shared:', ''],
  ])('--propagation %s', (how, has, master) => {
    const dir = tempDir('propagation');
    // A shared mount of the test's own, in a mount namespace of its own.
    const script = (tool: string): string =>
      `mount -t tmpfs none ${dir} && mount --make-shared ${dir} && ${tool} --propagation ${how} sh -c 'grep " ${dir} " /proc/self/mountinfo | cut -d" " -f7'`;
    const theirs = run('unshare', ['-m', 'sh', '-c', script('unshare -m')]);
    const ours = run('unshare', ['-m', 'sh', '-c', script('ns-enter --new mount')]);
    const kind = (text: string): string => text.replace(/\d+/, '');
    expect(kind(ours.stdout)).toBe(kind(theirs.stdout));
    expect(kind(ours.stdout).trim()).toBe(has || master || '-');
  });

  test('--fork keeps a parent, and a signal reaches the command', async () => {
    for (const flag of ['--fork', '--forward-signals']) {
      const { child, ended, output } = start('ns-enter', [
        ...[
          '--new',
          'uts',
          flag,
          '--',
          'sh',
          '-c',
          'trap "echo got it; exit 5" TERM; echo ready; while :; do sleep 0.01; done',
        ],
      ]);
      await until('it is ready', () => output().stdout.includes('ready'));
      expect(nsOf(child.pid!, 'uts')).toBe(nsOf('self', 'uts'));
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ status: 5, stdout: 'ready\ngot it\n' });
    }
  });

  test('--pin holds the PID and time namespaces that are for children', () => {
    const pins = join(tempDir('pins'), 'both');
    const made = runTool('ns-enter', [
      ...[
        '--new',
        'pid,time',
        '--boottime',
        '1000',
        '--pin',
        pins,
        '--',
        'readlink',
        '/proc/self/ns/pid',
        '/proc/self/ns/time',
      ],
    ]);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const [pid, time] = made.stdout.trim().split('\n');
    try {
      const stat = (name: string): string => run('stat', ['-c', '%i', join(pins, name)]).stdout.trim();
      expect([Number(stat('pid')), Number(stat('time'))]).toEqual([inode(pid!), inode(time!)]);
      expect(runTool('ns-enter', ['-t', pins, '--time', '--', 'readlink', '/proc/self/ns/time']).stdout).toBe(
        `${time}\n`,
      );
      // Nothing is born where the first process has ended (pid_namespaces(7)).
      const late = runTool('ns-enter', ['-t', pins, '--pid', '--', 'true']);
      expect(late).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('no first process any more'),
      });
    } finally {
      expect(runTool('ns-enter', ['--unpin', pins])).toMatchObject({ status: 0, stderr: '' });
    }
  });

  test('a PID namespace that is pinned while it lives is joined', async () => {
    const pins = join(tempDir('pins'), 'alive');
    const { child, ended, output } = start('ns-enter', [
      ...['--new', 'pid', '--kill-child', '--pin', pins, '--', 'sh', '-c', 'echo ready; exec sleep 1000'],
    ]);
    try {
      await until('it is ready', () => output().stdout.includes('ready'));
      const { stdout } = runTool('ns-enter', ['-t', pins, '--pid', '--', 'readlink', '/proc/self/ns/pid']);
      expect(inode(stdout)).toBe(Number(run('stat', ['-c', '%i', join(pins, 'pid')]).stdout));
    } finally {
      child.kill('SIGKILL');
      await ended;
      expect(runTool('ns-enter', ['--unpin', pins])).toMatchObject({ status: 0, stderr: '' });
    }
  });
});

describe('--show as a tree', () => {
  interface Node {
    ns: number;
    pid: number;
    children?: Node[];
  }
  const find = (nodes: readonly Node[], test: (node: Node) => boolean): Node | undefined =>
    nodes
      .map((node) => (test(node) ? node : find(node.children ?? [], test)))
      .find((node) => node !== undefined);
  const tree = (how: string, type: string): Node[] =>
    (
      JSON.parse(
        runTool('ns-enter', ['--show', `--tree=${how}`, '--type', type, '--json', '-o', 'NS,PID']).stdout,
      ) as {
        namespaces: Node[];
      }
    ).namespaces;

  test.each(['pid', 'user'])('of %s namespaces by their parents', async (type) => {
    const outer = await unshared(['-Urpf']);
    const { child, output } = start('ns-enter', [
      ...['-t', String(outer), '--user', '--pid', '--new', 'mount', '--mount-proc', '--'],
      ...['ns-enter', '--new', 'user,pid', '--map-root-user'],
      ...['--', 'sh', '-c', `readlink /proc/self/ns/${type}; exec sleep 1000`],
    ]);
    await until('the inner one is ready', () => output().stdout.includes('\n'));
    const above = find(tree('parent', type), (node) => node.ns === inode(nsOf(outer, type)));
    expect(above?.children?.map(({ ns }) => ns)).toContain(inode(output().stdout));
    child.kill('SIGKILL');
  });

  test('of processes by theirs', async () => {
    const pid = await unshared(['-pf', '--mount-proc']);
    const { child } = start('ns-enter', ['-t', String(pid), '--pid', '--', 'sh', '-c', 'sleep 1000 & wait']);
    await until('it runs', () =>
      tree('process', 'pid').some((n) => n.ns === inode(nsOf(pid, 'pid')) && n.children),
    );
    const shell = tree('process', 'pid').find((n) => n.ns === inode(nsOf(pid, 'pid')) && n.children);
    expect(shell?.children).toHaveLength(1);
    child.kill('SIGTERM');
  });
});

describe('bad input', () => {
  const refused = (line: readonly string[], ids = {}): string => {
    const { status, stderr } = runTool('ns-enter', line, ids);
    expect([status, stderr.trimEnd().includes('\n')]).toEqual([125, false]);
    return stderr;
  };

  test('a map that overlaps, or exceeds /etc/subuid', () => {
    expect(refused(['--map-users', '0:0:10', '--map-users', '5:100:10', '--', 'true'])).toMatch(
      /maps 0:0:10 and 5:100:10 overlap inside the namespace/,
    );
    expect(refused(['--map-users', '0:0:10', '--', 'true'], nobody)).toMatch(
      /0 to 9 is not yours by \/etc\/subuid/,
    );
  });

  test('a kind that the kernel lacks', () => {
    const path = join(tempDir('lacks'), 'lacks.json');
    const refusal = { names: ['unshare'], action: 'SCMP_ACT_ERRNO', errnoRet: 22 };
    writeFileSync(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refusal] }));
    const ended = runTool('seccomp-load', [path, '--', 'env', 'ns-enter', '--new', 'time', '--', 'true']);
    expect(ended).toMatchObject({
      status: 125,
      stderr:
        'ns-enter: make a new time namespace: Invalid argument; this kernel has no time namespaces; ls /proc/self/ns shows those that it has\n',
    });
  });

  test('a process that ends between the look and the joining', async () => {
    // The plan is made and stored while the process lives, and carried out when it has ended.
    const pid = await unshared(['-n']);
    const plan = runTool('ns-enter', ['-t', String(pid), '-n', '--plan', '--', 'true']).stdout;
    const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    expect(plan).toMatch(new RegExp(`same_process pid=${pid} ticks=${ticks}\\b`));
  });
});

test('the help says what joining does not give, and points to ctr-run exec', () => {
  const { stdout } = runTool('ns-enter', ['--help']);
  const text = stdout.replace(/\s+/g, ' ');
  expect(text).toMatch(
    /nothing else of a container: not its cgroup limits .*capabilities, seccomp filter or security label/,
  );
  expect(text).toContain('`ctr-run exec` gives');
});
