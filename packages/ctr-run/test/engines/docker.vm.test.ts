/** dockerd with its systemd cgroup driver and ctr-run as a named runtime. What it answers is what docker.host.test.ts finds with runc. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, lacking, needs, run, tempDir, toolPath } from '../../../../test/support.ts';
import { callAll, type Daemon, groupsBelow, imageArchive, imageName, startDaemon } from './engine.ts';

const slice = 'ctrtest.slice';
const needed = [
  'root',
  'systemd',
  'cgroup-v2',
  'command:dockerd',
  'command:docker',
  'command:containerd',
] as const;
const daemons: Daemon[] = [];
let socket = '';
const sh = (line: string): Ended => run('/bin/sh', ['-c', line], { timeout: 560_000 });
const docker = (...args: string[]): string[] => ['docker', '--host', socket, ...args];

beforeAll(async () => {
  if (lacking(...needed) !== undefined) return;
  const home = tempDir('docker');
  socket = `unix://${home}/docker.sock`;
  const address = `${home}/c.sock`;
  const containerd = ['--root', `${home}/c-root`, '--state', `${home}/c-state`, '--config', '/dev/null'];
  daemons.push(
    await startDaemon(
      'containerd',
      [...containerd, '--address', address],
      `${home}/containerd.log`,
      () => run('ctr', ['--address', address, 'version']).status === 0,
    ),
  );
  const places = ['--data-root', `${home}/data`, '--exec-root', `${home}/exec`, '--pidfile', `${home}/pid`];
  const network = ['--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver=vfs'];
  const ours = [
    '--add-runtime',
    `ctr=${toolPath('ctr-run')}`,
    '--default-runtime',
    'ctr',
    '--cgroup-parent',
    slice,
  ];
  daemons.push(
    await startDaemon(
      'dockerd',
      ['--containerd', address, '--host', socket, ...places, ...network, ...ours],
      `${home}/dockerd.log`,
      () => sh(docker('version').join(' ')).status === 0,
    ),
  );
  const loaded = sh(docker('load', '--input', imageArchive()).join(' '));
  if (loaded.status !== 0) throw new Error(loaded.stderr);
}, 600_000);

afterAll(async () => {
  if (socket !== '') sh(`docker --host ${socket} ps -aq | xargs -r docker --host ${socket} rm --force`);
  for (const daemon of daemons.reverse()) await daemon.stop();
  run('systemctl', ['stop', slice]);
}, 600_000);

const name = 'ctr-test-c1';
const make = ['--network', 'none'];
const loop = 'trap "echo stopping; exit 5" TERM; echo started; while :; do sleep 0.1; done';
const limit = ['exec', name, 'cat', '/sys/fs/cgroup/memory.max'];
const life: readonly [string[], string][] = [
  [['info', '--format', '{{.CgroupDriver}} {{.CgroupVersion}} {{.DefaultRuntime}}'], '0: systemd 2 ctr'],
  [['run', '--detach', '--name', name, ...make, '--memory', '64m', imageName, 'sh', '-c', loop], '0: ID'],
  [limit, `0: ${64 << 20}`],
  [
    ['exec', '--user', '1000', '--env', 'A=b', '--workdir', '/tmp', name, 'sh', '-c', 'id -u; pwd; echo $A'],
    '0: 1000\n/tmp\nb',
  ],
  [['exec', name, 'sh', '-c', 'exit 9'], '9: '],
  [['pause', name], `0: ${name}`],
  [['inspect', '--format', '{{.State.Status}}', name], '0: paused'],
  [['unpause', name], `0: ${name}`],
  [['update', '--memory', '32m', '--memory-swap', '32m', name], `0: ${name}`],
  [limit, `0: ${32 << 20}`],
  [['stop', '--time', '60', name], `0: ${name}`],
  [['logs', name], '0: started\nstopping'],
  [['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', name], '0: exited 5'],
  [['start', name], `0: ${name}`],
  [['kill', '--signal', 'KILL', name], `0: ${name}`],
  [['wait', name], '0: 137'],
  [['rm', name], `0: ${name}`],
];

test('a container lives, in a scope that systemd makes, and leaves nothing', (context) => {
  needs(context, ...needed, 'command:script');
  expect(
    callAll(
      sh,
      life.map(([args]) => docker(...args)),
    ),
  ).toEqual(life.map(([, answer]) => answer));
  const line = `docker --host ${socket} run --rm --tty ${make.join(' ')} ${imageName} sh -c 'tty; exit 3'`;
  const terminal = run('script', ['-qec', line, '/dev/null'], { timeout: 120_000 });
  expect(terminal).toMatchObject({ status: 3, stdout: expect.stringContaining('/dev/pts/0') });
  expect(groupsBelow(`/${slice}`)).toEqual([]);
  expect(sh("systemctl list-units --all --no-legend --plain 'docker-*.scope'").stdout).toBe('');
}, 600_000);
