/**
 * podman with ctr-run where a real systemd makes the groups: as root, as a user with a manager of
 * their own, and as a user without one. What it answers is what it answers with runc
 * (podman.host.test.ts compares them call by call).
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  lacking,
  needs,
  run,
  tempDir,
  toolPath,
  until,
  untilNobodyNames,
} from '../../../../test/support.ts';
import { callAll, imageArchive, imageName } from './engine.ts';

const needed = ['root', 'systemd', 'cgroup-v2', 'command:podman'] as const;
/** The machine's ordinary user. */
const [user, uid] = ['vagrant', 1000];
const runtimeDir = `/run/user/${uid}`;

type As = (line: string) => Ended;
const minutes = { timeout: 560_000 };
const asRoot: As = (line) => run('/bin/sh', ['-c', line], minutes);
/** Where the user's own manager is, in a group that is delegated: as after a login. */
const inSession: As = (line) => {
  const place = ['--user', `--machine=${user}@.host`, '--quiet', '--pipe', '--wait', '--collect'];
  return run('systemd-run', [...place, '-p', 'Delegate=yes', '/bin/sh', '-c', line], minutes);
};
/** Without any: as by su(1) or from cron. */
const withoutSession =
  (XDG_RUNTIME_DIR: string): As =>
  (line) => {
    const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: `/home/${user}`, XDG_RUNTIME_DIR };
    return run('setpriv', ['--reuid', user, '--regid', user, '--init-groups', '/bin/sh', '-c', line], {
      ...minutes,
      env,
      cwd: '/',
    });
  };

const homes: string[] = [];
afterEach(async () => {
  for (const home of homes.splice(0)) await untilNobodyNames(home);
});

/** A store of podman's own, and calls in it: what each said and its exit code, all in one go, for a start takes long here. */
function store(as: As, owner: number, manner: readonly string[]) {
  const [home, archive] = [tempDir('podman'), imageArchive()];
  for (const path of [home, dirname(home), archive, dirname(archive)]) chmodSync(path, 0o755);
  chownSync(home, owner, owner);
  const places = ['--root', `${home}/root`, '--runroot', `${home}/run`, '--tmpdir', `${home}/tmp`];
  const options = ['--storage-driver', 'vfs', '--events-backend', 'file', '--runtime', toolPath('ctr-run')];
  const podman = ['podman', ...places, ...options, ...manner];
  homes.push(home);
  const call = (...calls: string[][]): string[] =>
    callAll(
      as,
      calls.map((args) => [...podman, ...args]),
    );
  // What else it says is that there is no manager, where there is none.
  const [loaded] = call(['load', '--quiet', '--input', archive]);
  expect(loaded!.split('\n')[0]).toBe(`0: Loaded image: ${imageName}`);
  return call;
}

const name = 'ctr-test-c1';
const make = ['--network', 'none', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
const loop = 'trap "echo stopping; exit 5" TERM; echo started; while :; do sleep 0.1; done';
const limit = ['exec', name, 'cat', '/sys/fs/cgroup/memory.max'];

/** The life of a container, beginning with a limit, and what podman says to each. */
const life: readonly [string[], string][] = [
  [['run', '--detach', '--name', name, ...make, '--memory', '64m', imageName, 'sh', '-c', loop], '0: ID'],
  [limit, `0: ${64 << 20}`],
  [
    ['exec', '--user', '1000', '--env', 'A=b', '--workdir', '/tmp', name, 'sh', '-c', 'id -u; pwd; echo $A'],
    '0: 1000\n/tmp\nb',
  ],
  [['exec', '--tty', name, 'tty'], '0: /dev/pts/0'],
  [['exec', name, 'sh', '-c', 'exit 9'], '9: '],
  [['pause', name], `0: ${name}`],
  [['inspect', '--format', '{{.State.Status}}', name], '0: paused'],
  [['unpause', name], `0: ${name}`],
  [['update', '--memory', '32m', name], `0: ID`],
  [limit, `0: ${32 << 20}`],
  [['stop', '--time', '60', name], `0: ${name}`],
  [['logs', name], '0: started\nstopping'],
  [['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', name], '0: exited 5'],
  [['start', name], `0: ${name}`],
  [['kill', '--signal', 'KILL', name], `0: ${name}`],
  [['wait', name], '0: 137'],
  [['rm', name], `0: ${name}`],
  [['run', '--rm', '--tty', ...make, imageName, 'sh', '-c', 'tty; exit 3'], '3: /dev/pts/0'],
];
const lived = (call: ReturnType<typeof store>): string[] => call(...life.map(([args]) => args));
const answers = life.map(([, answer]) => answer);

/** Units of containers that a manager still knows. */
const unitsLeft = (as: As): string =>
  as(`systemctl ${as === inSession ? '--user ' : ''}list-units --all --no-legend --plain 'libpod-*'`).stdout;

describe('as root', () => {
  test('with the systemd cgroup manager a container lives, and no unit is left', (context) => {
    needs(context, ...needed);
    expect(lived(store(asRoot, 0, ['--cgroup-manager', 'systemd']))).toEqual(answers);
    expect(unitsLeft(asRoot)).toBe('');
  }, 600_000);
});

describe('as an ordinary user with a manager of their own', () => {
  beforeAll(async () => {
    if (lacking(...needed) !== undefined) return;
    run('loginctl', ['enable-linger', user]);
    await until('their manager is up', () => readdirSync('/run/user').includes(String(uid)), 60_000);
  });
  afterAll(() => {
    if (lacking(...needed) === undefined) run('loginctl', ['disable-linger', user]);
  });

  test('a container lives, and its limits hold', (context) => {
    needs(context, ...needed, `file:${runtimeDir}`);
    expect(lived(store(inSession, uid, ['--cgroup-manager', 'systemd']))).toEqual(answers);
    expect(unitsLeft(inSession)).toBe('');
  }, 600_000);
});

describe('as an ordinary user without a manager', () => {
  test('a container runs and is entered, and a limit is an error', async (context) => {
    needs(context, ...needed);
    // Where there is one, podman moves itself into a group of its, and then limits can be set.
    await until('no manager is up', () => !readdirSync('/run/user').includes(String(uid)), 60_000);
    const own = tempDir('podman-run');
    // podman makes this place of its own by itself only where it is not given a --tmpdir.
    mkdirSync(`${own}/libpod/tmp`, { recursive: true });
    run('chown', ['-R', user, own]);
    try {
      const call = store(withoutSession(own), uid, ['--cgroup-manager', 'cgroupfs']);
      const [detached, inside, removed, limited] = call(
        ['run', '--detach', '--name', name, ...make, imageName, 'sleep', '1000'],
        ['exec', name, 'id', '-u'],
        ['rm', '--force', '--time', '0', name],
        ['run', '--rm', ...make, '--memory', '64m', imageName, 'true'],
      );
      expect([detached, inside, removed]).toEqual(['0: ID', '0: 0', `0: ${name}`]);
      expect(limited).toMatch(
        /^126: .*(?:cannot be made by this user|not delegated to this group|not ours to write)/,
      );
    } finally {
      // Who holds the user namespace for podman's next call would stay; there is none.
      const pause = `${own}/libpod/tmp/pause.pid`;
      if (existsSync(pause)) process.kill(Number(readFileSync(pause, 'utf8')), 'SIGKILL');
    }
  }, 600_000);
});
