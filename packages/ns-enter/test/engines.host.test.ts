/** The line that people type, on containers that podman and Docker started with runc. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, lacking, needs, run, runTool, tempDir } from '../../../test/support.ts';
import {
  type Daemon,
  imageArchive,
  imageName,
  removeParent,
  startDaemon,
} from '../../ctr-run/test/engines/engine.ts';

const look =
  'hostname; pwd; id -u; set -- /proc/[0-9]*; echo $#; for n in mnt uts ipc net pid; do readlink /proc/self/ns/$n; done; exit 3';
const line = (pid: string): string[] => [
  '--target',
  pid,
  '--mount',
  '--uts',
  '--ipc',
  '--net',
  '--pid',
  '/bin/sh',
  '-c',
  look,
];

/** Joined as with nsenter, and shown with namespaces of its own. */
function enters(pid: string, name: string): void {
  const theirs = run('nsenter', line(pid));
  const ours = runTool('ns-enter', line(pid));
  expect(ours).toEqual(theirs);
  expect(ours).toMatchObject({ status: 3, stderr: '' });
  expect(ours.stdout).toMatch(new RegExp(`^${name}\n/\n0\n`));
  const shown = JSON.parse(runTool('ns-enter', ['--show', pid, '--json']).stdout) as {
    namespaces: { type: string; whose: string }[];
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
  const lines = run('lsns', ['-n', '-r', '-o', 'NS', '-p', pid]).stdout.trim().split('\n').map(Number).sort();
  const all = (
    JSON.parse(runTool('ns-enter', ['--show', pid, '--json']).stdout) as { namespaces: { ns: number }[] }
  ).namespaces;
  expect(all.map(({ ns }) => ns).sort()).toEqual(lines);
}

/** One process, which starts none: they are counted. */
const idle = ['sleep', '1000'];

describe('podman', () => {
  const needed = ['root', 'command:podman', 'command:runc', 'command:nsenter', 'command:lsns'] as const;
  const parent = `/ctr-test-ns-podman-${process.pid}`;
  let store = '';
  const podman = (...args: string[]): Ended => {
    const own = ['--root', `${store}/root`, '--runroot', `${store}/run`, '--tmpdir', `${store}/tmp`];
    const manner = ['--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', '--events-backend', 'file'];
    return run('podman', [...own, ...manner, '--runtime', 'runc', ...args], { timeout: 60_000 });
  };
  beforeAll(() => {
    if (lacking(...needed) !== undefined) return;
    store = tempDir('ns-podman');
    const loaded = podman('load', '--input', imageArchive());
    if (loaded.status !== 0) throw new Error(loaded.stderr);
  });
  afterAll(() => {
    if (store === '') return;
    podman('rm', '--all', '--force', '--time', '0');
    podman('rmi', '--all', '--force');
    removeParent(parent);
  });

  test('its container is entered and shown as by nsenter and lsns', (context) => {
    needs(context, ...needed);
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
    const make = [
      '--detach',
      '--network',
      'none',
      '--cgroup-parent',
      parent,
      '--hostname',
      'podbox',
      ...limits,
    ];
    const made = podman('run', ...make, imageName, ...idle);
    expect(made).toMatchObject({ status: 0 });
    enters(podman('inspect', '--format', '{{.State.Pid}}', made.stdout.trim()).stdout.trim(), 'podbox');
  });
});

describe('Docker', () => {
  const needed = [
    'root',
    'command:dockerd',
    'command:docker',
    'command:containerd',
    'command:nsenter',
    'command:lsns',
  ] as const;
  const parent = `/ctr-test-ns-docker-${process.pid}`;
  const daemons: Daemon[] = [];
  let socket = '';
  const docker = (...args: string[]): Ended =>
    run('docker', ['--host', socket, ...args], { timeout: 60_000 });
  beforeAll(async () => {
    if (lacking(...needed) !== undefined) return;
    const home = tempDir('ns-docker');
    socket = `unix://${home}/docker.sock`;
    const address = `${home}/c.sock`;
    const places = ['--root', `${home}/c-root`, '--state', `${home}/c-state`, '--config', '/dev/null'];
    daemons.push(
      await startDaemon(
        'containerd',
        [...places, '--address', address],
        `${home}/containerd.log`,
        () => run('ctr', ['--address', address, 'version']).status === 0,
      ),
    );
    const own = ['--data-root', `${home}/data`, '--exec-root', `${home}/exec`, '--pidfile', `${home}/pid`];
    const network = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
    // By systemd, which dockerd takes where v2 is alone, the parent would have to be a slice.
    const groups = ['--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', parent];
    daemons.push(
      await startDaemon(
        'dockerd',
        ['--containerd', address, '--host', socket, '--storage-driver=vfs', ...own, ...network, ...groups],
        `${home}/dockerd.log`,
        () => docker('version').status === 0,
      ),
    );
    const loaded = docker('load', '--input', imageArchive());
    if (loaded.status !== 0) throw new Error(loaded.stderr);
  });
  afterAll(async () => {
    if (socket !== '') {
      const left = docker('ps', '--all', '--quiet').stdout.split('\n').filter(Boolean);
      if (left.length > 0) docker('rm', '--force', ...left);
    }
    for (const daemon of daemons.reverse()) await daemon.stop();
    removeParent(parent);
  });

  test('its container is entered and shown as by nsenter and lsns', (context) => {
    needs(context, ...needed);
    const made = docker('run', '--detach', '--network', 'none', '--hostname', 'dockbox', imageName, ...idle);
    expect(made).toMatchObject({ status: 0 });
    enters(docker('inspect', '--format', '{{.State.Pid}}', made.stdout.trim()).stdout.trim(), 'dockbox');
  });
});
