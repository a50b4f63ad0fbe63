/** `exec`: a further process in a container, with all that its flags can say (runc-exec(8)). */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  isRoot,
  killOne,
  needs,
  run,
  runTool,
  start,
  tempDir,
  toolPath,
  until,
} from '../../../test/support.ts';
import { ctrLeaving, makeBundle, searchable, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const stateOf = (id: string) => JSON.parse(ctr('state', id).stdout) as { status: string; pid: number };
const id = testId();
const inside = (flags: string[], ...command: string[]) => ctr('exec', ...flags, id, ...command);
const sh = (flags: string[], lines: string) => inside(flags, '/bin/sh', '-c', lines);

beforeAll(() => {
  if (!isRoot) return;
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.process!.user = { uid: 0, gid: 0, additionalGids: [9] };
    spec.process!.env = ['PATH=/bin', 'OWN=1'];
    spec.process!.capabilities = Object.fromEntries(
      ['bounding', 'effective', 'permitted'].map((set) => [
        set,
        ['CAP_KILL', 'CAP_CHOWN', 'CAP_SETUID', 'CAP_SETGID'],
      ]),
    );
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    };
  });
  const made = ctrLeaving('run', '--detach', '--bundle', bundle, id);
  if (made.status !== 0) throw new Error(made.stderr);
});

afterAll(() => {
  if (isRoot) ctr('delete', '--force', id);
});

describe('a process that is run in a container', () => {
  test('is in all its namespaces and groups, under its filter, with its environment', (context) => {
    needs(context, 'root');
    const { pid } = stateOf(id);
    const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'];
    const theirs = kinds.map((kind) => run('readlink', [`/proc/${pid}/ns/${kind}`]).stdout).join('');
    expect(sh([], `for k in ${kinds.join(' ')}; do readlink /proc/self/ns/$k; done`).stdout).toBe(theirs);
    expect(sh([], 'cat /proc/self/cgroup').stdout).toBe(sh([], 'cat /proc/1/cgroup').stdout);
    expect(sh([], 'echo $OWN; mkdir /tmp/x').stdout).toBe('1\n');
    expect(sh([], 'mkdir /tmp/x').stderr).toContain('No space left on device');
    expect(sh([], 'id -G').stdout).toBe('0 9\n');
  });

  test('ends with its own code, or 128 and the signal', (context) => {
    needs(context, 'root');
    expect(sh([], 'exit 42').status).toBe(42);
    expect(sh([], 'kill -9 $$').status).toBe(137);
  });

  test.each([
    [['--user', '1000:1001'], 'id -u; id -g', '1000\n1001\n'],
    [['-u', '1000'], 'id -u; id -g', '1000\n0\n'],
    [['--user', '5:6', '--additional-gids', '7', '-g', '8'], 'id -G', '6 7 8 9\n'],
    [['--additional-gids', '7'], 'id -G', '0 7 9\n'],
    [['--cwd', '/tmp'], 'pwd', '/tmp\n'],
    [['-e', 'A=1', '--env', 'OWN=2 3'], 'echo $A $OWN', '1 2 3\n'],
    [
      ['--cap', 'CAP_NET_RAW', '-c', 'sys_chroot'],
      'grep CapEff /proc/self/status',
      /00000000000420e1|0000000000042[0-9a-f]{3}/,
    ],
    [['--no-new-privs'], 'grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\t1\n'],
  ])('%j', (flags, lines, said) => {
    const ended = sh(flags, lines);
    expect(ended.stderr).toBe('');
    if (typeof said === 'string') expect(ended.stdout).toBe(said);
    else expect(ended.stdout).toMatch(said);
  });

  test('has the added capabilities but never inheritable ones (CVE-2022-29162)', (context) => {
    needs(context, 'root');
    const { stdout } = sh(['--cap', 'CAP_NET_RAW'], 'grep Cap /proc/self/status');
    expect(/CapInh:\s+(\w+)/.exec(stdout)?.[1]).toBe('0000000000000000');
    expect(BigInt(`0x${/CapEff:\s+(\w+)/.exec(stdout)?.[1]}`) & (1n << 13n)).toBe(1n << 13n);
  });

  test('has a terminal when it is asked for, of the size that ours has', (context) => {
    needs(context, 'root', 'command:script');
    const ended = run('script', [
      '-qec',
      `stty rows 31 cols 99; ctr-run exec -t ${id} sh -c 'tty; stty size; exit 4'`,
      '/dev/null',
    ]);
    expect(ended.stdout.replaceAll('\r', '')).toContain('/dev/pts/0\n31 99\n');
    expect(ended.status).toBe(4);
  });

  test('can be described whole by a file', (context) => {
    needs(context, 'root');
    const file = `${tempDir('process')}/process.json`;
    const described: Spec['process'] = {
      cwd: '/tmp',
      user: { uid: 12, gid: 13 },
      args: ['/bin/sh', '-c', 'pwd; id -u; id -g; echo $X; grep CapBnd /proc/self/status'],
      env: ['X=y', 'PATH=/bin'],
    };
    writeFileSync(file, JSON.stringify(described));
    const ended = ctr('exec', '--process', file, id);
    expect(ended.stdout).toBe('/tmp\n12\n13\ny\nCapBnd:\t0000000000000000\n');
    expect(ctr('exec', '--process', file, id, '')).toMatchObject({ status: 0, stdout: ended.stdout });
    expect(ctr('exec', '--process', file, id, '/bin/id', '-g')).toMatchObject({
      status: 0,
      stdout: ended.stdout,
      stderr: 'ctr-run: warning: --process has the command; "/bin/id -g" is ignored\n',
    });
    writeFileSync(file, '{"cwd": "relative", "args": ["x"]}');
    expect(ctr('exec', '--process', file, id)).toMatchObject({ status: 255 });
    expect(ctr('exec', '--process', '/no/such', id).stderr).toMatch(/\/no\/such/);
  });

  test('leaves its PID in a file before it ends, however short it is', (context) => {
    needs(context, 'root');
    const file = `${tempDir('pid')}/pid`;
    expect(ctr('exec', '--pid-file', file, id, '/bin/true').status).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^\d+$/);
  });

  test('can run detached, and is still there afterwards', async (context) => {
    needs(context, 'root');
    const file = `${tempDir('pid')}/pid`;
    expect(ctrLeaving('exec', '-d', '--pid-file', file, id, '/bin/sleep', '500')).toMatchObject({
      status: 0,
      stderr: '',
    });
    const pid = Number(readFileSync(file, 'utf8'));
    expect(JSON.parse(ctr('ps', '--format', 'json', id).stdout)).toContain(pid);
    killOne(pid);
    await until(
      'it is gone',
      () => !(JSON.parse(ctr('ps', '-f', 'json', id).stdout) as number[]).includes(pid),
    );
  });
});

describe('what cannot be run fails with 255, as runc’s exec, and says why', () => {
  test.each([
    [['no-such'], /executable file not found in \$PATH/, 255],
    [['/no/such'], /[Nn]o such file or directory/, 255],
    [['/etc/passwd'], /[Pp]ermission denied/, 255],
  ])('%j', (command, words, code) => {
    const ended = inside([], ...command);
    expect(ended.stderr).toMatch(words);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(ended.status).toBe(code);
  });

  test.each([
    [['exec', 'ctr-test-nobody', 'true'], /does not exist/],
    [['exec', id], /what should run/],
    [['exec', '--user', 'nobody', id, 'true'], /give numbers/],
    [['exec', '--cap', 'CAP_NONSENSE', id, 'true'], /CAP_NONSENSE/],
    [['exec', '--cwd', '/no/such/dir', id, '/bin/true'], /\/no\/such\/dir/],
    [['exec', '--cgroup', '../..', id, '/bin/true'], /may not lead out/],
    [['exec', '--cgroup', 'nonsense:x', id, '/bin/true'], /nonsense/],
    [['exec', '--additional-gids', 'x', id, '/bin/true'], /--additional-gids.*"x"/],
    [['exec', '--no-such-flag', id, '/bin/true'], /--no-such-flag/],
  ])('%j', (argv, words) => {
    const ended = ctr(...argv);
    expect(ended.stderr).toMatch(words);
    expect(ended.status).toBe(argv[1]?.startsWith('--no-such') ? 1 : 255);
  });
});

test('a paused container is refused, unless that is to be ignored', async (context) => {
  needs(context, 'root');
  expect(ctr('pause', id)).toMatchObject({ status: 0, stderr: '' });
  try {
    const refused = ctr('exec', id, '/bin/true');
    expect(refused.stderr).toMatch(/paused/);
    expect(refused.status).toBe(255);
    // cgroup v1 freezes whoever enters, before its command runs; cgroup v2 as well. So it waits.
    const waiting = start(toolPath('ctr-run'), ['exec', '--ignore-paused', id, '/bin/echo', 'thawed']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(waiting.output()).toEqual({ stdout: '', stderr: '' });
    expect(ctr('resume', id).status).toBe(0);
    expect(await waiting.ended).toMatchObject({ status: 0, stdout: 'thawed\n' });
  } finally {
    ctr('resume', id);
  }
  expect(stateOf(id).status).toBe('running');
});

test('a group below the container’s own', (context) => {
  needs(context, 'root', 'cgroup-v1');
  const { pid } = stateOf(id);
  const own = /:pids:(.*)/.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))![1]!;
  run('mkdir', [`/sys/fs/cgroup/pids${own}/below`]);
  const host = ctrLeaving(
    'exec',
    '-d',
    '--pid-file',
    '/run/ctr-test-exec.pid',
    '--cgroup',
    'pids:below',
    id,
    '/bin/sleep',
    '100',
  );
  expect(host.stderr).toBe('');
  const joined = readFileSync(`/proc/${readFileSync('/run/ctr-test-exec.pid', 'utf8')}/cgroup`, 'utf8');
  expect(joined).toContain(`:pids:${own}/below\n`);
  expect(joined).toMatch(new RegExp(`:memory:.*${own.split('/').at(-1)}\n`));
  run('rm', ['/run/ctr-test-exec.pid']);
});

test('a container that shares the PID namespace can be entered all the same', (context) => {
  needs(context, 'root');
  const shared = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'pid');
  });
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, shared)).toMatchObject({ status: 0, stderr: '' });
  const ended = ctr('exec', shared, '/bin/sh', '-c', 'hostname; exit 6');
  expect(ended.status).toBe(6);
  expect(ctr('delete', '--force', shared)).toMatchObject({ status: 0, stderr: '' });
});

test('with a user namespace, the process is inside it', (context) => {
  needs(context, 'root');
  const mapped = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  });
  run('chown', ['-R', '100000:100000', `${bundle}/rootfs`]);
  searchable(bundle);
  const made = ctrLeaving('run', '--detach', '--bundle', bundle, mapped);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const ended = ctr('exec', mapped, '/bin/sh', '-c', 'id -u; cat /proc/self/uid_map | tr -s " "');
  expect(ended.stdout).toBe('0\n 0 100000 65536\n');
  expect(ctr('exec', '-u', '7:7', mapped, '/bin/id', '-u').stdout).toBe('7\n');
  expect(ctr('delete', '--force', mapped)).toMatchObject({ status: 0, stderr: '' });
});
