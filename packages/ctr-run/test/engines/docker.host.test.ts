/** dockerd drives ctr-run as a named runtime, through containerd's shim, and notices no difference to runc. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, lacking, needs, run, skip, tempDir } from '../../../../test/support.ts';
import { expectTarget } from '../../../../test/targets.ts';
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

const parent = `/ctr-test-docker-${process.pid}`;
const needed = ['root', 'command:dockerd', 'command:docker', 'command:containerd', 'command:script'] as const;
const daemons: Daemon[] = [];
let socket = '';

const docker = (...args: string[]): Ended => run('docker', ['--host', socket, ...args], { timeout: 60_000 });

beforeAll(async () => {
  if ((tooSlow ?? lacking(...needed)) !== undefined) return;
  const home = tempDir('docker');
  socket = `unix://${home}/docker.sock`;
  const containerd = ['--root', `${home}/c-root`, '--state', `${home}/c-state`, '--config', '/dev/null'];
  const address = `${home}/c.sock`;
  daemons.push(
    await startDaemon(
      'containerd',
      [...containerd, '--address', address],
      `${home}/containerd.log`,
      () => run('ctr', ['--address', address, 'version']).status === 0,
    ),
  );
  const places = ['--data-root', `${home}/data`, '--exec-root', `${home}/exec`, '--pidfile', `${home}/pid`];
  const network = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
  const ours = ['--add-runtime', `ctr=${runtimes[1].path}`, '--cgroup-parent', parent];
  daemons.push(
    await startDaemon(
      'dockerd',
      ['--containerd', address, '--host', socket, '--storage-driver=vfs', ...places, ...network, ...ours],
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

function life(runtime: string): string[] {
  const d = (...args: string[]): string => told(docker(...args)).replace(/[0-9a-f]{64}/, 'ID');
  const terminal = (...args: string[]): string =>
    told(withTerminal(`docker --host ${socket} ${args.join(' ')}`));
  const make = ['--runtime', runtime, '--network', 'none'];
  const name = 'ctr-test-c1';
  const loop = 'trap "echo stopping; exit 5" TERM; echo started; while :; do sleep 0.1; done';
  const limits = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max';
  return [
    d('run', '--rm', ...make, imageName, 'echo', 'hi'),
    d('run', '--detach', '--name', name, ...make, '--memory', '64m', imageName, 'sh', '-c', loop),
    d('exec', name, 'sh', '-c', `id -u; ${limits}`),
    d('exec', '--user', '1000', '--env', 'A=b', '--workdir', '/tmp', name, 'sh', '-c', 'id -u; pwd; echo $A'),
    terminal('exec', '--tty', '--interactive', name, 'tty'),
    d('exec', name, 'sh', '-c', 'exit 9'),
    d('exec', name, 'no-such').replace(/: OCI.*/s, ''),
    d('exec', name, '/etc/passwd').replace(/: OCI.*/s, ''),
    d('logs', name),
    d('pause', name),
    d('inspect', '--format', '{{.State.Status}}', name),
    d('exec', name, 'true'),
    d('unpause', name),
    d('update', '--memory', '32m', '--memory-swap', '32m', name),
    d('exec', name, 'sh', '-c', limits),
    d('top', name, '-o', 'pid,args').split('\n').length > 1 ? 'top' : 'no top',
    d('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}', name).replace(
      / [\d.]+[KM]iB \//,
      ' some /',
    ),
    d('stop', '--time', '10', name),
    d('logs', name),
    d('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', name),
    d('start', name),
    d('kill', '--signal', 'KILL', name),
    d('wait', name),
    d('rm', '--force', name),
    terminal('run', '--rm', '--tty', ...make, imageName, 'sh', '-c', '"tty; exit 3"'),
    d('run', '--rm', ...make, imageName, 'no-such'),
    d('run', '--rm', ...make, imageName, '/etc/passwd'),
    d(
      'run',
      '--rm',
      '--read-only',
      '--tmpfs',
      '/t',
      '--cap-drop',
      'all',
      '--user',
      '1000:1000',
      ...make,
      imageName,
      'sh',
      '-c',
      'id -u; touch /x; touch /t/x && echo ok; grep CapEff /proc/self/status',
    ),
    d(
      'run',
      '--rm',
      '--memory',
      '16m',
      '--memory-swap',
      '16m',
      ...make,
      imageName,
      'dd',
      'if=/dev/zero',
      'of=/dev/null',
      'bs=100M',
      'count=1',
    ),
  ];
}

describe('Docker', () => {
  test('answers the same with ctr-run as with runc, and its containers leave nothing', (context) => {
    if (tooSlow) skip(context, tooSlow);
    needs(context, ...needed, 'command:runc');
    const theirs = life('runc');
    const ours = life('ctr');
    expect(ours).toEqual(theirs);
    expect(ours).toContain('0: started\nstopping');
    expect(ours).toContain('0: exited 5');
    expect(ours).toContain('3: /dev/pts/0');
    expect(groupsBelow(parent)).toEqual([]);
  }, 240_000);
});

test('a container is a target of every tool, by its name and its ID', (context) => {
  needs(context, ...needed);
  if (tooSlow) skip(context, tooSlow);
  const name = 'ctr-test-target';
  const made = docker('run', '--detach', '--name', name, '--network', 'none', imageName, 'sleep', '1000');
  expect(made).toMatchObject({ status: 0 });
  const pid = Number(docker('inspect', '--format', '{{.State.Pid}}', name).stdout);
  // Where the daemon's directory is the usual one.
  const [data, usual] = [`${socket.slice('unix://'.length, -'/docker.sock'.length)}/data`, '/var/lib/docker'];
  const there = `mount -t tmpfs none /var/lib && mkdir ${usual} && mount --bind ${data} ${usual} && exec "$@"`;
  const within = (path: string, args: readonly string[]): string[] => [
    ...['unshare', '--mount', 'sh', '-c', there, 'sh', path, ...args],
  ];
  expectTarget(`docker:${name}`, pid, {}, within);
  for (const word of [made.stdout.trim(), made.stdout.slice(0, 12)]) {
    const [file, ...words] = within('aa-confine', [`--show=docker:${word}`, '--json']);
    expect(JSON.parse(run(file!, words).stdout)).toMatchObject({ pid });
  }
  expect(docker('rm', '--force', name).status).toBe(0);
  const [file, ...words] = within('caps-drop', [`--show=docker:${name}`]);
  expect(run(file!, words).stderr).toContain(`docker:${name}: there is no such container`);
});
