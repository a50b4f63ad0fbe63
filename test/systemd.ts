/**
 * A systemd that tests can talk to on any machine. Where systemd is PID 1 it is that one. Elsewhere a container
 * of ours runs the machine's own systemd over the machine's own files, with cgroup v2 alone before
 * it and no unit but what a test starts.
 */

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import type { TestContext } from 'vitest';
import { capabilityNames } from '../packages/sys/src/constants/capabilities.ts';
import {
  atFileEnd,
  type Ended,
  findCommand,
  needs,
  type RunOptions,
  run,
  skip,
  start,
  tempDir,
  toolEnv,
  toolPath,
  top,
} from './support.ts';

export interface Machine {
  /** Run a program to its end on this machine, the built tools first in PATH. Only `timeout` counts, and `env` adds. */
  run(file: string, args: readonly string[], options?: Pick<RunOptions, 'timeout' | 'env'>): Ended;
  /** The same with a program that goes on. */
  start(file: string, args: readonly string[]): ReturnType<typeof start>;
  /** Where this process sees a path of the machine's, for looking into /sys/fs/cgroup and /run. */
  path(path: string): string;
}

const programs = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'];
const beds = new Map<string, Machine>();

/** The machine with systemd, started when a test of this file first wants it. Skips the test where there is none. */
export function systemdMachine(context: TestContext): Machine {
  needs(context, 'root');
  if (existsSync('/run/systemd/system')) return here;
  const program = programs.find((path) => existsSync(path));
  if (program === undefined) skip(context, 'neither runs systemd nor is it installed');
  let machine = beds.get('unified');
  if (!machine) {
    machine = boot(program, [
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup2',
        source: 'cgroup2',
        options: ['nosuid', 'nodev', 'noexec'],
      },
    ]);
    beds.set('unified', machine);
    atFileEnd(() => beds.clear());
  }
  return machine;
}

export const here: Machine = {
  run: (file, args, { timeout, env } = {}) =>
    run(file, args, { ...(timeout && { timeout }), ...(env && { env: toolEnv(env) }) }),
  start,
  path: (path) => path,
};

function boot(program: string, cgroups: readonly object[]): Machine {
  const id = `ctr-test-${process.pid}-systemd`;
  const bundle = tempDir('systemd');
  const units = `${bundle}/units`;
  mkdirSync(units);
  writeUnits(units);
  writeFileSync(`${bundle}/config.json`, JSON.stringify(specFor(program, bundle, units, id, cgroups)));
  const log = `${bundle}/log`;
  const fd = openSync(log, 'w');
  const argv = ['run', '--detach', '--bundle', bundle, id];
  const ended = spawnSync(toolPath('ctr-run'), argv, { stdio: ['ignore', fd, fd], timeout: 60_000 });
  closeSync(fd);
  atFileEnd(() => void run(toolPath('ctr-run'), ['delete', '--force', id]));
  const told = (): string => readFileSync(log, 'utf8');
  if (ended.status !== 0) throw new Error(`systemd does not start: ${told()}`);
  const { pid } = JSON.parse(run(toolPath('ctr-run'), ['state', id]).stdout) as { pid: number };
  const path = (inside: string): string => `/proc/${pid}/root${inside}`;
  for (let n = 0; !existsSync(path('/run/systemd/private')); n++) {
    if (n > 300) throw new Error(`systemd does not come up: ${told()}`);
    run('sleep', ['0.1']);
  }
  // As on a machine, the root has controllers below it, and who is executed is where the first process is.
  const [controller] = readFileSync(path('/sys/fs/cgroup/cgroup.controllers'), 'utf8').split(/\s/);
  if (controller) writeFileSync(path('/sys/fs/cgroup/cgroup.subtree_control'), `+${controller}`);
  const PATH = toolEnv().PATH!;
  const into = (env: Record<string, string> = {}): string[] => [
    'exec',
    ...Object.entries({ PATH, ...env }).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    id,
  ];
  return {
    run: (file, args, { timeout, env } = {}) =>
      run(toolPath('ctr-run'), [...into(env), file, ...args], timeout ? { timeout } : {}),
    start: (file, args) => start(toolPath('ctr-run'), [...into(), file, ...args]),
    path,
  };
}

/** The target that it boots to, and a bus, by which peers talk to it. */
function writeUnits(directory: string): void {
  const daemon = findCommand('dbus-daemon');
  const without = 'DefaultDependencies=no';
  const units = {
    'bed.target': `[Unit]\n${without}\n${daemon ? 'Wants=dbus.service\n' : ''}`,
    // What units depend on by default.
    ...Object.fromEntries(
      ['sysinit', 'basic', 'shutdown'].map((name) => [`${name}.target`, `[Unit]\n${without}\n`]),
    ),
    'dbus.socket': `[Unit]\n${without}\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n`,
    'dbus.service': [
      `[Unit]\n${without}\nRequires=dbus.socket\nAfter=dbus.socket\n[Service]\nType=notify`,
      `ExecStart=${daemon} --system --address=systemd: --nofork --nopidfile --systemd-activation\n`,
    ].join('\n'),
  };
  for (const [name, text] of Object.entries(units)) writeFileSync(`${directory}/${name}`, text);
}

/** All capabilities, all devices, no filter and no masks: it is to be a machine and not a sandbox. */
function specFor(
  program: string,
  bundle: string,
  units: string,
  id: string,
  cgroups: readonly object[],
): object {
  const tmpfs = (destination: string, mode: string) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', `mode=${mode}`],
  });
  const bind = (path: string, access: string) => ({
    destination: path,
    type: 'bind',
    source: path,
    options: ['rbind', access],
  });
  const kernel = (destination: string, type: string, ...options: string[]) => ({
    destination,
    type,
    source: type,
    options: ['nosuid', ...options],
  });
  // A sandbox that these tests run in may lack some, which would be a warning at each call.
  const has = BigInt(`0x${/^CapBnd:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`);
  const all = capabilityNames.filter((_, bit) => ((has >> BigInt(bit)) & 1n) === 1n);
  return {
    ociVersion: '1.2.0',
    hostname: 'systemd',
    root: { path: 'rootfs' },
    process: {
      cwd: '/',
      user: { uid: 0, gid: 0 },
      args: [program, '--unit=bed.target', '--log-target=console', '--log-level=info'],
      env: [
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
        'container=oci',
        // No unit of the machine's is known, and nothing makes any (systemd(1), Environment).
        `SYSTEMD_UNIT_PATH=${units}:/run/systemd/transient`,
        'SYSTEMD_GENERATOR_PATH=/nowhere',
        'SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere',
      ],
      capabilities: { bounding: all, effective: all, permitted: all, inheritable: all },
    },
    mounts: [
      kernel('/proc', 'proc'),
      kernel('/sys', 'sysfs'),
      kernel('/dev', 'tmpfs', 'mode=755'),
      kernel('/dev/pts', 'devpts', 'newinstance', 'ptmxmode=0666', 'mode=0620'),
      kernel('/dev/shm', 'tmpfs', 'mode=1777'),
      ...cgroups,
      tmpfs('/run', '755'),
      ...shareRoot(`${bundle}/rootfs`).map((path) => bind(path, 'ro')),
      tmpfs('/tmp', '1777'),
      bind(top, 'ro'),
      // Where tests make what they start.
      bind(tmpdir(), 'rw'),
    ],
    linux: {
      cgroupsPath: `/${id}`,
      resources: { devices: [{ allow: true, access: 'rwm' }] },
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
    },
  };
}

/** Make a root with a place for all that the machine's has; which of its directories are to be the machine's own. */
function shareRoot(rootfs: string): string[] {
  mkdirSync(rootfs);
  const own = ['proc', 'sys', 'dev', 'run', 'tmp', 'lost+found'];
  const shared: string[] = [];
  for (const entry of readdirSync('/', { withFileTypes: true })) {
    const path = `${rootfs}/${entry.name}`;
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(`/${entry.name}`), path);
    if (!entry.isDirectory()) continue;
    mkdirSync(path);
    if (!own.includes(entry.name)) shared.push(`/${entry.name}`);
  }
  return shared;
}
