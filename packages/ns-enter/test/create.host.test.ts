import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, run, runShell, runTool, start, tempDir, until } from '../../../test/support.ts';
import { busyboxRoot, nsOf } from './support.ts';

const nobody = { uid: 65534, gid: 65534 };
const nsEnter = (line: string, ...command: string[]) =>
  runTool('ns-enter', [...line.split(' '), '--', ...command]);
const sh = (line: string, script: string) => nsEnter(line, 'sh', '-c', script);

describe('new namespaces', () => {
  test.for(['mnt', 'net', 'ipc', 'uts', 'cgroup', 'time', 'user'])(
    '%s is made in the same process, and nothing else',
    (kind, context) => {
      needs(context, 'root');
      const { stdout } = sh(
        `--new ${kind}`,
        'for k in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$k; done',
      );
      const seen = Object.fromEntries(
        stdout
          .trim()
          .split('\n')
          .map((line) => [line.split(':')[0]!, line]),
      );
      for (const other of Object.keys(seen))
        expect([other, seen[other] === nsOf('self', other)]).toEqual([other, other !== kind]);
    },
  );

  test('with a PID namespace the command is its first process, and a parent ends as it ended', (context) => {
    needs(context, 'root');
    expect(sh('--new pid', 'echo $$; exit 7')).toMatchObject({ stdout: '1\n', status: 7 });
    expect(sh('--new pid,mount --mount-proc', 'ls /proc | grep -c "^[0-9]*$"').stdout).toMatch(/^[23]\n$/);
  });

  test('a root gets its own /proc, and nothing of the host is left', (context) => {
    needs(context, 'root', 'command:busybox');
    const root = busyboxRoot();
    const { stdout, stderr } = runTool(
      'ns-enter',
      [
        '--new',
        'mount,pid',
        `--root=${root}`,
        '--',
        'sh',
        '-c',
        'pwd; echo $$; ls /; wc -l </proc/self/mountinfo; env | grep -c CTR_ROOTFS',
      ],
      {
        env: { PATH: '/bin', CTR_ROOTFS: root },
      },
    );
    expect([stderr, stdout]).toEqual(['', '/\n1\nbin\ndev\nproc\nsrv\nsys\ntmp\n2\n0\n']);
  });

  test('CTR_ROOTFS is the root where none is given', (context) => {
    needs(context, 'root', 'command:busybox');
    const root = busyboxRoot();
    const { stdout } = runTool('ns-enter', ['--new', 'mount', '--', '/bin/ls', '/'], {
      env: { PATH: '/bin', CTR_ROOTFS: root },
    });
    expect(stdout).toBe('bin\ndev\nproc\nsrv\nsys\ntmp\n');
  });

  test('mounts made inside stay inside, unless shared', (context) => {
    needs(context, 'root');
    const dir = tempDir('ns-mount');
    expect(sh('--new mount', `mount -t tmpfs x ${dir} && touch ${dir}/seen && ls ${dir}`).stdout).toBe(
      'seen\n',
    );
    expect(readdirSync(dir)).toEqual([]);
  });

  test('clocks are shifted before the command begins, in its own process', (context) => {
    needs(context, 'root');
    const { stdout } = sh(
      '--monotonic 86400 --boottime -1.5',
      'cat /proc/self/timens_offsets; readlink /proc/self/ns/time /proc/self/ns/time_for_children',
    );
    const [monotonic, boottime, own, children] = stdout.split('\n');
    expect(monotonic!.split(/\s+/)).toEqual(['monotonic', '86400', '0']);
    expect(boottime!.split(/\s+/)).toEqual(['boottime', '-2', '500000000']);
    expect(own).toBe(children);
    expect(own).not.toBe(nsOf('self', 'time'));
  });

  test('names, lo and parameters', (context) => {
    needs(context, 'root', 'command:ip');
    const { stdout } = sh(
      '--new net,ipc --hostname box --domainname dom --loopback --sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmni=77',
      'hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni; ip -o addr show lo | grep -c 127.0.0.1',
    );
    expect(stdout).toBe('box\ndom\n1\n77\n1\n');
  });

  test('an interface of the host is moved in with its addresses, and comes back', (context) => {
    needs(context, 'root', 'command:ip');
    const made = run('ip', ['link', 'add', 'ctrtest0', 'type', 'veth', 'peer', 'name', 'ctrtest1']);
    if (made.status !== 0) return context.skip('the kernel has no veth');
    try {
      run('ip', ['addr', 'add', '192.0.2.1/24', 'dev', 'ctrtest0']);
      expect(sh('--netdev ctrtest0=in0', 'ip -o addr show in0').stdout).toContain('192.0.2.1/24');
      const comesBack = () =>
        expect(run('ip', ['-o', 'addr', 'show', 'ctrtest0']).stdout).toContain('192.0.2.1/24');
      comesBack();
      // Whatever the command calls it, and whatever bears its name then.
      const renamed = sh(
        '--netdev ctrtest0=in0',
        'ip link set in0 down && ip link set in0 name other && ip link add in0 type veth peer name in1 && ip -o link show other | wc -l',
      );
      expect(renamed).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
      comesBack();
      expect(run('ip', ['-o', 'link', 'show', 'in1']).status).not.toBe(0);
      // What the command has taken away is gone, and that is not a failure.
      expect(sh('--netdev ctrtest0=in0', 'ip link del in0')).toMatchObject({ status: 0, stderr: '' });
      expect(run('ip', ['link', 'show', 'ctrtest0']).status).not.toBe(0);
    } finally {
      run('ip', ['link', 'del', 'ctrtest0']);
    }
  });
});

describe('user namespaces', () => {
  const look = 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups';
  const words = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/\s+/g, ' '));

  test.for([
    ['--map-root-user', {}],
    ['--map-current-user', {}],
    ['--map-user=5 --map-group=6', {}],
    ['--map-root-user', nobody],
    ['--map-current-user', nobody],
    ['--map-user=5 --map-group=6', nobody],
  ] as const)('%s is as with unshare', ([flags, ids], context) => {
    needs(context, 'root');
    const ours = runTool('ns-enter', [...flags.split(' '), '--', 'sh', '-c', look], ids);
    const theirs = run('unshare', [...flags.split(' '), 'sh', '-c', look], ids);
    expect([ours.stderr, words(ours.stdout)]).toEqual(['', words(theirs.stdout)]);
  });

  test('ranges, by the command itself and in a child', (context) => {
    needs(context, 'root');
    for (const extra of ['', ' --new pid']) {
      const { stdout, stderr } = sh(`--map-users 0:100000:65536 --map-groups 0:200000:10${extra}`, look);
      expect([stderr, words(stdout)]).toEqual(['', ['0', '0', '0 100000 65536', '0 200000 10', 'allow']]);
    }
  });

  test('ranges of /etc/subuid by newuidmap', (context) => {
    needs(context, 'root', 'command:newuidmap', 'command:unshare');
    const dir = tempDir('subid');
    writeFileSync(join(dir, 'subid'), 'nobody:200000:1000\n');
    // Files of the test's own in their places, in a mount namespace of the test's own.
    const within = (flags: string) =>
      run('unshare', [
        '-m',
        'sh',
        '-c',
        `mount --bind ${dir}/subid /etc/subuid && mount --bind ${dir}/subid /etc/subgid && exec setpriv --reuid 65534 --regid 65534 --clear-groups ns-enter ${flags} -- sh -c '${look}'`,
      ]);
    for (const extra of ['', ' --new pid'])
      expect(words(within(`--map-root-user --map-auto${extra}`).stdout)).toEqual([
        '0',
        '0',
        '0 65534 1',
        '1 200000 1000',
        '0 65534 1',
        '1 200000 1000',
        'allow',
      ]);
    expect(within('--map-users 0:300000:10').stderr).toMatch(
      /300000 to 300009 is not yours by \/etc\/subuid \(yours there are 200000 to 200999\)/,
    );
  });

  test('without root every kind is made through a user namespace', (context) => {
    needs(context, 'root');
    const { stdout, stderr } = runTool(
      'ns-enter',
      [
        '--new',
        'all',
        '--map-root-user',
        '--mount-proc',
        '--hostname',
        'mine',
        '--monotonic',
        '7',
        '--',
        'sh',
        '-c',
        'echo $$; id -u; hostname; head -1 /proc/self/timens_offsets',
      ],
      nobody,
    );
    expect([stderr, words(stdout)]).toEqual(['', ['1', '0', 'mine', 'monotonic 7 0']]);
  });

  test('without one the refusal says what to add', (context) => {
    needs(context, 'root');
    const { status, stderr } = runTool('ns-enter', ['--new', 'net', '--', 'true'], nobody);
    expect([status, stderr]).toEqual([
      125,
      'ns-enter: make a new net namespace: Operation not permitted; it takes CAP_SYS_ADMIN; without root add a user namespace, as --map-root-user does (you are UID 65534)\n',
    ]);
  });

  test('--keep-caps keeps capabilities as a user other than root', (context) => {
    needs(context, 'root');
    const ours = runTool(
      'ns-enter',
      ['--map-current-user', '--keep-caps', '--', 'grep', 'Cap', '/proc/self/status'],
      nobody,
    );
    const theirs = run(
      'unshare',
      ['--map-current-user', '--keep-caps', 'grep', 'Cap', '/proc/self/status'],
      nobody,
    );
    expect(ours.stdout).toBe(theirs.stdout);
  });

  test('--owner lets another user join', async (context) => {
    needs(context, 'root');
    const { child, ended } = start('ns-enter', [
      '--owner',
      '65534:65534',
      '--map-users',
      'all',
      '--map-groups',
      'all',
      '--new',
      'net',
      '--',
      'sleep',
      '1000',
    ]);
    await until('it sleeps', () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n');
    const shown = JSON.parse(
      runTool('ns-enter', ['--show', '--json', '--type', 'user', '-o', 'NS,OWNER']).stdout,
    ) as { namespaces: { ns: number; owner: string }[] };
    const ns = Number(/\d+/.exec(nsOf(child.pid!, 'user'))![0]);
    expect(shown.namespaces.find((n) => n.ns === ns)?.owner).toBe('nobody');
    child.kill('SIGTERM');
    await ended;
  });
});

describe('the parent', () => {
  test('--kill-child: who kills it kills the command', async (context) => {
    needs(context, 'root');
    const { child } = start('ns-enter', ['--new', 'pid', '--kill-child', '--', 'sleep', '1000']);
    let command = '';
    await until('the command runs', () => {
      command = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      return command !== '' && readFileSync(`/proc/${command}/comm`, 'utf8') === 'sleep\n';
    });
    child.kill('SIGKILL');
    const ended = () =>
      !existsSync(`/proc/${command}`) || / Z /.test(readFileSync(`/proc/${command}/stat`, 'utf8'));
    await until('the command has ended', ended);
    expect(ended()).toBe(true);
  });

  test.for([
    ['exit 9', 9],
    ['kill -KILL $$ & wait', 137],
  ] as const)('--status-fd tells of the child and its end: %s', ([script, code], context) => {
    needs(context, 'root');
    const path = join(tempDir('status'), 'status');
    const fd = openSync(path, 'w');
    runTool(
      'ns-enter',
      [
        '--fork',
        '--new',
        'uts,net',
        '--status-fd',
        '3',
        '--',
        'sh',
        '-c',
        `readlink /proc/self/ns/uts; ls /proc/self/fd | grep -c '^3$'; ${script}`,
      ],
      { fds: [fd] },
    );
    closeSync(fd);
    const lines = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number>);
    expect(Object.keys(lines[0]!)).toEqual(['child-pid', 'net-namespace', 'uts-namespace']);
    expect(lines[1]).toEqual({ 'exit-code': code });
  });

  test('--status-fd tells of a command that is missing', (context) => {
    needs(context, 'root');
    const path = join(tempDir('status'), 'status');
    const fd = openSync(path, 'w');
    expect(
      runTool('ns-enter', ['--new', 'pid', '--status-fd', '3', '--', '/nonexistent'], { fds: [fd] }).status,
    ).toBe(127);
    closeSync(fd);
    expect(readFileSync(path, 'utf8')).toMatch(/"child-pid":\d+.*\n\{"exit-code":127\}\n$/);
  });

  test('pinned namespaces are joined later, seen, and let go', (context) => {
    needs(context, 'root');
    const pins = join(tempDir('pins'), 'lab');
    const make = () =>
      nsEnter(`--new net,uts,mount,ipc --hostname pinned --pin ${pins}`, 'readlink', '/proc/self/ns/net');
    let made = make();
    // Where the kernel takes a new mount namespace for an older one, and only there.
    for (let n = 0; n < 20 && made.stderr.includes('try again'); n++) made = make();
    expect(made).toMatchObject({ status: 0, stderr: '' });
    try {
      expect(nsEnter(`--target ${pins} --uts`, 'hostname').stdout).toBe('pinned\n');
      expect(nsEnter(`--target ${pins} --all`, 'readlink', '/proc/self/ns/net').stdout).toBe(made.stdout);
      expect(nsEnter(`--net=${pins}/net`, 'readlink', '/proc/self/ns/net').stdout).toBe(made.stdout);
      expect(nsEnter(`--target ${pins} --time`, 'true').stderr).toMatch(
        /no time namespace is pinned in .* \(it has ipc, mnt, net, uts\)/,
      );
      const shown = JSON.parse(runTool('ns-enter', ['--show', '--json', '--type', 'net']).stdout) as {
        namespaces: { ns: number; nprocs: number; held: unknown[] }[];
      };
      const ns = Number(/\d+/.exec(made.stdout)![0]);
      expect(shown.namespaces.find((n) => n.ns === ns)).toMatchObject({
        nprocs: 0,
        held: [{ by: 'mount', path: `${pins}/net` }],
      });
    } finally {
      expect(runTool('ns-enter', ['--unpin', pins])).toMatchObject({ status: 0, stderr: '' });
    }
    expect(existsSync(pins)).toBe(false);
    expect(runTool('ns-enter', ['--unpin', pins]).stderr).toMatch(/there is no such file or directory/);
  });

  test('what was pinned before a failure is taken down', (context) => {
    needs(context, 'root');
    const pins = join(tempDir('pins'), 'lab');
    mkdirSync(pins);
    expect(nsEnter(`--new net --pin ${pins}`, '/nonexistent').status).toBe(127);
    expect(readdirSync(pins)).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(pins);
  });
});

test('a chain gives the same fused and not', (context) => {
  needs(context, 'root');
  const look = 'hostname; readlink /proc/self/ns/net; id -u';
  const fused = runShell(
    `ns-enter --new uts --hostname a -- ns-enter --new uts --hostname b -- sh -c '${look}'`,
  );
  const apart = runShell(
    `ns-enter --new uts --hostname a -- env ns-enter --new uts --hostname b -- sh -c '${look}'`,
  );
  expect(fused).toEqual(apart);
  expect(fused.stdout).toMatch(/^b\n/);
});
