/** The command line beside runc's: what engines call (go-runc, conmon), what they read, and what each operation MUST refuse (runtime.md, Operations). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { lacking, needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const script = (lines: string): string[] => ['/bin/sh', '-c', lines];
const leaving = (file: string, ...argv: string[]) =>
  run('/bin/sh', ['-c', 'exec "$@" </dev/null >/dev/null 2>&1', 'sh', file, ...argv]);

function running(
  args: readonly string[] = ['/bin/sleep', '1000'],
  change?: Parameters<typeof makeBundle>[1],
): string {
  const id = testId();
  const made = ctrLeaving('run', '--detach', '--bundle', makeBundle(args, change), id);
  if (made.status !== 0) throw new Error(made.stderr);
  return id;
}
const stateIn = (file: string, id: string) =>
  JSON.parse(run(file, ['state', id]).stdout) as { status: string; pid: number } & Record<string, unknown>;

describe.each(runtimes)('%s', (runtime) => {
  const file = program(runtime);

  test.for([
    'state',
    'create',
    'start',
    'kill',
    'delete',
    'pause',
    'resume',
    'ps',
    'update',
    'events',
    'exec',
  ])('%s without an ID is an error', (command, context) => {
    needsRuntime(context, runtime);
    expect(run(file, [command], { cwd: tempDir('nowhere') }).status).toBeGreaterThan(0);
  });

  test.for([
    ['state'],
    ['start'],
    ['kill'],
    ['delete'],
    ['pause'],
    ['resume'],
    ['ps'],
    ['update', '--memory', '9m'],
    ['events', '--stats'],
    ['checkpoint'],
  ])('%j of what does not exist is an error, in the words that engines look for', (argv, context) => {
    needsRuntime(context, runtime);
    const ended = run(file, [...argv, 'ctr-test-nobody']);
    expect(ended.stderr).toContain('does not exist');
    expect(ended.status).toBe(1);
  });

  test('start of what is not created is an error without effect; kill of what is created ends it', async (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    const before = stateIn(file, id);
    expect(run(file, ['start', id]).status).toBe(1);
    expect(stateIn(file, id)).toEqual(before);
    expect(run(file, ['delete', id]).status).toBe(1);
    expect(stateIn(file, id)).toEqual(before);
    expect(leaving(file, 'create', '--bundle', bundle, id).status).toBe(1);
    expect(stateIn(file, id)).toEqual(before);
    run(file, ['delete', '--force', id]);
    expect(leaving(file, 'create', '--bundle', bundle, id).status).toBe(0);
    expect(stateIn(file, id).status).toBe('created');
    expect(run(file, ['kill', id, 'KILL'])).toMatchObject({ status: 0 });
    await until('it has stopped', () => stateIn(file, id).status === 'stopped');
    expect(run(file, ['start', id]).status).toBe(1);
    expect(run(file, ['kill', id, 'TERM'])).toMatchObject({ status: 1 });
    expect(run(file, ['kill', '--all', id, 'KILL'])).toMatchObject({ status: 0 });
    expect(run(file, ['delete', id]).status).toBe(0);
  });

  test('what changes in config.json after create has no effect', async (context) => {
    needsRuntime(context, runtime);
    const out = tempDir('out');
    const [id, bundle] = [
      testId(),
      makeBundle(script('echo first > /out/mark'), (spec) => {
        spec.mounts!.push({ destination: '/out', type: 'bind', source: out, options: ['bind'] });
      }),
    ];
    expect(leaving(file, 'create', '--bundle', bundle, id).status).toBe(0);
    expect(existsSync(`${out}/mark`)).toBe(false);
    const config = readFileSync(`${bundle}/config.json`, 'utf8');
    writeFileSync(`${bundle}/config.json`, config.replace('echo first', 'echo second'));
    expect(run(file, ['start', id]).status).toBe(0);
    await until('it has run', () => stateIn(file, id).status === 'stopped');
    expect(readFileSync(`${out}/mark`, 'utf8')).toBe('first\n');
    expect(run(file, ['delete', id]).status).toBe(0);
  });

  test('the state has the properties that runtime.md and engines name, the bundle as an absolute path', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [
      testId(),
      makeBundle(['/bin/sleep', '1000'], (spec) => (spec.annotations = { a: 'b' })),
    ];
    const made = run('/bin/sh', [
      '-c',
      `cd ${bundle} && exec ${file} run -d --bundle . ${id} </dev/null >/dev/null 2>&1`,
    ]);
    expect(made.status).toBe(0);
    const state = stateIn(file, id);
    expect(state).toMatchObject({
      id,
      status: 'running',
      bundle,
      rootfs: `${bundle}/rootfs`,
      annotations: { a: 'b' },
      owner: '',
    });
    expect(state.ociVersion).toMatch(/^1\./);
    expect(Number.isNaN(Date.parse(String(state.created)))).toBe(false);
    expect(readFileSync(`/proc/${state.pid}/cmdline`, 'utf8')).toContain('sleep');
    expect(Object.keys(state)).toEqual([
      'ociVersion',
      'id',
      'pid',
      'status',
      'bundle',
      'rootfs',
      'created',
      'annotations',
      'owner',
    ]);
    run(file, ['delete', '--force', id]);
  });

  test('what comes after the ID of exec is the command’s, its flags too', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    expect(run(file, ['exec', '--cwd', '/tmp', id, '/bin/echo', '--user', '7', '-t']).stdout).toBe(
      '--user 7 -t\n',
    );
    expect(
      run(file, ['exec', '--cwd', '/tmp', '-e', 'A=b', id, '/bin/sh', '-c', 'pwd; echo $A']).stdout,
    ).toBe('/tmp\nb\n');
    expect(run(file, ['exec', '--no-such-flag', id, '/bin/true']).status).not.toBe(0);
    run(file, ['delete', '--force', id]);
  });

  test('ps as engines call it, and events as go-runc decodes them', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    const { pid } = stateIn(file, id);
    expect(JSON.parse(run(file, ['ps', '--format', 'json', id]).stdout)).toEqual([pid]);
    for (const options of ['-ef', 'aux', 'axo pid,args']) {
      const table = run(file, ['ps', '--format', 'table', id, ...options.split(' ')])
        .stdout.trim()
        .split('\n');
      expect(table[0]).toMatch(/PID/);
      expect(table).toHaveLength(2);
      expect(table[1]).toContain('sleep');
    }
    const {
      type,
      id: whose,
      data,
    } = JSON.parse(run(file, ['events', '--stats', id]).stdout) as {
      type: string;
      id: string;
      data: {
        cpu: { usage: Record<string, unknown>; throttling: object };
        memory: Record<string, unknown>;
        pids: object;
        blkio: object;
        hugetlb: object;
      };
    };
    expect([type, whose]).toEqual(['stats', id]);
    // go-runc, events.go: numbers that must be there, and objects.
    for (const name of ['total', 'kernel', 'user'])
      expect(data.cpu.usage[name], name).toEqual(expect.any(Number));
    expect(data.cpu.throttling).toEqual(expect.any(Object));
    for (const kind of ['usage', 'swap']) {
      const entry = data.memory[kind] as Record<string, unknown>;
      expect(entry.limit, kind).toEqual(expect.any(Number));
      expect(entry.failcnt, kind).toEqual(expect.any(Number));
    }
    expect((data.memory.usage as { usage: number }).usage).toBeGreaterThan(0);
    expect(data.memory.raw).toEqual(expect.any(Object));
    expect(data.pids).toEqual(expect.any(Object));
    expect(data.blkio).toEqual(expect.any(Object));
    expect(data.hugetlb).toEqual(expect.any(Object));
    run(file, ['delete', '--force', id]);
  });
});

test('--version has the lines that go-runc parses', () => {
  const lines = ctr('--version').stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^ctr-run version \S+$/);
  expect(lines[1]).toMatch(/^commit: \S+$/);
  expect(lines[2]).toBe('spec: 1.3.0');
  expect(ctr('-v').stdout).toBe(ctr('--version').stdout);
});

test('the log as text is what logrus writes, and a log that cannot be written hides nothing', (context) => {
  needs(context, 'root');
  const log = `${tempDir('log')}/log`;
  const ended = ctr('--log', log, 'state', 'ctr-test-nobody');
  expect(readFileSync(log, 'utf8')).toMatch(
    /^time="\d{4}-\d\d-\d\dT[\d:.]+Z" level=error msg="container \\"ctr-test-nobody\\" does not exist.*"\n$/,
  );
  expect(ctr('--log', '/no/such/dir/log', 'state', 'ctr-test-nobody').stderr).toBe(ended.stderr);
});

test('global flags as go-runc and conmon give them', (context) => {
  needs(context, 'root');
  const root = tempDir('root');
  const id = testId();
  const flags = [
    '--root',
    root,
    '--log',
    `${root}.log`,
    '--log-format',
    'json',
    '--rootless=false',
    '--criu',
    '/usr/sbin/criu',
  ];
  const bundle = makeBundle(['/bin/sleep', '1000']);
  const made = ctrLeaving(
    ...flags,
    'create',
    '--bundle',
    bundle,
    '--pid-file',
    `${root}.pid`,
    '--no-pivot',
    '--no-new-keyring',
    id,
  );
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(ctr(...flags, 'start', id).status).toBe(0);
  expect(ctr(...flags, 'list', '--format=json').stdout).toContain(id);
  expect(ctr(...flags, 'kill', '--all', id, '9').status).toBe(0);
  expect(ctr(...flags, 'delete', '--force', id).status).toBe(0);
  run('rm', ['-f', `${root}.pid`, `${root}.log`]);
  expect(ctr('--rootless', 'perhaps', 'list').stderr).toMatch(/true, false or auto/);
  expect(ctr('--log-format', 'xml', 'list').stderr).toMatch(/text or json/);
});

test('features says what there is, in properties of the specification alone', () => {
  const features = JSON.parse(ctr('features').stdout) as Record<string, unknown> & {
    linux: Record<string, unknown>;
  };
  expect(Object.keys(features).toSorted()).toEqual([
    'annotations',
    'hooks',
    'linux',
    'mountOptions',
    'ociVersionMax',
    'ociVersionMin',
    'potentiallyUnsafeConfigAnnotations',
  ]);
  expect(features).toMatchObject({ ociVersionMin: '1.0.0', ociVersionMax: '1.3.0' });
  expect(features.annotations).toMatchObject({ 'org.opencontainers.runc.checkpoint.enabled': 'true' });
  expect(Object.keys(features.linux).toSorted()).toEqual([
    'apparmor',
    'capabilities',
    'cgroup',
    'intelRdt',
    'memoryPolicy',
    'mountExtensions',
    'namespaces',
    'netDevices',
    'seccomp',
    'selinux',
  ]);
  expect(features.linux).toMatchObject({
    cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
    mountExtensions: { idmap: { enabled: true } },
    netDevices: { enabled: true },
  });
});

test('every word that features lists is recognized', (context) => {
  needs(context, 'root');
  const { linux, mountOptions, hooks, ociVersionMin, ociVersionMax } = JSON.parse(ctr('features').stdout) as {
    mountOptions: string[];
    hooks: string[];
    ociVersionMin: string;
    ociVersionMax: string;
    linux: {
      namespaces: string[];
      capabilities: string[];
      seccomp: { actions: string[]; archs: string[]; operators: string[]; knownFlags: string[] };
      memoryPolicy: { modes: string[]; flags: string[] };
    };
  };
  for (const ociVersion of [ociVersionMin, ociVersionMax]) {
    const bundle = makeBundle(['/bin/true'], (spec) => {
      Object.assign(spec, { ociVersion });
      spec.hooks = Object.fromEntries(hooks.map((kind) => [kind, []]));
      spec.linux!.namespaces = linux.namespaces.map((type) => ({ type: type as 'pid' }));
      spec.linux!.uidMappings = [{ containerID: 0, hostID: 0, size: 10 }];
      spec.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 10 }];
      spec.process!.capabilities = { bounding: linux.capabilities };
      spec.linux!.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: linux.seccomp.archs as never,
        flags: linux.seccomp.knownFlags as never,
        listenerPath: '/run/no-such-agent.sock',
        syscalls: linux.seccomp.actions.map((action) => ({
          names: ['swapoff'],
          action: action as never,
          args: linux.seccomp.operators.map((op, index) => ({ index: index % 6, value: 1, op: op as never })),
        })),
      };
      for (const option of mountOptions)
        spec.mounts!.push({ destination: '/x', type: 'tmpfs', source: '/tmp', options: [option] });
      for (const mode of linux.memoryPolicy.modes)
        spec.linux!.memoryPolicy = { mode: mode as never, flags: linux.memoryPolicy.flags as never };
    });
    // What it cannot do here it may refuse to plan; but no word may be unknown to it.
    const ended = ctr('--debug', 'plan', '--bundle', bundle, testId());
    expect(ended.stderr).not.toMatch(/allowed is|is no capability|probably meant|did you mean/);
  }
});

test('a listener path without a call to ask about is ignored', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/echo', 'fine'], (spec) => {
    spec.linux!.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/run/no-such-agent.sock' };
  });
  expect(ctr('run', '--bundle', bundle, testId())).toMatchObject({ status: 0, stdout: 'fine\n', stderr: '' });
});

test('exec puts the process under the label and the profile that are named, or says what the kernel lacks', (context) => {
  needs(context, 'root');
  const id = running();
  const labelled = ctr('exec', '--process-label', 'u:r:t:s0', id, '/bin/true');
  if (lacking('selinux')) expect(labelled.stderr).toMatch(/SELinux/);
  const confined = ctr('exec', '--apparmor', 'ctr-test-no-such-profile', id, '/bin/true');
  expect(confined.stderr).toMatch(lacking('apparmor') ? /AppArmor/ : /ctr-test-no-such-profile/);
  expect(confined.status).toBe(255);
  expect(ctr('exec', '--no-new-privs', id, '/bin/grep', 'NoNewPrivs', '/proc/self/status').stdout).toBe(
    'NoNewPrivs:\t1\n',
  );
  ctr('delete', '--force', id);
});

test('exec enters one group in several hierarchies', (context) => {
  needs(context, 'root', 'cgroup-v1');
  const id = running();
  const made = `for c in pids memory; do mkdir -p /sys/fs/cgroup/$c/$(awk -F: -v c=$c '$2 ~ "(^|,)" c "(,|$)" { print $3 }' /proc/PID/cgroup)/ctr-test-sub; done`;
  const { pid } = stateIn(toolPath('ctr-run'), id);
  expect(run('/bin/sh', ['-c', made.replace('PID', String(pid))]).status).toBe(0);
  const ended = ctr(
    'exec',
    '--cgroup',
    'pids,memory:/ctr-test-sub',
    id,
    '/bin/grep',
    '-E',
    ':(pids|memory|freezer):',
    '/proc/self/cgroup',
  );
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  const paths = Object.fromEntries(
    ended.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(':').slice(1) as [string, string]),
  );
  expect(paths).toMatchObject({ pids: '/ctr-test-sub', memory: '/ctr-test-sub', freezer: '/' });
  expect(ctr('exec', '--cgroup', 'nonsense:/x', id, '/bin/true').stderr).toMatch(/nonsense/);
  ctr('delete', '--force', id);
});

describe('update by each flag', () => {
  const rows: [string, string, string, string, string, string][] = [
    ['--memory', '40m', 'memory', 'memory.limit_in_bytes', 'memory.max', String(40 << 20)],
    ['--memory-reservation', '20m', 'memory', 'memory.soft_limit_in_bytes', 'memory.low', String(20 << 20)],
    ['--cpu-share', '512', 'cpu', 'cpu.shares', '', '512'],
    ['--cpu-period', '50000', 'cpu', 'cpu.cfs_period_us', '', '50000'],
    ['--cpu-quota', '30000', 'cpu', 'cpu.cfs_quota_us', '', '30000'],
    ['--cpuset-cpus', '0', 'cpuset', 'cpuset.cpus', 'cpuset.cpus', '0'],
    ['--cpuset-mems', '0', 'cpuset', 'cpuset.mems', 'cpuset.mems', '0'],
    ['--pids-limit', '33', 'pids', 'pids.max', 'pids.max', '33'],
    ['--cpu-idle', '1', 'cpu', 'cpu.idle', 'cpu.idle', '1'],
  ];
  test.for(rows)('%s', ([flag, value, controller, v1, v2, wanted], context) => {
    needs(context, 'root');
    const id = running();
    try {
      const ended = ctr('update', flag, value, id);
      const { cgroup } = JSON.parse(readFileSync(`/run/ctr-run/${id}/state.json`, 'utf8')) as {
        cgroup: { paths: Record<string, string> };
      };
      const file =
        cgroup.paths[controller] === undefined
          ? `${cgroup.paths.unified}/${v2}`
          : `${cgroup.paths[controller]}/${v1}`;
      if (v2 === '' && cgroup.paths[controller] === undefined) return;
      // A kernel without the file says so; all else must have been set.
      if (!existsSync(file)) expect(ended.stderr).toContain(controller);
      else {
        expect(ended).toMatchObject({ status: 0, stderr: '' });
        expect(readFileSync(file, 'utf8').trim()).toBe(wanted);
      }
    } finally {
      ctr('delete', '--force', id);
    }
  });

  test('a class of service needs one, and resctrl', (context) => {
    needs(context, 'root');
    const id = running();
    const ended = ctr('update', '--l3-cache-schema', 'L3:0=f', '--mem-bw-schema', 'MB:0=50', id);
    expect(ended.stderr).toMatch(/without linux\.intelRdt/);
    expect(ended.status).toBe(1);
    ctr('delete', '--force', id);
  });
});

test('events tells statistics at each interval, and leaves with the container', async (context) => {
  needs(context, 'root');
  const id = running();
  const events = start(toolPath('ctr-run'), ['events', '--interval=1s', id]);
  await until('there are three', () => events.output().stdout.split('"stats"').length > 3, 20_000);
  const begun = Date.now();
  ctr('kill', id, 'KILL');
  expect((await events.ended).status).toBe(0);
  expect(Date.now() - begun).toBeLessThan(5000);
  ctr('delete', '--force', id);
});

test('run --keep leaves state and groups for who looks, until delete', (context) => {
  needs(context, 'root');
  const [id, bundle] = [testId(), makeBundle(script('exit 3'))];
  expect(ctr('run', '--keep', '--bundle', bundle, id)).toMatchObject({ status: 3, stderr: '' });
  expect(stateIn(toolPath('ctr-run'), id)).toMatchObject({ status: 'stopped', pid: 0 });
  expect(run('find', ['/sys/fs/cgroup', '-name', `*${id}`]).stdout).not.toBe('');
  expect(ctr('delete', id).status).toBe(0);
  expect(run('find', ['/sys/fs/cgroup', '-name', `*${id}`]).stdout).toBe('');
});
