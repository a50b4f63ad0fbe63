/** config-linux.md: namespaces, mappings, network devices, groups and their limits, seccomp, as a container shows them. */
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { NamespaceType, Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { lacking, needs, run, runTool, skip, start, until } from '../../../test/support.ts';
import { ctrLeaving, type Maker, makeBundle, searchable, testId } from './bundles.ts';
import { inContainer, needsRuntime, program, runtimes } from './runtimes.ts';

const good = { status: 0, stderr: '' };
const files: Record<NamespaceType, string> = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};
const own = (type: NamespaceType): string => readlinkSync(`/proc/self/ns/${files[type]}`);

/** A spec without one of its namespaces, and without what would then change the host. */
function without(spec: Spec, type: NamespaceType): void {
  spec.linux!.namespaces = spec.linux!.namespaces!.filter((n) => n.type !== type);
  if (type === 'uts') delete spec.hostname;
  // A sysfs shows the network namespace that it was mounted in; mqueue the IPC namespace.
  if (type === 'network')
    spec.mounts = spec.mounts!.filter(({ type: fs }) => fs !== 'sysfs' && fs !== 'cgroup');
  if (type === 'ipc') spec.mounts = spec.mounts!.filter(({ type: fs }) => fs !== 'mqueue');
}

describe.each(runtimes)('namespaces under %s', (runtime) => {
  test('each is new where no path is given', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(
      runtime,
      'for n in pid net mnt ipc uts cgroup; do readlink /proc/self/ns/$n; done',
    );
    expect(ended).toMatchObject(good);
    for (const link of ended.stdout.trim().split('\n'))
      expect(link).not.toBe(readlinkSync(`/proc/self/ns/${link.split(':')[0]}`));
  });

  test.each(['pid', 'network', 'ipc', 'uts'] as const)(
    'without %s in the list it is the runtime’s',
    (type) => {
      const ended = inContainer(runtime, `readlink /proc/self/ns/${files[type]}`, (spec) =>
        without(spec, type),
      );
      expect(ended).toMatchObject({ ...good, stdout: `${own(type)}\n` });
    },
  );

  test.for(['network', 'ipc', 'uts', 'pid'] as const)('%s is joined by its path', async (type, context) => {
    needsRuntime(context, runtime);
    const flag = {
      network: '--net',
      ipc: '--ipc',
      uts: '--uts',
      pid: '--pid',
      mount: '',
      user: '',
      cgroup: '',
      time: '',
    };
    const holder = start('unshare', [
      flag[type],
      ...(type === 'pid' ? ['--fork', '--kill-child'] : []),
      'sleep',
      '1000',
    ]);
    const pids = () => [
      holder.child.pid!,
      ...readFileSync(`/proc/${holder.child.pid}/task/${holder.child.pid}/children`, 'utf8')
        .trim()
        .split(' ')
        .filter(Boolean)
        .map(Number),
    ];
    const path = () => `/proc/${pids().at(-1)}/ns/${files[type]}`;
    await until('it has its namespace', () => readlinkSync(path()) !== own(type));
    const wanted = readlinkSync(path());
    const ended = inContainer(runtime, `readlink /proc/self/ns/${files[type]}`, (spec) => {
      if (type === 'uts') delete spec.hostname;
      for (const entry of spec.linux!.namespaces!) if (entry.type === type) entry.path = path();
    });
    expect(ended).toMatchObject({ ...good, stdout: `${wanted}\n` });
  });

  test('a path of another type, or twice the same type, is an error', (context) => {
    needsRuntime(context, runtime);
    const wrong = inContainer(runtime, 'true', (spec) => {
      for (const entry of spec.linux!.namespaces!) if (entry.type === 'ipc') entry.path = '/proc/self/ns/net';
    });
    expect(wrong.status).toBe(1);
    const twice = inContainer(runtime, 'true', (spec) => spec.linux!.namespaces!.push({ type: 'ipc' }));
    expect(twice.status).toBe(1);
  });

  test('in a user namespace IDs are mapped, and nothing on disk changes its owner', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(
      [
        '/bin/sh',
        '-c',
        'id -u; cat /proc/self/uid_map /proc/self/gid_map | tr -s " "; stat -c %u /etc/passwd',
      ],
      (spec) => {
        spec.linux!.namespaces!.push({ type: 'user' });
        spec.linux!.uidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }];
        spec.linux!.gidMappings = [{ containerID: 0, hostID: 200_000, size: 2000 }];
      },
    );
    searchable(bundle);
    const ended = run(program(runtime), ['run', '--bundle', bundle, testId()]);
    expect(ended).toMatchObject({ ...good, stdout: '0\n 0 100000 1000\n 0 200000 2000\n65534\n' });
    expect(statSync(`${bundle}/rootfs/etc/passwd`).uid).toBe(0);
  });
});

/** A container that sleeps, taken down after the line; `$PID` is its first process. */
function whileRunning(runtime: Maker, change: (spec: Spec) => void, line: string) {
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], change);
  const made = run('/bin/sh', [
    '-c',
    `${program(runtime)} run -d --bundle ${bundle} --pid-file ${bundle}/pid ${id} </dev/null >${bundle}/out 2>&1`,
  ]);
  if (made.status !== 0) throw new Error(readFileSync(`${bundle}/out`, 'utf8'));
  try {
    return run('/bin/sh', ['-c', `PID=$(cat ${bundle}/pid); ID=${id}; ${line}`]);
  } finally {
    run(program(runtime), ['delete', '--force', id]);
  }
}

describe.each(runtimes)('groups under %s', (runtime) => {
  test('an absolute cgroupsPath is a path from the mount point, the same each time, and goes with the container', (context) => {
    needsRuntime(context, runtime);
    const path = `/ctr-test-group-${process.pid}/${runtime}`;
    const groups = () =>
      whileRunning(
        runtime,
        (spec) => (spec.linux!.cgroupsPath = path),
        'grep -E ":(pids|memory)?:|,memory:|^0::" /proc/$PID/cgroup | cut -d: -f3 | sort -u',
      )
        .stdout.trim()
        .split('\n');
    const first = groups();
    expect(first).toContain(path);
    expect(groups()).toEqual(first);
    expect(run('find', ['/sys/fs/cgroup', '-maxdepth', '3', '-path', `*${path}`]).stdout).toBe('');
    run('/bin/sh', [
      '-c',
      `find /sys/fs/cgroup -maxdepth 3 -depth -name ctr-test-group-${process.pid} -exec rmdir {} +`,
    ]);
  });

  test('a relative cgroupsPath is somewhere of the runtime’s choice, the same each time', (context) => {
    needsRuntime(context, runtime);
    const path = `ctr-test-relative-${process.pid}`;
    const group = () =>
      whileRunning(
        runtime,
        (spec) => (spec.linux!.cgroupsPath = path),
        'cut -d: -f2,3 /proc/$PID/cgroup | sort',
      ).stdout;
    const first = group();
    expect(first).toContain(path);
    expect(group()).toBe(first);
  });

  test('device rules are applied in the order listed', (context) => {
    needsRuntime(context, runtime);
    const look =
      'dd if=/dev/zero of=/dev/null count=1 2>/dev/null && echo zero; (: < /dev/full) 2>/dev/null && echo full';
    const ended = inContainer(runtime, `${look}; echo over`, (spec) => {
      spec.linux!.resources = {
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, type: 'c', major: 1, minor: 7, access: 'r' },
          { allow: true, type: 'c', major: 4, minor: 64, access: 'rw' },
        ],
      };
      spec.linux!.devices = [{ type: 'c', path: '/dev/serial', major: 4, minor: 64, fileMode: 0o666 }];
    });
    expect(ended).toMatchObject(good);
    expect(ended.stdout).toMatch(/over\n$/);
    const denied = inContainer(runtime, '(: < /dev/kmsg) 2>&1; true', (spec) => {
      spec.linux!.devices = [{ type: 'c', path: '/dev/kmsg', major: 1, minor: 11, fileMode: 0o666 }];
      spec.linux!.resources = {
        devices: [
          { allow: true, type: 'c', major: 1, minor: 11, access: 'rwm' },
          { allow: false, type: 'c', major: 1, minor: 11, access: 'r' },
        ],
      };
    });
    expect(denied.stdout).toMatch(/not permitted/);
  });

  test('a controller that is not there, for unified, is an error', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'true', (spec) => {
      spec.linux!.resources = { ...spec.linux!.resources, unified: { 'nonsense.max': '1' } };
    });
    expect(ended.status).toBe(1);
  });

  test('a seccomp profile with errnoRet and arguments decides as written', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(
      runtime,
      'mkdir /tmp/a 2>&1; chmod 711 /tmp; chmod 700 /tmp; stat -c %a /tmp',
      (spec) => {
        spec.root!.readonly = false;
        spec.linux!.seccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
          syscalls: [
            { names: ['mkdir', 'mkdirat', 'no_such_call'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 },
            {
              names: ['chmod', 'fchmodat', 'fchmodat2'],
              action: 'SCMP_ACT_ERRNO',
              errnoRet: 1,
              args: [{ index: 1, value: 0o700, op: 'SCMP_CMP_EQ' }],
            },
          ],
        };
      },
    );
    expect(ended.stdout).toMatch(/No space left on device/);
    if (process.arch === 'x64') expect(ended.stdout).toMatch(/711\n$/);
  });
});

test('errno for an action that takes none is an error', (context) => {
  needs(context, 'root');
  const ended = inContainer('ctr-run', 'true', (spec) => {
    spec.linux!.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 };
  });
  expect(ended).toMatchObject({ status: 1, stdout: '' });
  expect(ended.stderr).toMatch(/defaultErrnoRet.*takes no errno/);
});

test('a cgroupsPath that climbs, or names the whole machine, is an error', (context) => {
  needs(context, 'root');
  for (const path of ['/a/../../b', '/']) {
    const ended = inContainer('ctr-run', 'true', (spec) => (spec.linux!.cgroupsPath = path));
    expect(ended.stderr).toMatch(/cgroupsPath/);
    expect(ended.status).toBe(1);
  }
});

test('what limits a container that shares a group with others is refused before it is made', (context) => {
  needs(context, 'root', 'cgroup-v1');
  const group = `/ctr-test-busy-${process.pid}`;
  const directory = `/sys/fs/cgroup/pids${group}`;
  mkdirSync(directory);
  const other = start('/bin/sh', ['-c', `echo $$ > ${directory}/cgroup.procs; exec sleep 1000`]);
  try {
    const ended = inContainer('ctr-run', 'true', (spec) => (spec.linux!.cgroupsPath = group));
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/ctr-test-busy/);
  } finally {
    other.child.kill('SIGKILL');
    run('/bin/sh', ['-c', `while ! rmdir ${directory} 2>/dev/null; do sleep 0.05; done`]);
  }
});

test('a limit below what is in use is refused where that is asked for', (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('run', '-d', '--bundle', makeBundle(['/bin/sleep', '1000']), id).status).toBe(0);
  const resources = { memory: { limit: 4096, checkBeforeUpdate: true } };
  const ended = runTool('ctr-run', ['update', '-r', '-', id], { input: JSON.stringify(resources) });
  expect(ended.status).not.toBe(0);
  expect(ended.stderr).toMatch(/memory/);
  expect(JSON.parse(runTool('ctr-run', ['state', id]).stdout)).toMatchObject({ status: 'running' });
  runTool('ctr-run', ['delete', '--force', id]);
});

describe('what this kernel cannot do is named', () => {
  test.for<[string, (spec: Spec) => void, RegExp, string | undefined]>([
    [
      'intelRdt',
      (s) => (s.linux!.intelRdt = { closID: 'x' }),
      /resctrl/,
      existsSync('/sys/fs/resctrl/schemata') ? 'resctrl is mounted' : undefined,
    ],
    [
      'apparmorProfile',
      (s) => (s.process!.apparmorProfile = 'x'),
      /AppArmor/,
      lacking('apparmor') ? undefined : 'the kernel has AppArmor',
    ],
    [
      'selinuxLabel',
      (s) => (s.process!.selinuxLabel = 'u:r:t:s0'),
      /SELinux/,
      lacking('selinux') ? undefined : 'the kernel has SELinux',
    ],
    [
      'mountLabel',
      (s) => (s.linux!.mountLabel = 'u:r:t:s0'),
      /SELinux/,
      lacking('selinux') ? undefined : 'the kernel has SELinux',
    ],
    [
      'a file system',
      (s) => s.mounts!.push({ destination: '/x', type: 'nosuchfs', source: 'x' }),
      /nosuchfs/,
      undefined,
    ],
    [
      'rdma',
      (s) => (s.linux!.resources = { rdma: { mlx5_1: { hcaHandles: 3 } } }),
      /rdma/i,
      existsSync('/sys/class/infiniband') ? 'there are such devices' : undefined,
    ],
    [
      'a huge page size',
      (s) => (s.linux!.resources = { hugepageLimits: [{ pageSize: '3MB', limit: 0 }] }),
      /3MB/,
      undefined,
    ],
    [
      'a network priority',
      (s) => (s.linux!.resources = { network: { classID: 7 } }),
      /net_cls|network/,
      existsSync('/sys/fs/cgroup/net_cls') ? 'net_cls is mounted' : undefined,
    ],
    [
      'a scheduler',
      (s) => (s.process!.scheduler = { policy: 'SCHED_ISO' }),
      /SCHED_ISO|scheduling/,
      undefined,
    ],
  ])('%s', ([_what, change, words, because], context) => {
    needs(context, 'root');
    if (because !== undefined) skip(context, because);
    const ended = inContainer('ctr-run', 'true', change);
    expect(ended.stderr).toMatch(words);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(ended.status).toBe(1);
  });
});
