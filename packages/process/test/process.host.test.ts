import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Spec } from '@ctr-tools/oci';
import { peer, points, slot, step } from '@ctr-tools/plan';
import { SCHED } from '@ctr-tools/sys/constants';
import { expect, test } from 'vitest';
import { type RunOptions, run, skip } from '../../../test/support.ts';
import { containerSteps, runContainer } from '../../rootfs/test/support.ts';
import { gatherProcess, processSteps } from '../src/index.ts';
import { busyboxBundle, carryOut, hostOf, shellSpec, underRunc } from './support/container.ts';

/** Run a line under our two rooms; its stdout, once it ended well. */
function inside(line: string, change: (spec: Spec) => void = () => {}, bundle = busyboxBundle()): string {
  const spec = shellSpec(line, (s) => {
    s.root!.readonly = false;
    change(s);
  });
  const ended = runContainer(spec, bundle);
  expect(ended).toMatchObject({ stderr: '', status: 0 });
  return ended.stdout;
}

test('environment, limits, umask, session and descriptors are as under runc', () => {
  const line = `env | sort; umask; ulimit -n; ulimit -c; pwd
    sed -n "s/^\\(Sig[A-Z][a-z].*\\|NoNewPrivs.*\\)/\\1/p" /proc/self/status
    sed 's/.*) . [0-9]* //; s/ .*//' /proc/1/stat; ls /proc/self/fd`;
  const bundle = busyboxBundle(['sort']);
  const spec = shellSpec(line, (s) => {
    s.process!.env!.push('A=first', 'A=second', 'EMPTY=');
    s.process!.rlimits!.push({ type: 'RLIMIT_CORE', soft: 5120, hard: 10240 });
    s.process!.noNewPrivileges = false;
  });
  const ours = runContainer(spec, bundle);
  expect(ours.stderr).toBe('');
  expect(ours.stdout).toBe(underRunc(spec, bundle).stdout);
  expect(ours.stdout).toContain('HOME=/root\n');
});

test.each([
  [1000, '/home/ada'],
  [4711, '/'],
])('user %i is at home in %s, by the passwd of the container', (uid, home) => {
  const spec = shellSpec('', (s) => {
    s.process!.user = { uid, gid: uid };
    s.process!.args = ['/bin/sh', '-c', 'echo $HOME'];
  });
  expect(runContainer(spec, busyboxBundle()).stdout).toBe(`${home}\n`);
});

test('a passwd of one long line, a FIFO in its place, or none at all: no home, and no hang', () => {
  const bundle = busyboxBundle();
  const passwd = join(bundle, 'rootfs/etc/passwd');
  writeFileSync(passwd, 'x'.repeat(100_000));
  expect(inside('echo $HOME', undefined, bundle)).toBe('/\n');
  rmSync(passwd);
  expect(inside('echo $HOME', undefined, bundle)).toBe('/\n');
  expect(run('mkfifo', [passwd]).status).toBe(0);
  expect(inside('echo $HOME', undefined, bundle)).toBe('/\n');
});

test('the working directory is made where it is missing', () => {
  expect(
    inside('pwd; stat -c "%a %u" .', (s) => {
      s.process!.cwd = '/not/there';
    }),
  ).toBe('/not/there\n755 0\n');
});

test('a missing working directory in a read-only root is named', () => {
  const spec = shellSpec('pwd', (s) => {
    s.process!.cwd = '/etc/passwd';
  });
  const { status, stderr } = runContainer(spec, busyboxBundle());
  expect(status).toBe(125);
  expect(stderr).toContain('working directory /etc/passwd: Not a directory');
});

/** As `ctr-run` would have it between privileges and working directory: another user, no capability left. */
function asUser(spec: Spec, bundle: string, uid: number) {
  const steps = containerSteps(spec, bundle);
  return [
    ...steps,
    step('credentials', 'setgroups', { gids: [] }, 'leave groups'),
    step('credentials', 'setgid', { gid: uid }, 'become the group'),
    step('credentials', 'setuid', { uid }, 'become the user'),
  ];
}

test('a working directory that only root may enter is entered before the user is set', () => {
  const bundle = busyboxBundle();
  mkdirSync(join(bundle, 'rootfs/closed'));
  chmodSync(join(bundle, 'rootfs/closed'), 0o700);
  const spec = shellSpec('pwd; id -u', (s) => {
    s.process!.cwd = '/closed';
  });
  expect(carryOut(asUser(spec, bundle, 1000)).stdout).toBe('/closed\n1000\n');
});

test('a command that is not there is 127, one that cannot be run 126, and the message says which', () => {
  const bundle = busyboxBundle();
  writeFileSync(join(bundle, 'rootfs/bin/plain'), '');
  const of = (...args: string[]) =>
    runContainer(
      shellSpec('', (s) => {
        s.process!.args = args;
        s.process!.env = ['PATH=/bin'];
      }),
      bundle,
    );
  expect(of('nosuch')).toMatchObject({ status: 127 });
  expect(of('nosuch').stderr).toMatch(/exec: "nosuch": executable file not found in \$PATH/);
  expect(of('/bin/nosuch')).toMatchObject({ status: 127 });
  expect(of('plain')).toMatchObject({ status: 126 });
  expect(of('plain').stderr).toMatch(/exec: "plain": permission denied/);
  expect(of('/bin')).toMatchObject({ status: 126 });
  expect(of('sh', '-c', 'exit 7')).toMatchObject({ status: 7 });
});

test('a missing command is known before anybody lets the container go', () => {
  const bundle = busyboxBundle();
  const spec = shellSpec('', (s) => {
    s.process!.args = ['/bin/nosuch'];
  });
  const waiting = [
    ...containerSteps(spec, bundle),
    step('await-start', 'await', { process: peer, point: points.recorded }, 'wait for ever'),
  ];
  expect(carryOut(waiting, { timeout: 5000 }).status).toBe(127);
});

test('descriptors: three are kept, more where asked, the rest is closed', () => {
  const bundle = busyboxBundle();
  const fds = [openSync('/etc/hostname', 'r'), openSync('/etc/hostname', 'r')];
  const options: RunOptions = { fds };
  try {
    const spec = shellSpec('ls /proc/self/fd; cat <&3; echo $LISTEN_FDS $LISTEN_PID $$');
    const env = new Map([
      ['LISTEN_PID', String(process.pid)],
      ['LISTEN_FDS', '1'],
    ]);
    const steps = containerSteps(spec, bundle, { env, fds: [0, 1, 2, 3, 4] });
    const { stdout, stderr } = carryOut(steps, options);
    expect(stderr).toBe('');
    expect(stdout).toBe(`0\n1\n2\n3\n4\n${readFileSync('/etc/hostname', 'utf8')}1 1 1\n`);
    expect(carryOut(containerSteps(shellSpec('ls /proc/self/fd'), bundle), options).stdout).toBe(
      '0\n1\n2\n3\n',
    );
  } finally {
    for (const fd of fds) closeSync(fd);
  }
});

test('oom_score_adj is raised for the container and not for the one who made it', () => {
  const spec = shellSpec('cat /proc/self/oom_score_adj', (s) => {
    s.process!.oomScoreAdj = 321;
  });
  const steps = [
    ...containerSteps(spec, busyboxBundle()),
    step('ready', 'read_file', { path: '/proc/self/oom_score_adj', text: slot('own') }, 'read', {
      side: 'host',
    }),
    step('ready', 'print', { fd: 2, text: slot('own') }, 'say', { side: 'host' }),
  ];
  expect(carryOut(steps)).toMatchObject({ stdout: '321\n', stderr: '0\n' });
});

test('scheduling: policy and nice value, I/O priority, personality', () => {
  const seen = inside(
    "awk '{print $41, $19}' /proc/1/stat; ionice -p 1; uname -m",
    (s) => {
      s.process!.scheduler = { policy: 'SCHED_BATCH', nice: 5 };
      s.process!.ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 6 };
      s.linux!.personality = { domain: 'LINUX32' };
    },
    busyboxBundle(['awk', 'ionice', 'uname']),
  );
  const machine = process.arch === 'x64' ? 'i686' : '.*';
  expect(seen).toMatch(new RegExp(`^${SCHED.SCHED_BATCH} 5\nbest-effort: prio 6\n${machine}\n$`));
});

test.skipIf(!existsSync('/proc/self/numa_maps'))(
  'a memory policy holds for all that the process maps',
  () => {
    const seen = inside('cat /proc/self/numa_maps', (s) => {
      s.linux!.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] };
    });
    expect(seen).toMatch(/ bind=static:0 /);
  },
);

test('CPUs of an exec: first those named, then those of the container', (context) => {
  if (availableParallelism() < 2) skip(context, 'the machine has one processor');
  const spec: Spec = {
    ociVersion: '1.3.0',
    process: {
      cwd: '/',
      args: ['/bin/sh', '-c', 'grep Cpus_allowed_list /proc/self/status'],
      execCPUAffinity: { initial: '0', final: '1' },
    },
  };
  const facts = { ...gatherProcess(spec, hostOf()), exec: true };
  expect(carryOut(processSteps(spec, facts)).stdout).toBe('Cpus_allowed_list:\t1\n');
  delete spec.process!.execCPUAffinity!.final;
  expect(carryOut(processSteps(spec, facts)).stdout).toBe('Cpus_allowed_list:\t0\n');
});

test('the container has a session keyring of its own', () => {
  const spec = shellSpec('sed -n "/_ses/s/.*keyring *//p" /proc/keys', (s) => {
    s.linux!.maskedPaths = [];
  });
  expect(runContainer(spec, busyboxBundle()).stdout).toMatch(/^_ses\.ctr-test: \w+$/m);
});

test('a terminal of its own: size, owner, controlling, at /dev/console; its master on the host', () => {
  const spec = shellSpec(
    'tty; stty size; stat -c "%u %t" /dev/console; ps -o tty= -p 1; [ -t 0 ] && echo yes',
    (s) => {
      s.root!.readonly = false;
      s.process!.terminal = true;
      s.process!.consoleSize = { height: 31, width: 77 };
      s.process!.user = { uid: 1000, gid: 1000 };
    },
  );
  const steps = containerSteps(spec, busyboxBundle(['tty', 'stty', 'ps'])).map((s) =>
    s.op === 'supervise' ? { ...s, args: { ...s.args, pty: slot('console.master') } } : s,
  );
  const { stdout, status } = carryOut(steps);
  expect(status).toBe(0);
  expect(stdout.replaceAll('\r', '')).toMatch(/^\/dev\/pts\/0\n31 77\n1000 88\n.*\nyes\n$/s);
});

test('a chain keeps what the caller gave', () => {
  const spec: Spec = {
    ociVersion: '1.3.0',
    process: { cwd: '', args: ['sh', '-c', 'echo $MARK; umask; pwd; ls /proc/self/fd'] },
  };
  const fd = openSync('/dev/null', 'r');
  const steps = processSteps(spec, gatherProcess(spec, hostOf()));
  const { stdout } = carryOut(steps, { env: { PATH: '/bin', MARK: 'here' }, cwd: '/usr', fds: [fd] });
  closeSync(fd);
  expect(stdout).toMatch(/^here\n0\d{3}\n\/usr\n0\n1\n2\n(?:\d+\n)*3\n/);
});
