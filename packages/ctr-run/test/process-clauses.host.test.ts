/** config.md, Root, Process, User, Hostname, Annotations: what a container shows of each clause, beside runc. */
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, tempDir } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';
import { around, inContainer, needsRuntime, runBundle, runtimes } from './runtimes.ts';

const good = { status: 0, stderr: '' };

describe.each(runtimes)('under %s', (runtime) => {
  test('the root is found by a path relative to the bundle, and by an absolute one', (context) => {
    needsRuntime(context, runtime);
    const elsewhere = `${tempDir('elsewhere')}/root`;
    const bundle = makeBundle(['/bin/echo', 'found'], (spec) => (spec.root!.path = elsewhere));
    renameSync(`${bundle}/rootfs`, elsewhere);
    expect(runBundle(runtime, bundle)).toMatchObject({ ...good, stdout: 'found\n' });
    expect(inContainer(runtime, 'echo found')).toMatchObject({ ...good, stdout: 'found\n' });
  });

  test('a read-only root cannot be written, another one can', (context) => {
    needsRuntime(context, runtime);
    const write = 'echo x > /new && echo written';
    const readonly = inContainer(runtime, write, (spec) => (spec.root!.readonly = true));
    expect(readonly.stderr).toMatch(/Read-only file system/);
    for (const value of [false, undefined])
      expect(inContainer(runtime, write, (spec) => (spec.root!.readonly = value))).toMatchObject({
        ...good,
        stdout: 'written\n',
      });
  });

  test('arguments and environment are exactly those of the spec, and the command is found in its PATH', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['show', 'two words', '', '$HOME', '-x'], (spec) => {
      spec.process!.env = ['PATH=/programs:/bin', 'EMPTY=', 'A=b=c', 'HOME=/nowhere'];
      spec.root!.readonly = false;
    });
    mkdirSync(`${bundle}/rootfs/programs`);
    run('/bin/sh', [
      '-c',
      `printf '#!/bin/sh\nprintf "<%%s>" "$@"; env\n' > ${bundle}/rootfs/programs/show; chmod 755 ${bundle}/rootfs/programs/show`,
    ]);
    const ended = runBundle(runtime, bundle);
    expect(ended).toMatchObject(good);
    expect(ended.stdout).toMatch(/^<two words><><\$HOME><-x>/);
    const env = ended.stdout
      .slice(ended.stdout.indexOf('<-x>') + 4)
      .trim()
      .split('\n');
    const shellsOwn = /^(PWD|SHLVL|_|OLDPWD)=/;
    expect(env.filter((line) => !shellsOwn.test(line)).toSorted()).toEqual([
      'A=b=c',
      'EMPTY=',
      'HOME=/nowhere',
      'PATH=/programs:/bin',
    ]);
  });

  test('a relative name with a slash is looked for from the working directory', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['./busybox', 'echo', 'here'], (spec) => (spec.process!.cwd = '/bin'));
    expect(runBundle(runtime, bundle)).toMatchObject({ ...good, stdout: 'here\n' });
  });

  test('limits are soft and hard as configured', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(
      runtime,
      'grep -E "open files|core file|processes|locked" /proc/self/limits',
      (spec) => {
        spec.process!.rlimits = [
          { type: 'RLIMIT_NOFILE', soft: 500, hard: 600 },
          { type: 'RLIMIT_CORE', soft: 0, hard: 7 },
          { type: 'RLIMIT_NPROC', soft: 100, hard: 100 },
          { type: 'RLIMIT_MEMLOCK', soft: 4096, hard: 8192 },
        ];
      },
    );
    expect(ended).toMatchObject(good);
    const seen = Object.fromEntries(
      ended.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/))
        .map(([name, soft, hard]) => [name, [soft, hard]]),
    );
    expect(seen).toEqual({
      'Max open files': ['500', '600'],
      'Max core file size': ['0', '7'],
      'Max processes': ['100', '100'],
      'Max locked memory': ['4096', '8192'],
    });
  });

  test('a limit that is named twice is an error', (context) => {
    needsRuntime(context, runtime);
    const twice = (spec: Spec) => {
      spec.process!.rlimits = [1, 2].map((n) => ({ type: 'RLIMIT_NOFILE', soft: n, hard: n }));
    };
    expect(inContainer(runtime, 'true', twice).status).not.toBe(0);
  });

  test('user, group and further groups are the numbers given, and the umask too', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'id -u; id -g; id -G; umask', (spec) => {
      spec.process!.user = { uid: 12, gid: 34, umask: 0o37, additionalGids: [56, 78] };
    });
    expect(ended).toMatchObject({ ...good, stdout: '12\n34\n34 56 78\n0037\n' });
  });

  test('a user or a group that is not given is 0', (context) => {
    needsRuntime(context, runtime);
    const ended = (user: object) =>
      inContainer(runtime, 'id -u; id -g', (spec) => {
        spec.process!.user = user as NonNullable<Spec['process']>['user'] & object;
      });
    expect(ended({ uid: 12 })).toMatchObject({ ...good, stdout: '12\n0\n' });
    expect(ended({})).toMatchObject({ ...good, stdout: '0\n0\n' });
  });

  test('of a umask the bits of permissions alone count', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'umask', (spec) => {
      spec.process!.user = { uid: 0, gid: 0, umask: 0o7777 };
    });
    expect(ended).toMatchObject({ ...good, stdout: '0777\n' });
  });

  test('a umask that the spec does not give is 0022, whatever the caller’s is', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/sh', '-c', 'umask']);
    expect(around(runtime, bundle, 'umask 031; $RUN')).toMatchObject({ ...good, stdout: '0022\n' });
  });

  test('oom_score_adj is what is given', (context) => {
    needsRuntime(context, runtime);
    const look = 'cat /proc/self/oom_score_adj';
    const given = inContainer(runtime, look, (spec) => (spec.process!.oomScoreAdj = 321));
    expect(given).toMatchObject({ ...good, stdout: '321\n' });
  });

  test('without oomScoreAdj the value stays as it was', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/cat', '/proc/self/oom_score_adj']);
    const ended = around(runtime, bundle, 'echo 123 > /proc/self/oom_score_adj; $RUN');
    expect(ended).toMatchObject({ ...good, stdout: '123\n' });
  });

  test('host name and domain name are the container’s, not the host’s', (context) => {
    needsRuntime(context, runtime);
    const before = readFileSync('/proc/sys/kernel/hostname', 'utf8');
    // runc 1.1 does not know domainname yet.
    const ours = runtime === 'ctr-run';
    const ended = inContainer(
      runtime,
      'cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname',
      (spec) => {
        spec.hostname = 'inside';
        if (ours) spec.domainname = 'example.test';
      },
    );
    expect(ended).toMatchObject({ ...good, stdout: `inside\n${ours ? 'example.test' : '(none)'}\n` });
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).toBe(before);
  });

  test('only stdin, stdout and stderr are open', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/sh', '-c', 'ls /proc/$$/fd; true']);
    const ended = around(runtime, bundle, 'exec 7</etc/passwd 9>/dev/null; $RUN');
    // The shell's own descriptor of the script or terminal is 10 or above, and closed on exec.
    expect(
      ended.stdout
        .trim()
        .split('\n')
        .filter((n) => Number(n) < 10),
    ).toEqual(['0', '1', '2']);
  });

  test('what a spec has that nobody knows is ignored', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'echo fine', (spec) => {
      Object.assign(spec, { future: { deep: [1] }, annotations: { 'org.unknown/key': 'v', empty: '' } });
      Object.assign(spec.process!, { future: 1 });
      Object.assign(spec.linux!, { future: null, solaris: {} });
    });
    expect(ended).toMatchObject({ ...good, stdout: 'fine\n' });
  });

  test('a capability that is none is not a failure', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'echo fine', (spec) => {
      spec.process!.capabilities = { bounding: ['CAP_NONSENSE', 'CAP_KILL'], effective: ['CAP_NONSENSE'] };
    });
    expect(ended.status).toBe(0);
    expect(ended.stdout).toBe('fine\n');
  });

  test('without a terminal the size of the console means nothing', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'tty; echo over', (spec) => {
      spec.process!.consoleSize = { height: 11, width: 22 };
    });
    expect(ended).toMatchObject({ ...good, stdout: 'not a tty\nover\n' });
  });
});

test('capabilities that cannot be had are warnings in the log', (context) => {
  needs(context, 'root');
  const log = `${tempDir('log')}/log.json`;
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.process!.capabilities = { bounding: ['CAP_KILL'], ambient: ['CAP_KILL'], permitted: ['CAP_KILL'] };
  });
  const ended = runTool('ctr-run', [
    '--log',
    log,
    '--log-format',
    'json',
    'run',
    '--bundle',
    bundle,
    testId(),
  ]);
  expect(ended).toMatchObject(good);
  const lines = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: 'warning' });
  expect(lines[0]!.msg).toContain('kill');
});

test('scheduling, I/O priority and personality of a whole container', (context) => {
  needs(context, 'root');
  const ended = inContainer('ctr-run', 'cut -d" " -f19,41 /proc/self/stat; uname -m', (spec) => {
    spec.process!.scheduler = { policy: 'SCHED_BATCH', nice: 5 };
    spec.process!.ioPriority = { class: 'IOPRIO_CLASS_IDLE', priority: 3 };
    if (process.arch === 'x64') spec.linux!.personality = { domain: 'LINUX32' };
  });
  expect(ended).toMatchObject(good);
  const [stat, machine] = ended.stdout.trim().split('\n');
  // proc_pid_stat(5): nice and policy; SCHED_BATCH is 3 (sched(7)).
  expect(stat).toBe('5 3');
  if (process.arch === 'x64') expect(machine).toBe('i686');
});

test('the clocks of a time namespace of its own are shifted', (context) => {
  needs(context, 'root', 'file:/proc/self/ns/time');
  const ended = inContainer('ctr-run', 'cut -d. -f1 /proc/uptime', (spec) => {
    spec.linux!.namespaces!.push({ type: 'time' });
    spec.linux!.timeOffsets = { boottime: { secs: 5_000_000 }, monotonic: { secs: 60, nanosecs: 500 } };
  });
  expect(ended).toMatchObject(good);
  expect(Number(ended.stdout)).toBeGreaterThan(5_000_000);
});

test('a memory policy is in force', (context) => {
  needs(context, 'root', 'file:/proc/self/numa_maps');
  const ended = inContainer('ctr-run', 'head -1 /proc/self/numa_maps', (spec) => {
    spec.linux!.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0' };
  });
  expect(ended).toMatchObject(good);
  expect(ended.stdout).toContain('bind:0');
});
