/**
 * containerd drives ctr-run through its own shim (io.containerd.runc.v2, BinaryName), which
 * is the road that Kubernetes takes too, and notices no difference to runc.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, lacking, needs, run, skip, tempDir } from '../../../../test/support.ts';
import {
  type Daemon,
  groupsBelow,
  imageArchive,
  imageName,
  removeParent,
  runtimes,
  startDaemon,
  told,
  tooSlow,
  withTerminal,
} from './engine.ts';

const parent = `/ctr-test-containerd-${process.pid}`;
const needed = ['root', 'command:containerd', 'command:ctr', 'command:script'] as const;
let daemon: Daemon | undefined;
let home = '';
const base = (): string[] => ['--address', `${home}/c.sock`, '--namespace', 'ctr-test'];
const ctr = (...args: string[]): Ended => run('ctr', [...base(), ...args], { timeout: 60_000 });
const snapshotter = ['--snapshotter', 'native'];

beforeAll(async () => {
  if ((tooSlow ?? lacking(...needed)) !== undefined) return;
  home = tempDir('containerd');
  const places = ['--root', `${home}/root`, '--state', `${home}/state`, '--address', `${home}/c.sock`];
  daemon = await startDaemon(
    'containerd',
    ['--config', '/dev/null', ...places],
    `${home}/log`,
    () => ctr('version').status === 0,
  );
  const loaded = ctr('images', 'import', ...snapshotter, imageArchive());
  if (loaded.status !== 0) throw new Error(loaded.stderr);
});

afterAll(async () => {
  if (!daemon) return;
  for (const id of ctr('tasks', 'list', '--quiet').stdout.split('\n').filter(Boolean)) {
    ctr('tasks', 'delete', '--force', id);
  }
  await daemon.stop();
  removeParent(parent);
  // Without another, containerd's groups lie under the name of its namespace.
  removeParent('/ctr-test');
});

function life(name: string, runtime: string): string[] {
  const id = `ctr-test-${name}`;
  const c = (...args: string[]): string => told(ctr(...args)).replaceAll(id, 'ID');
  const terminal = (...args: string[]): string =>
    told(withTerminal(['ctr', ...base(), ...args].join(' '))).replaceAll(id, 'ID');
  const make = ['run', ...snapshotter, '--runc-binary', runtime];
  const log = `${home}/${name}.log`;
  const loop = 'trap "echo stopping; exit 5" TERM; echo started; while :; do sleep 0.1; done';
  const status = (): string => {
    const line = ctr('tasks', 'list')
      .stdout.split('\n')
      .find((text) => text.startsWith(id));
    return line?.trim().split(/\s+/).at(-1) ?? 'none';
  };
  const limits = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max';
  const limited = ['--memory-limit', String(64 << 20), '--cgroup', `${parent}/${id}`];
  const lines = [
    c(...make, '--rm', imageName, id, 'echo', 'hi'),
    terminal(...make, '--rm', '--tty', imageName, id, 'sh', '-c', '"tty; exit 3"'),
    c(...make, '--rm', imageName, id, 'no-such'),
    c(...make, '--detach', '--log-uri', `file://${log}`, ...limited, imageName, id, 'sh', '-c', loop),
    status(),
    c('tasks', 'exec', '--exec-id', 'e1', id, 'sh', '-c', `id -u; ${limits}`),
    c(
      'tasks',
      'exec',
      '--exec-id',
      'e2',
      '--user',
      '1000',
      '--cwd',
      '/tmp',
      id,
      'sh',
      '-c',
      'id -u; pwd; exit 9',
    ),
    terminal('tasks', 'exec', '--tty', '--exec-id', 'e3', id, 'tty'),
    c('tasks', 'exec', '--exec-id', 'e4', id, 'no-such'),
    c('tasks', 'pause', id),
    status(),
    c('tasks', 'resume', id),
    status(),
    c('tasks', 'ps', id).split('\n').length > 1 ? 'processes' : 'no processes',
    c('tasks', 'metrics', id).includes('pids.current') || c('tasks', 'metrics', id).includes('pids')
      ? 'metrics'
      : 'no metrics',
    c('tasks', 'kill', '--signal', 'TERM', id),
  ];
  for (let tries = 0; status() !== 'STOPPED' && tries < 100; tries++) run('sleep', ['0.1']);
  return [
    ...lines,
    status(),
    readFileSync(log, 'utf8'),
    c('tasks', 'delete', id),
    c('containers', 'delete', id),
    c(...make, '--detach', '--null-io', '--cgroup', `${parent}/${id}`, imageName, id, 'sleep', '100'),
    c('tasks', 'delete', '--force', id).replace(/^1: /, '0: '),
    c('containers', 'delete', id),
  ];
}

describe('containerd', () => {
  test('answers the same with ctr-run as with runc, and its containers leave nothing', (context) => {
    if (tooSlow) skip(context, tooSlow);
    needs(context, ...needed, 'command:runc');
    const [theirs, ours] = runtimes.map(({ name, path }) => life(name, path));
    expect(ours).toEqual(theirs);
    expect(ours).toContain('started\nstopping\n');
    expect(ours).toContain('3: /dev/pts/0');
    expect(groupsBelow(parent)).toEqual([]);
  }, 240_000);
});
