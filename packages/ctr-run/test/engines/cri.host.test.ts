/**
 * Pods through containerd's CRI plugin, which is how Kubernetes runs them: the runtime handler
 * of a RuntimeClass names ctr-run, and the calls are those that a kubelet makes for a pod's life.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lacking, needs, run, tempDir, toolPath } from '../../../../test/support.ts';
import { Cri } from './cri.ts';
import { type Daemon, groupsBelow, imageArchive, imageName, removeParent, startDaemon } from './engine.ts';

const needed = ['root', 'command:containerd', 'command:ctr'] as const;
/** systemd's slice where it runs, else a group of our own. */
const systemd = existsSync('/run/systemd/system');
const parent = systemd ? 'ctrtest.slice' : `/ctr-test-cri-${process.pid}`;
let daemon: Daemon | undefined;
let home = '';

const ctr = (...args: string[]) =>
  run('ctr', ['--address', `${home}/c.sock`, '--namespace', 'k8s.io', ...args], { timeout: 120_000 });

/** The stanza of docs/engines.md, and a place of our own for everything. */
const config = (): string => `
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${imageName}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "ctr-run"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.ctr-run]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.ctr-run.options]
      BinaryName = "${toolPath('ctr-run')}"
      SystemdCgroup = ${systemd}
`;

beforeAll(async () => {
  if (lacking(...needed) !== undefined) return;
  home = tempDir('cri');
  writeFileSync(`${home}/config.toml`, config());
  const places = ['--root', `${home}/root`, '--state', `${home}/state`, '--address', `${home}/c.sock`];
  daemon = await startDaemon(
    'containerd',
    ['--config', `${home}/config.toml`, ...places],
    `${home}/log`,
    () => ctr('version').status === 0,
  );
  const loaded = ctr('images', 'import', '--snapshotter', 'native', imageArchive(['/bin/sleep', '100000']));
  if (loaded.status !== 0) throw new Error(loaded.stderr);
});

afterAll(async () => {
  if (!daemon) return;
  for (const id of ctr('tasks', 'list', '--quiet').stdout.split('\n').filter(Boolean))
    ctr('tasks', 'delete', '--force', id);
  await daemon.stop();
  if (systemd) run('systemctl', ['stop', parent]);
  else removeParent(parent);
});

/** Ask until it is so: the engine learns of an image, or of an end, a moment later. */
async function eventually<T>(ask: () => Promise<T>, so: (answer: T) => boolean = () => true): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await ask();
      if (so(answer) || tries > 100) return answer;
    } catch (error) {
      if (tries > 100) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('a pod with the runtime handler ctr-run: its containers run, are limited, executed in, logged and removed', async (context) => {
  needs(context, ...needed);
  const cri = new Cri(`${home}/c.sock`);
  try {
    const version = await eventually(() => cri.call('Version', { 1: 'v1' }));
    expect(version.text(2)).toBe('containerd');
    const pod = {
      1: { 1: 'pod', 2: `uid-${process.pid}`, 3: 'ctr-test' },
      3: `${home}/logs`,
      // The host's network: nothing of CNI is asked for here. It has an own PID namespace (CONTAINER).
      8: { 1: parent, 2: { 1: { 1: 2, 2: 1 } } },
    };
    const sandbox = await eventually(() => cri.call('RunPodSandbox', { 1: pod, 2: 'ctr-run' }));
    const podId = sandbox.text(1);
    expect((await cri.call('PodSandboxStatus', { 1: podId })).message(1).text(1)).toBe(podId);
    const container = async (name: string, command: string[], more: object = {}): Promise<string> => {
      const made = { 1: { 1: name }, 2: { 1: imageName }, 3: command, 11: `${name}.log`, ...more };
      const id = (await cri.call('CreateContainer', { 1: podId, 2: made, 3: pod })).text(1);
      await cri.call('StartContainer', { 1: id });
      return id;
    };
    const status = async (id: string) => (await cri.call('ContainerStatus', { 1: id })).message(1);
    const exec = async (id: string, ...command: string[]) => {
      const ended = await cri.call('ExecSync', { 1: id, 2: command, 3: 60 });
      return `${ended.number(3)}: ${ended.text(1)}${ended.text(2)}`;
    };
    const loop = 'trap "echo stopping; exit 5" TERM; echo started; while :; do sleep 0.1; done';
    const limits =
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
    const id = await container('web', ['/bin/sh', '-c', loop], { 15: { 1: { 4: 64 << 20 } } });
    expect((await status(id)).number(3)).toBe(1);
    expect(await exec(id, '/bin/sh', '-c', `id -u; ${limits}`)).toBe(`0: 0\n${64 << 20}\n`);
    expect(await exec(id, '/bin/sh', '-c', 'echo oh >&2; exit 9')).toBe('9: oh\n');
    await cri.call('UpdateContainerResources', { 1: id, 2: { 4: 96 << 20 } });
    expect(await exec(id, '/bin/sh', '-c', limits)).toBe(`0: ${96 << 20}\n`);
    // On hybrid hosts the shim reads no metrics, of runc's containers either.
    if (existsSync('/sys/fs/cgroup/cgroup.controllers'))
      expect((await cri.call('ContainerStats', { 1: id })).message(1).message(1).text(1)).toBe(id);
    // CRI has no pause; the shim that it drives has.
    expect(ctr('tasks', 'pause', id)).toMatchObject({ status: 0 });
    expect(ctr('tasks', 'list').stdout).toMatch(new RegExp(`^${id} .*PAUSED`, 'm'));
    expect(ctr('tasks', 'resume', id)).toMatchObject({ status: 0 });
    await cri.call('StopContainer', { 1: id, 2: 30 });
    expect([(await status(id)).number(3), (await status(id)).number(7)]).toEqual([2, 5]);
    const log = readFileSync(`${home}/logs/web.log`, 'utf8');
    expect(log.replaceAll(/^\S+ /gm, '')).toBe('stdout F started\nstdout F stopping\n');
    // With a terminal, and an end of its own.
    const other = await container('tty', ['/bin/sh', '-c', 'tty; exit 3'], { 14: true });
    const ended = await eventually(
      () => status(other),
      (s) => s.number(3) === 2,
    );
    expect(ended.number(7)).toBe(3);
    expect(readFileSync(`${home}/logs/tty.log`, 'utf8')).toContain('/dev/pts/0');
    for (const one of [id, other]) await cri.call('RemoveContainer', { 1: one });
    await cri.call('StopPodSandbox', { 1: podId });
    await cri.call('RemovePodSandbox', { 1: podId });
    expect(groupsBelow(systemd ? `/${parent}` : parent)).toEqual([]);
  } finally {
    cri.close();
  }
}, 600_000);
