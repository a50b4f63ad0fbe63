import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lacking, needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { nsOf, runcContainer, unshared } from './support.ts';

const nobody = { uid: 65534, gid: 65534 };
const nsEnter = (line: string, ...command: string[]) =>
  runTool('ns-enter', [...line.split(' '), '--', ...command]);

describe("a container of runc's", () => {
  let pid = 0;
  let end = (): void => {};
  const needed = ['root', 'command:runc', 'command:busybox'] as const;
  beforeAll(() => {
    if (lacking(...needed) === undefined) ({ pid, end } = runcContainer());
  });
  afterAll(() => end());

  test('is entered by the line that people type, and looks as with nsenter', (context) => {
    needs(context, ...needed);
    // The shell itself counts the processes: of a pipeline it would see as many as have started.
    const look = 'hostname; pwd; echo $$; set -- /proc/[0-9]*; echo $#; readlink /proc/$$/ns/net; exit 3';
    const line = [
      '--target',
      String(pid),
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '/bin/sh',
      '-c',
      look,
    ];
    const theirs = run('nsenter', line);
    const ours = runTool('ns-enter', line);
    // Everything but the PID, which the namespace counts on.
    const shape = (text: string) => text.split('\n').map((word, i) => (i === 2 ? /^\d+$/.test(word) : word));
    expect(shape(ours.stdout)).toEqual(shape(theirs.stdout));
    expect(ours.stdout).toMatch(/^runcbox\n\/\n/);
    expect([ours.status, ours.stderr]).toEqual([3, '']);
  });

  const all = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts', 'user', 'time'];

  test.for(['mount', 'uts', 'ipc', 'net', 'pid', 'cgroup'])(
    '%s alone is joined, and nothing else',
    async (kind, context) => {
      needs(context, ...needed);
      const file = kind === 'mount' ? 'mnt' : kind;
      const seen = await namespacesOf(['-t', String(pid), `--${kind}`]);
      const expected = Object.fromEntries(
        all.map((other) => [other, nsOf(other === file ? pid : 'self', other)]),
      );
      expect(seen).toEqual(expected);
    },
  );

  test('--all joins what is not ours already', async (context) => {
    needs(context, ...needed);
    const seen = await namespacesOf(['-t', String(pid), '--all']);
    expect(seen).toEqual(Object.fromEntries(all.map((kind) => [kind, nsOf(pid, kind)])));
  });

  test('without a PID namespace it becomes the command, in the same process', async (context) => {
    needs(context, ...needed);
    const { child } = start('ns-enter', ['-t', String(pid), '--net', '--uts', '--', 'sleep', '1000']);
    await until('it is sleep', () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n');
    expect(nsOf(child.pid!, 'net')).toBe(nsOf(pid, 'net'));
  });

  test('root, working directory, environment and cgroup of the target', (context) => {
    needs(context, ...needed);
    const t = `-t ${pid}`;
    expect(nsEnter(`${t} -m --root --wd`, 'pwd').stdout).toBe('/\n');
    expect(nsEnter(`${t} -m --wdns /tmp`, 'pwd').stdout).toBe('/tmp\n');
    expect(nsEnter(`${t} -n --wd=/usr/share`, 'pwd').stdout).toBe('/usr/share\n');
    expect(nsEnter(`${t} --root`, '/bin/ls', '/').stdout).toBe('bin\ndev\nproc\nsrv\nsys\ntmp\n');
    const env = run('tr', ['\\0', '\\n'], { input: readFileSync(`/proc/${pid}/environ`) }).stdout;
    expect(nsEnter(`${t} -m --env`, '/bin/env').stdout).toBe(env);
    const groups = (text: string): string => text.split('\n').sort().join('\n');
    expect(groups(nsEnter(`${t} -n --join-cgroup`, 'cat', '/proc/self/cgroup').stdout)).toBe(
      groups(readFileSync(`/proc/${pid}/cgroup`, 'utf8')),
    );
  });

  test('user and group are set, and the target’s followed', (context) => {
    needs(context, ...needed);
    expect(nsEnter(`-t ${pid} -n --setuid 5 --setgid 6`, 'id').stdout).toMatch(
      /^uid=5\S* gid=6\S* groups=6\S*\n$/,
    );
    expect(nsEnter(`-t ${pid} -n -S follow -G follow`, 'id', '-u').stdout).toBe('0\n');
  });

  test('a signal that ends the command ends ns-enter so', (context) => {
    needs(context, ...needed);
    const { signal } = nsEnter(`-t ${pid} -p -m`, '/bin/sh', '-c', 'kill -TERM $$');
    expect(signal).toBe('SIGTERM');
  });

  test('--show says which namespaces are its own', (context) => {
    needs(context, ...needed);
    const shown = JSON.parse(runTool('ns-enter', ['--show', String(pid), '--json']).stdout) as {
      namespaces: { type: string; ns: number; whose: string }[];
    };
    const whose = Object.fromEntries(shown.namespaces.map((n) => [n.type, n.whose]));
    expect(whose).toMatchObject({
      mnt: 'own',
      uts: 'own',
      ipc: 'own',
      net: 'own',
      pid: 'own',
      user: 'host',
      time: 'host',
    });
    for (const { type, ns } of shown.namespaces) expect(nsOf(pid, type)).toBe(`${type}:[${ns}]`);
  });
});

/** The namespaces of a command that ns-enter runs, seen from outside. */
async function namespacesOf(flags: readonly string[]): Promise<Record<string, string>> {
  const { child, ended } = start('ns-enter', [...flags, '--', '/bin/sleep', '1000']);
  let command = 0;
  await until('the command runs', () => {
    const below = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    command = [child.pid!, ...below.split(' ').map(Number)].find((pid) => pid > 0 && isSleep(pid)) ?? 0;
    return command > 0;
  });
  const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts', 'user', 'time'];
  const seen = Object.fromEntries(kinds.map((kind) => [kind, nsOf(command, kind)]));
  child.kill('SIGTERM');
  expect((await ended).signal).toBe('SIGTERM');
  return seen;
}

function isSleep(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/bin/sleep\0');
  } catch {
    return false;
  }
}

describe('without root', () => {
  test('a rootless process is joined by its owner, and by root', async (context) => {
    needs(context, 'root', 'command:unshare');
    const pid = await unshared(['-Urnmpf', '--mount-proc'], nobody);
    const line = [
      '-t',
      String(pid),
      '--all',
      '--',
      'sh',
      '-c',
      'id -u; ls /proc | grep -c "^[0-9]*$"; readlink /proc/self/ns/net',
    ];
    for (const ids of [nobody, {}]) {
      const { stdout, stderr } = runTool('ns-enter', line, ids);
      expect([stderr, stdout]).toEqual(['', expect.stringMatching(/^0\n[3-5]\nnet:/)]);
      expect(stdout).toContain(nsOf(pid, 'net'));
    }
  });

  test('new namespaces are made inside a joined user namespace', async (context) => {
    needs(context, 'root', 'command:unshare');
    const pid = await unshared(['-Ur'], nobody);
    const { stdout } = runTool(
      'ns-enter',
      [
        '-t',
        String(pid),
        '-U',
        '--new',
        'net,pid,mount',
        '--mount-proc',
        '--',
        'sh',
        '-c',
        'echo $$; readlink /proc/self/ns/net /proc/self/ns/user',
      ],
      nobody,
    );
    const [first, net, user] = stdout.split('\n');
    expect(first).toBe('1');
    expect(net).not.toBe(nsOf('self', 'net'));
    expect(user).toBe(nsOf(pid, 'user'));
  });

  test("another's process is refused, with whose it is", (context) => {
    needs(context, 'root');
    const { status, stderr } = runTool('ns-enter', ['-t', String(process.pid), '-n', '--', 'true'], nobody);
    expect(status).toBe(125);
    expect(stderr).toBe(
      `ns-enter: look at process ${process.pid}: permission denied; it belongs to UID 0 and you are UID 65534. It takes root, or the same user and a process that gave up nothing (ptrace(2), PTRACE_MODE_READ)\n`,
    );
  });

  test('a namespace of another user namespace says what would help', async (context) => {
    needs(context, 'root', 'command:unshare');
    const pid = await unshared(['-Urn'], nobody);
    const { status, stderr } = runTool('ns-enter', ['-t', String(pid), '-n', '--', 'true'], nobody);
    expect(status).toBe(125);
    expect(stderr).toMatch(/join the net namespace of process \d+: Operation not permitted; .*--user/);
  });
});

describe('bad input', () => {
  const refused = (line: string) => {
    const { status, stderr } = nsEnter(line, 'true');
    expect(status).toBe(125);
    expect(stderr.trimEnd()).not.toContain('\n');
    return stderr;
  };

  test('a PID that nobody has', () => {
    expect(refused('-t 4194304 -n')).toBe('ns-enter: --target 4194304: there is no such process\n');
  });

  test('a zombie', async () => {
    const { child } = start('sh', ['-c', 'sleep 0 & exec sleep 1000']);
    let zombie = '';
    await until('it is a zombie', () => {
      zombie = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      return zombie !== '' && / Z /.test(readFileSync(`/proc/${zombie}/stat`, 'utf8'));
    });
    expect(refused(`-t ${zombie} -n`)).toMatch(/has exited and only waits to be reaped/);
  });

  test('a PID that was reused since the look at it', (context) => {
    needs(context, 'root');
    const plan = runTool('ns-enter', ['-t', String(process.pid), '-n', '--plan', '--', 'true']).stdout;
    expect(plan).toMatch(/pidfd_open pid=\d+.*\n.*same_process pid=\d+ ticks=\d+/);
    expect(refused(`-t ${process.pid}:12345 --net`)).toMatch(
      /another process than the one with that inode|no numbers for pidfds/,
    );
  });

  test('a file that is not a namespace, or one of another kind', () => {
    expect(refused('--net=/etc/passwd')).toMatch(/this is not a namespace/);
    expect(refused('--net=/nonexistent')).toMatch(/there is no such file/);
    expect(refused('--net=/proc/self/ns/uts')).toMatch(/this is a uts namespace; join it with --uts=/);
  });

  test('no target, no container, no command', () => {
    expect(refused('--net --pid')).toMatch(/--net --pid: join whose\? Add --target PID.*--new net,pid/);
    expect(refused('-t no-such-container -n')).toMatch(/no container of that ID/);
    const { status, stderr } = runTool('ns-enter', ['-t', '1', '-n']);
    expect(status).toBe(125);
    expect(stderr).toContain('-- $SHELL');
  });

  test('the state of a container that has stopped', () => {
    const root = tempDir('ns-state');
    mkdirSync(join(root, 'web'));
    writeFileSync(join(root, 'web/state.json'), JSON.stringify({ pid: process.pid, startTime: 1 }));
    const { stderr } = runTool('ns-enter', ['-t', 'web', '-n', '--', 'true'], {
      env: { PATH: process.env.PATH!, CTR_STATE_ROOT: root },
    });
    expect(stderr).toBe('ns-enter: --target web: the container has stopped\n');
  });
});

test("a thread's ID is a target, and its namespaces may be others than the process's", (context) => {
  needs(context, 'root', 'command:python3', 'command:nsenter');
  const script = `
import os, subprocess, threading, ctypes
def work():
    assert ctypes.CDLL(None).unshare(0x04000000) == 0  # CLONE_NEWUTS
    ctypes.CDLL(None).sethostname(b'thread', 6)
    me = threading.get_native_id()
    for tool in ('nsenter', 'ns-enter'):
        for who in (me, os.getpid()):
            ended = subprocess.run([tool, '-t', str(who), '-u', 'hostname'], capture_output=True, text=True)
            print(tool, 'thread' if who == me else 'process', ended.stdout.strip() == 'thread', ended.stderr)
t = threading.Thread(target=work); t.start(); t.join()`;
  const lines = (tool: string) => `${tool} thread True \n${tool} process False \n`;
  expect(run('python3', ['-c', script])).toMatchObject({
    status: 0,
    stdout: lines('nsenter') + lines('ns-enter'),
  });
});

test.for([
  // nsenter of util-linux 2.41 wants a namespace too.
  ['-t PID -u -w/etc pwd', '/etc\n'],
  ['-t PID -u -r/ -w/etc pwd', '/etc\n'],
  ['-n/proc/PID/ns/net -u/proc/PID/ns/uts echo joined', 'joined\n'],
] as const)("nsenter's attached values: %s", ([line, says], context) => {
  needs(context, 'root', 'command:nsenter');
  const words = line.replaceAll('PID', String(process.pid)).split(' ');
  for (const tool of ['nsenter', toolPath('ns-enter')])
    expect(run(tool, words), tool).toMatchObject({ status: 0, stdout: says, stderr: '' });
});
