/** Groups made by a real systemd on cgroup v2: its own, and a user's. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bin, lacking, needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';

const name = `ctr-test-${process.pid}`;
const scope = `${name}.scope`;
const directory = `/sys/fs/cgroup/system.slice/${scope}`;
const cg = (...args: string[]) => runTool('cg-limit', args, { timeout: 120_000 });
const file = (what: string): string => readFileSync(`${directory}/${what}`, 'utf8').trim();
const property = (what: string): string =>
  run('systemctl', ['show', '--value', '-p', what, scope]).stdout.trim();

/** systemd would take our PIDs for those of its own processes: the small ones are daemons. */
test('in another PID namespace the group is made by files, and systemd is not asked by name either', (context) => {
  needs(context, 'root', 'systemd');
  const path = { env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` } };
  const look = ['--memory', '64M', '--', 'sed', '-n', 's/^0:://p', '/proc/self/cgroup'];
  const inside = /\/ctr-limit-\d+\n$/;
  const cgLimit = toolPath('cg-limit');
  for (const [flags, tool] of [
    [['--new', 'pid'], 'cg-limit'],
    [['--new', 'pid'], cgLimit],
    [['--new', 'pid,mount', '--mount-proc'], cgLimit],
  ] as const) {
    const ended = runTool('ns-enter', [...flags, '--', tool, ...look], path);
    expect(ended, String(flags)).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(inside);
    expect(ended.stdout).not.toContain('.scope/ctr-limit-1.scope');
    const asked = runTool('ns-enter', [...flags, '--', tool, '--manager', 'systemd', ...look], path);
    expect(asked).toMatchObject({ status: 125, stdout: '' });
    expect(asked.stderr).toContain('another PID namespace');
  }
});

describe('where systemd runs, it makes the group', () => {
  test('a scope with the limits as properties and in the files, which nothing undoes', async (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2', 'file:/dev/kmsg');
    const started = start(toolPath('cg-limit'), [
      ...['--cgroup', `system.slice::${name}`, '--memory', '64M', '--cpus', '0.5', '--pids-limit', '9'],
      ...['--cpuset-cpus', '0', '--hugetlb', '2MB:4M', '--device', '/dev/kmsg:r', '--', 'sh', '-c'],
      'cat /proc/self/cgroup; (: > /dev/kmsg) 2>&1; : < /dev/kmsg && echo read; sleep 600; :',
    ]);
    await until('the command runs', () => started.output().stdout.includes('read'), 60_000);
    expect(started.output().stdout).toMatch(
      new RegExp(`^0::/system.slice/${scope}\n.*/dev/kmsg: Operation not permitted\nread\n$`),
    );
    const properties = [
      'MemoryMax',
      'TasksMax',
      'Delegate',
      'CPUQuotaPerSecUSec',
      'AllowedCPUs',
      'DevicePolicy',
    ];
    expect(properties.map(property)).toEqual([String(64 << 20), '9', 'yes', '500ms', '0', 'strict']);
    expect(property('DeviceAllow')).toContain('/dev/char/1:11 r');
    expect(cg('--update', directory, '--memory', '128M')).toMatchObject({ status: 0, stderr: '' });
    // A reload, and changes that make systemd write each controller's files again.
    run('systemctl', ['daemon-reload']);
    run('systemctl', ['set-property', '--runtime', scope, 'MemoryLow=1M', 'CPUWeight=77', 'TasksMax=10']);
    expect(
      ['memory.max', 'memory.low', 'cpu.max', 'cpuset.cpus', 'hugetlb.2MB.max', 'pids.max'].map(file),
    ).toEqual([String(128 << 20), String(1 << 20), '50000 100000', '0', String(4 << 20), '10']);
    cg('--kill', directory);
    await started.ended;
    await until('systemd forgets the scope', () => property('LoadState') === 'not-found', 60_000);
    expect(existsSync(directory)).toBe(false);
  });

  test('a scope that ended by the OOM killer leaves its name free', (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2');
    const named = ['--cgroup', `system.slice::${name}`];
    const policy = 'sed s,.*/,, /proc/self/cgroup | xargs systemctl show --value -p OOMPolicy';
    expect(cg('--oom-group', '--', 'sh', '-c', policy)).toMatchObject({
      status: 0,
      stdout: 'kill\n',
      stderr: '',
    });
    const alone = ['--memory', '20M', '--memory-swap', '20M', '--oom-group', '--', 'sh', '-c'];
    const killed = cg(
      ...named,
      ...alone,
      'sleep 600 & head -c 40M /dev/zero | tail > /dev/null; echo not reached',
    );
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: '' });
    expect(cg(...named, '--', 'echo', 'again')).toMatchObject({ status: 0, stdout: 'again\n', stderr: '' });
  });

  test('a slice of its own, in which what is started beside shares its limits, and which ends with them', async (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2');
    const [slice, place] = [`ctrtest-${process.pid}.slice`, `ctrtest.slice/ctrtest-${process.pid}.slice`];
    const at = `/sys/fs/cgroup/${place}`;
    const limits = ['--pids-limit', '8', '--memory', '96M', '--hugetlb', '2MB:4M'];
    const first = start(toolPath('cg-limit'), [
      ...['--cgroup', `::${slice}`, ...limits, '--', 'sh', '-c', 'cat /proc/self/cgroup; sleep 600; :'],
    ]);
    await until('the command runs', () => first.output().stdout !== '', 60_000);
    expect(first.output().stdout).toMatch(new RegExp(`^0::/${place}/ctr-limit-\\d+\\.scope\n$`));
    const limit = (what: string): string => readFileSync(`${at}/${what}`, 'utf8').trim();
    expect(cg('--cgroup', `::${slice}`, '--', 'true').stderr).toContain(`${slice}::NAME is a scope in it`);
    // Five are left for who comes beside, whose scope has no limits of its own.
    const fork = 'cat /proc/self/cgroup; for i in 1 2 3 4 5 6 7 8; do sleep 5 & done';
    const beside = cg('--cgroup', `${slice}::beside`, '--', 'bash', '-c', fork);
    expect(beside.stdout).toContain(`/${place}/beside.scope
`);
    expect(beside.stderr).toContain('fork: retry: Resource temporarily unavailable');
    expect(cg('--update', slice, '--memory', '128M')).toMatchObject({ status: 0, stderr: '' });
    run('systemctl', ['daemon-reload']);
    run('systemctl', ['set-property', '--runtime', slice, 'CPUWeight=77', 'TasksMax=10']);
    expect(['memory.max', 'cpu.weight', 'hugetlb.2MB.max', 'pids.max'].map(limit)).toEqual([
      String(128 << 20),
      '77',
      String(4 << 20),
      '10',
    ]);
    expect(cg('--kill', slice)).toMatchObject({ status: 0, stderr: '' });
    await first.ended;
    await until('the slice is gone', () => !existsSync(at), 60_000);
    const state = () => run('systemctl', ['show', '--value', '-p', 'LoadState,ActiveState', slice]).stdout;
    expect(state()).toContain('inactive');
    // One that is kept is there without anybody in it, until it is removed.
    expect(cg('--cgroup', `::${slice}`, '--memory', '64M', '--keep', '--', 'true')).toMatchObject({
      status: 0,
    });
    expect([limit('memory.max'), state()]).toEqual([String(64 << 20), expect.stringMatching(/^active$/m)]);
    expect(cg('--cgroup', `${slice}::again`, '--', 'echo', 'in')).toMatchObject({
      status: 0,
      stdout: 'in\n',
    });
    expect(cg('--remove', slice)).toMatchObject({ status: 0, stderr: '' });
    expect([existsSync(at), state()]).toEqual([false, expect.stringMatching(/^inactive$/m)]);
    run('systemctl', ['stop', 'ctrtest.slice']);
  });

  test('a change of a unit is exact, keeps what it does not name, and is refused where processes would be killed', async (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2', 'command:python3');
    const eat = 'a = bytearray(50 << 20); print("eaten", flush=True); import time; time.sleep(600)';
    const limits = [
      '--memory',
      '100M',
      '--memory-swap',
      '100M',
      '--cpus',
      '0.333',
      '--device',
      '/dev/kmsg:r',
    ];
    const started = start(toolPath('cg-limit'), [
      ...['--cgroup', `system.slice::${name}`, ...limits, '--', 'python3', '-c', eat],
    ]);
    await until('the command runs', () => started.output().stdout.includes('eaten'), 60_000);
    const refused = cg('--update', directory, '--memory', '20M');
    expect(refused).toMatchObject({ status: 125, stdout: '' });
    expect(refused.stderr).toContain('cannot be given back, so processes would be killed');
    expect(file('memory.max')).toBe(String(100 << 20));
    expect(cg('--update', directory, '--cpu-weight', '40')).toMatchObject({ status: 0, stderr: '' });
    expect(file('cpu.max')).toBe('33300 100000');
    expect(cg('--update', directory, '--cpu-quota', '21ms', '--cpu-period', '500ms')).toMatchObject({
      status: 0,
    });
    expect(file('cpu.max')).toBe('21000 500000');
    expect(cg('--update', directory, '--memory-swap', '120M')).toMatchObject({ status: 0, stderr: '' });
    expect(file('memory.swap.max')).toBe(String(20 << 20));
    expect(cg('--update', directory, '--device', 'all')).toMatchObject({ status: 0, stderr: '' });
    expect([property('DevicePolicy'), property('DeviceAllow')]).toEqual(['auto', '']);
    expect(run('systemctl', ['stop', scope]).status).toBe(0);
    await started.ended;
  });

  test('inside a limit a unit can be named as well; what is no partition, and no unit, is an error', (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2');
    const inner = `cg-limit --cgroup system.slice::${name} --memory 64M -- cat /proc/self/cgroup`;
    expect(cg('--memory', '256M', '--', 'sh', '-c', inner)).toMatchObject({
      status: 0,
      stdout: `0::/system.slice/${scope}\n`,
      stderr: '',
    });
    const partition = cg('--cpuset-cpus', '0', '--cpuset-partition', 'root', '--', 'true');
    expect(partition).toMatchObject({ status: 125, stdout: '' });
    expect(partition.stderr).toMatch(/the kernel says "root invalid \(.*\)"/);
    for (const wrong of ['cpu.max=abc', 'cpu.max=50000 0', 'cpuset.cpus=nonsense', 'io.max=254:0 rbps']) {
      const ended = cg('--set', wrong, '--', 'true');
      expect(ended, wrong).toMatchObject({ status: 125, stdout: '' });
      expect(ended.stderr, wrong).toMatch(/^cg-limit: set [^\n]*: [^\n]*\n$/);
    }
    expect(cg('--cpuset-cpus', '5-2', '--', 'true').stderr).toContain('"5-2" is not a number or range');
    expect(cg('--cgroup', 'system.slice:x:', '--', 'true').stderr).toContain('slice:prefix:name');
  });

  test('without a name too; a limit inside a limit makes a child group, past the rule against inner processes', (context) => {
    needs(context, 'root', 'systemd', 'cgroup-v2');
    const inner = 'cg-limit --memory 64M -- sh -c "cat /proc/self/cgroup"; cat /proc/self/cgroup';
    const ended = cg('--memory', '256M', '--', 'sh', '-c', inner);
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toMatch(
      /^0::\/system\.slice\/ctr-limit-\d+\.scope\/ctr-limit-\d+\n0::\/system\.slice\/ctr-limit-\d+\.scope\/own\n$/,
    );
  });
});

describe('cgroup v2 by files', () => {
  const path = `/ctr-test-${process.pid}`;
  const files: readonly (readonly [flags: string[], file: string, value: string])[] = [
    [['--memory-high', '32M'], 'memory.high', String(32 << 20)],
    [['--memory-reservation', '16M'], 'memory.low', String(16 << 20)],
    [['--memory-min', '1M'], 'memory.min', String(1 << 20)],
    [['--memory', '64M', '--memory-swap', '96M'], 'memory.swap.max', String(32 << 20)],
    [['--cpu-weight', '250'], 'cpu.weight', '250'],
    [['--cpus', '150%', '--cpu-burst', '20ms'], 'cpu.max', '150000 100000'],
    [[], 'cpu.max.burst', '20000'],
    // A partition takes its CPUs from the group above, which needs one of its own.
    availableParallelism() > 1
      ? [['--cpuset-cpus', '1', '--cpuset-partition', 'root'], 'cpuset.cpus.partition', 'root']
      : [['--cpuset-cpus', '0'], 'cpuset.cpus', '0'],
    [['--pids-limit', '7'], 'pids.max', '7'],
    [['--set', 'memory.oom.group=1'], 'memory.oom.group', '1'],
    [['--set', 'cgroup.max.depth=3'], 'cgroup.max.depth', '3'],
  ];
  test('each limit is in its file, and the command runs where they say', (context) => {
    needs(context, 'root', 'cgroup-v2');
    const flags = files.flatMap(([given]) => given);
    const look = files.map(([, name]) => `cat /sys/fs/cgroup${path}/${name}`).join('; ');
    const ended = cg('--cgroup', path, ...flags, '--', 'sh', '-c', `${look}; nproc; cat /proc/self/cgroup`);
    expect(ended.stderr).toBe('');
    expect(ended.stdout.trimEnd().split('\n')).toEqual([
      ...files.map(([, , value]) => value),
      '1',
      `0::${path}`,
    ]);
  });

  test('a change keeps what it does not name, and takes off what it names', async (context) => {
    needs(context, 'root', 'cgroup-v2');
    const limits = ['--cpu-quota', '20ms', '--cpu-period', '50ms', '--memory-reservation', '16M'];
    const started = start(toolPath('cg-limit'), ['--cgroup', path, ...limits, '--', 'sleep', '600']);
    const held = (name: string) => readFileSync(`/sys/fs/cgroup${path}/${name}`, 'utf8').trim();
    const update = (...given: string[]) =>
      expect(cg('--update', path, ...given)).toMatchObject({ status: 0, stderr: '' });
    const runs = () => existsSync(`/sys/fs/cgroup${path}`) && held('cgroup.procs') !== '';
    await until('the command runs', runs);
    update('--cpu-period', '100ms');
    expect(held('cpu.max')).toBe('20000 100000');
    update('--cpu-period', '40ms');
    update('--cpu-quota', '10ms', '--cpu-burst', '8ms');
    expect([held('cpu.max'), held('cpu.max.burst')]).toEqual(['10000 40000', '8000']);
    expect(cg('--update', path, '--cpu-quota', '5ms').stderr).toContain('below the burst of 8ms');
    update('--memory-reservation', '0');
    expect(held('memory.low')).toBe('0');
    update('--cpu-idle');
    const refused = cg('--update', path, '--cpu-weight', '50').stderr;
    expect(refused).toContain('a group that is idle has no weight; --cpu-idle=0 ends that');
    update('--cpu-idle=0', '--cpu-weight', '50');
    expect([held('cpu.idle'), held('cpu.weight')]).toEqual(['0', '50']);
    expect(cg('--kill', path)).toMatchObject({ status: 0, stderr: '' });
    await started.ended;
  });

  test('beyond memory.high it is slowed down, and not killed', (context) => {
    needs(context, 'root', 'cgroup-v2');
    // Pages of a file can be taken back, so it is not throttled for long.
    const line = `head -c 30M /dev/zero > ${tempDir('high')}/file && grep -w high /sys/fs/cgroup${path}/memory.events`;
    const ended = cg('--cgroup', path, '--memory-high', '8M', '--', 'sh', '-c', line);
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^high [1-9]/), stderr: '' });
  });

  test('what this machine has no hardware for, and what v2 cannot express, is an error that says so', (context) => {
    needs(context, 'root', 'cgroup-v2');
    const refused = (...limit: string[]): string => {
      const ended = cg('--cgroup', path, ...limit, '--', 'true');
      expect(ended.status).toBe(125);
      return ended.stderr;
    };
    expect(refused('--rdma', 'mlx5_0:hca_handle=2')).toContain('there is no RDMA device mlx5_0');
    expect(refused('--misc', 'sev:1')).toContain('this machine has no such resource; misc.capacity');
    expect(refused('--memory-swappiness', '10')).toContain('cannot be expressed in cgroup v2');
    expect(refused('--net-cls', '5')).toContain('cgroup v2 has none');
    expect(refused('--cpu-rt-runtime', '5ms')).toContain('cannot be expressed in cgroup v2');
    expect(existsSync(`/sys/fs/cgroup${path}`)).toBe(false);
  });
});

test('in a service that is delegated to its user, the group goes below its own', (context) => {
  needs(context, 'root', 'systemd', 'cgroup-v2', 'file:/home/vagrant');
  const service = ['--pipe', '--wait', '--quiet', '--collect', '-p', 'Delegate=yes', '-p', 'User=vagrant'];
  const line = `PATH=${bin}:$PATH; cg-limit --manager files --memory 20M --pids-limit 9 -- sh -c 'cat /proc/self/cgroup; head -c 40M /dev/zero | tail > /dev/null; exit $?'; cat /proc/self/cgroup`;
  const ended = run('systemd-run', [...service, '/bin/sh', '-c', line], { timeout: 120_000 });
  expect(ended.stdout).toMatch(/^0::(\/system\.slice\/run-[^/]*\.service)\/ctr-limit-\d+\n0::\1\/own\n$/);
  expect(ended.stderr).toContain('the memory limit of 20 MiB was exceeded');
});

describe("a user's own systemd", () => {
  const user = 'vagrant';
  const needed = ['root', 'systemd', 'cgroup-v2', 'file:/home/vagrant'] as const;
  beforeAll(async () => {
    if (lacking(...needed) !== undefined) return;
    run('loginctl', ['enable-linger', user]);
    await until('their manager is up', () => existsSync('/run/user/1000/systemd/private'), 60_000);
  });
  afterAll(() => {
    if (lacking(...needed) === undefined) run('loginctl', ['disable-linger', user]);
  });

  test('makes their groups; limits hold, and one that is not delegated is an error', (context) => {
    needs(context, ...needed);
    const place = ['--user', `--machine=${user}@.host`, '--quiet', '--pipe', '--wait', '--collect'];
    const lines = [
      `exec 2>&1; cd /; PATH=${bin}:$PATH`,
      'cg-limit --memory 20M --pids-limit 50 -- sh -c "cut -d/ -f5- /proc/self/cgroup; head -c 40M /dev/zero | tail > /dev/null"',
      'cg-limit --cgroup ::ctrmine.slice --keep --pids-limit 40 -- sh -c "cut -d/ -f5- /proc/self/cgroup"',
      'cg-limit --show=ctrmine.slice --json | grep -A2 \'"pids"\' | grep limit',
      'cg-limit --remove ctrmine.slice; echo $?',
      'cg-limit --cpuset-cpus 0 -- true; echo $?',
    ];
    const told = run('systemd-run', [...place, '/bin/sh', '-c', lines.join('\n')], { timeout: 120_000 });
    const leaving = /^cg-limit: the command leaves run-\S+\.service for .*\n/gm;
    expect(told.stdout).toMatch(leaving);
    const ended = { stdout: told.stdout.replace(leaving, '') };
    expect(ended.stdout).toMatch(/^user\.slice\/ctr-limit-\d+\.scope\n/);
    expect(ended.stdout).toMatch(/the memory limit of 20 MiB was exceeded; processes killed for it: 1/);
    expect(ended.stdout).toMatch(/^ctrmine\.slice\/ctr-limit-\d+\.scope\n +"limit": 40,\n0\n/m);
    expect(ended.stdout).toMatch(
      /a set of CPUs needs the cpuset controller, .* not delegated to this group .*\n125\n$/,
    );
  });
});
