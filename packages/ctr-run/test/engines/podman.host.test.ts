/** podman drives ctr-run through conmon, and notices no difference to runc. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  lacking,
  needs,
  run,
  skip,
  tempDir,
  untilNobodyNames,
} from '../../../../test/support.ts';
import { groupsBelow, imageArchive, imageName, removeParent, runtimes, told, tooSlow } from './engine.ts';

const parent = `/ctr-test-podman-${process.pid}`;
const missing = tooSlow ?? lacking('root', 'command:podman', 'command:runc');
let store = '';
/** The limits that podman asks for by default are more than a root without CAP_SYS_RESOURCE may give. */
const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];

function podman(runtime: string, ...args: string[]): Ended {
  const own = ['--root', `${store}/root`, '--runroot', `${store}/run`, '--tmpdir', `${store}/tmp`];
  const manner = ['--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', '--events-backend', 'file'];
  return run('podman', [...own, ...manner, '--runtime', runtime, ...args], { timeout: 60_000 });
}

beforeAll(() => {
  if (missing !== undefined) return;
  store = tempDir('podman');
  const loaded = podman('runc', 'load', '--input', imageArchive());
  if (loaded.status !== 0) throw new Error(loaded.stderr);
});

afterAll(async () => {
  if (store === '') return;
  podman('runc', 'rm', '--all', '--force', '--time', '0');
  await untilNobodyNames(store);
  podman('runc', 'rmi', '--all', '--force');
  removeParent(parent);
});

/** One life of a container as a person leads it; every line says what podman answered. */
function life(runtime: string): string[] {
  const p = (...args: string[]): string => told(podman(runtime, ...args));
  const make = ['--network', 'none', '--cgroup-parent', parent, ...limits];
  const name = 'ctr-test-c1';
  const loop = 'trap "echo stopping; exit 5" TERM; echo started; while :; do sleep 0.1; done';
  const lines = [
    p('run', '--rm', ...make, imageName, 'echo', 'hi'),
    p('run', '--detach', '--name', name, ...make, '--memory', '64m', imageName, 'sh', '-c', loop).replace(
      /[0-9a-f]{64}/,
      'ID',
    ),
    p('exec', name, 'sh', '-c', 'id -u; cat /proc/self/cgroup | grep -c libpod-'),
    p('exec', '--user', '1000', '--env', 'A=b', '--workdir', '/tmp', name, 'sh', '-c', 'id -u; pwd; echo $A'),
    p('exec', '--tty', name, 'tty'),
    p('exec', name, 'sh', '-c', 'exit 9'),
    p('exec', name, 'no-such'),
    p('exec', name, '/etc/passwd'),
    p('logs', name),
    p('pause', name),
    p('inspect', '--format', '{{.State.Status}}', name),
    p('exec', name, 'true'),
    p('unpause', name),
    p('inspect', '--format', '{{.State.Status}} {{.HostConfig.Memory}}', name),
    p('top', name, 'args')
      .replace(/\n\s*\[?sleep.*/g, '')
      .trim(),
    p('stop', '--time', '10', name),
    p('logs', name),
    p('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', name),
    p('start', name),
    p('kill', '--signal', 'KILL', name),
    p('wait', name),
    p('rm', '--force', name),
    p('run', '--rm', '--tty', ...make, imageName, 'sh', '-c', 'tty; exit 3'),
    p('run', '--rm', ...make, imageName, 'no-such'),
    p('run', '--rm', ...make, imageName, '/etc/passwd'),
    p(
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
    p('create', '--name', 'ctr-test-c2', ...make, imageName, 'sleep', '100').replace(/[0-9a-f]{64}/, 'ID'),
    p('init', 'ctr-test-c2'),
    p('inspect', '--format', '{{.State.Status}}', 'ctr-test-c2'),
    p('rm', '--force', '--time', '0', 'ctr-test-c2'),
  ];
  return lines;
}

describe('podman', () => {
  test('answers the same with ctr-run as with runc, and its containers leave nothing', (context) => {
    if (tooSlow) skip(context, tooSlow);
    needs(context, 'root', 'command:podman', 'command:runc');
    const [theirs, ours] = runtimes.map(({ path }) => life(path));
    expect(ours).toEqual(theirs);
    expect(ours).toContain('0: started\nstopping');
    expect(ours).toContain('0: exited 5');
    expect(ours).toContain('3: /dev/pts/0');
    expect(groupsBelow(parent).filter((path) => !path.endsWith('/conmon'))).toEqual([]);
  }, 240_000);
});
