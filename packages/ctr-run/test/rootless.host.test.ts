/** Containers of an ordinary user: with newuidmap and a range of IDs, and without either. */
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bin, type Ended, isRoot, needs, run, tempDir, until } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

/** An ID that nobody on the machine has, in no /etc/subuid. */
const stranger = 54321;
let runtime = '';

/** Run as an ordinary user, whose state has a place in XDG_RUNTIME_DIR. */
function asUser(uid: number, ...argv: string[]): Ended {
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: runtime, XDG_RUNTIME_DIR: runtime };
  const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  if (!argv.includes('--detach')) return run('setpriv', [...user, ...argv], { env, cwd: '/' });
  // What a container that stays says goes to a file, for it would keep a pipe open.
  const line = 'exec "$0" "$@" </dev/null >"$HOME/said" 2>&1';
  const ended = run('setpriv', [...user, '/bin/sh', '-c', line, ...argv], { env, cwd: '/' });
  return { ...ended, stderr: readFileSync(`${runtime}/said`, 'utf8') };
}

/** A bundle as `ctr-run spec --rootless` writes it for this user. */
function bundleFor(uid: number, args: string[], change: Parameters<typeof makeBundle>[1] = () => {}): string {
  const written = asUser(uid, 'ctr-run', 'spec', '--rootless', '-');
  if (written.status !== 0) throw new Error(written.stderr);
  const rootless = JSON.parse(written.stdout) as Parameters<NonNullable<typeof change>>[0];
  const bundle = makeBundle(args, (spec) => {
    Object.assign(spec, rootless, { process: { ...rootless.process, terminal: false, args } });
    change(spec);
  });
  for (const path of [bundle, dirname(bundle)]) chmodSync(path, 0o755);
  run('chown', ['-R', `${uid}:${uid}`, bundle]);
  return bundle;
}

beforeAll(() => {
  if (!isRoot) return;
  runtime = tempDir('runtime');
  chmodSync(dirname(runtime), 0o755);
  chownSync(runtime, stranger, stranger);
});

afterAll(() => {
  if (isRoot && existsSync(`${runtime}/ctr-run`)) expect(run('ls', [`${runtime}/ctr-run`]).stdout).toBe('');
});

describe('a user with one ID alone', () => {
  test('runs a container, whose root is the user', (context) => {
    needs(context, 'root', 'command:setpriv');
    const bundle = bundleFor(
      stranger,
      [
        '/bin/sh',
        '-c',
        'id -u; cat /proc/self/uid_map | tr -s " "; hostname; touch /x && echo writes; exit 5',
      ],
      (spec) => {
        spec.root!.readonly = false;
      },
    );
    const ended = asUser(stranger, 'ctr-run', 'run', '--bundle', bundle, testId());
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toBe(`0\n 0 ${stranger} 1\nctr-run\nwrites\n`);
    expect(ended.status).toBe(5);
  });

  test('runs one detached, execs into it, kills and deletes it', async (context) => {
    needs(context, 'root', 'command:setpriv');
    const id = testId();
    const bundle = bundleFor(stranger, ['/bin/sleep', '1000']);
    expect(asUser(stranger, 'ctr-run', 'run', '--detach', '--bundle', bundle, id)).toMatchObject({
      status: 0,
      stderr: '',
    });
    const state = () =>
      JSON.parse(asUser(stranger, 'ctr-run', 'state', id).stdout) as { status: string; pid: number };
    expect(state().status).toBe('running');
    expect(readFileSync(`/proc/${state().pid}/status`, 'utf8')).toMatch(new RegExp(`Uid:\\s+${stranger}\\s`));
    const inside = asUser(stranger, 'ctr-run', 'exec', id, '/bin/sh', '-c', 'id -u; exit 3');
    expect(inside).toMatchObject({ status: 3, stdout: '0\n', stderr: '' });
    expect(asUser(stranger, 'ctr-run', 'kill', id, 'KILL')).toMatchObject({ status: 0, stderr: '' });
    await until('it has stopped', () => state().status === 'stopped');
    expect(asUser(stranger, 'ctr-run', 'delete', id)).toMatchObject({ status: 0, stderr: '' });
    expect(asUser(stranger, 'ctr-run', 'list', '-q').stdout).toBe('');
  });

  test('is told that a limit cannot be set, rather than left without it', (context) => {
    needs(context, 'root', 'command:setpriv');
    const id = testId();
    const bundle = bundleFor(stranger, ['/bin/true'], (spec) => {
      spec.linux!.resources = { memory: { limit: 64 << 20 } };
    });
    const ended = asUser(stranger, 'ctr-run', 'run', '--bundle', bundle, id);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/memory|cgroup/);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(`${runtime}/ctr-run/${id}`)).toBe(false);
  });

  test('is told where the state can go when there is no XDG_RUNTIME_DIR', (context) => {
    needs(context, 'root', 'command:setpriv');
    const env = { PATH: '/usr/bin:/bin' };
    const ended = run('setpriv', ['--reuid', String(stranger), '--clear-groups', `${bin}/ctr-run`, 'list'], {
      env,
      cwd: '/',
    });
    expect(ended.stderr).toMatch(/XDG_RUNTIME_DIR|--root DIR/);
    expect(ended.status).not.toBe(0);
  });
});

/**
 * The users of a machine on which the stranger has a name and a range of IDs: files of our
 * own over those of /etc, in a mount namespace of this one call.
 */
function asUserWithRange(first: number, count: number, ...argv: string[]): Ended {
  const files = tempDir('etc');
  chmodSync(files, 0o755);
  const passwd = `${readFileSync('/etc/passwd', 'utf8')}stranger:x:${stranger}:${stranger}::/:/bin/sh\n`;
  writeFileSync(`${files}/passwd`, passwd);
  for (const name of ['subuid', 'subgid']) writeFileSync(`${files}/${name}`, `stranger:${first}:${count}\n`);
  const mounts = ['passwd', 'subuid', 'subgid'].map((name) => `mount --bind ${files}/${name} /etc/${name}`);
  const user = `setpriv --reuid ${stranger} --regid ${stranger} --clear-groups`;
  const env = { PATH: `${bin}:/usr/bin:/bin:/usr/sbin:/sbin`, HOME: runtime, XDG_RUNTIME_DIR: runtime };
  const line = `${mounts.join(' && ')} && exec ${user} "$0" "$@"`;
  return run('unshare', ['--mount', '--propagation', 'private', '/bin/sh', '-c', line, ...argv], {
    env,
    cwd: '/',
  });
}

test('a user with a range of IDs gets it mapped by newuidmap and newgidmap', (context) => {
  needs(context, 'root', 'command:setpriv', 'command:unshare', 'command:newuidmap', 'file:/etc/subuid');
  const map = [
    { containerID: 0, hostID: stranger, size: 1 },
    { containerID: 1, hostID: 300000, size: 65536 },
  ];
  const lines = 'cat /proc/self/uid_map /proc/self/gid_map | tr -s " "; id -u; id -G';
  const bundle = bundleFor(stranger, ['/bin/sh', '-c', lines], (spec) => {
    spec.linux!.uidMappings = map;
    spec.linux!.gidMappings = map;
    spec.process!.user = { uid: 12, gid: 12, additionalGids: [13] };
  });
  const ended = asUserWithRange(300000, 65536, 'ctr-run', 'run', '--bundle', bundle, testId());
  expect(ended.stderr).toBe('');
  const mapped = ` 0 ${stranger} 1\n 1 300000 65536\n`;
  expect(ended.stdout).toBe(`${mapped}${mapped}12\n12 13\n`);
  const outside = asUserWithRange(300000, 10, 'ctr-run', 'run', '--bundle', bundle, testId());
  expect(outside.status).toBe(1);
  expect(outside.stderr).toMatch(/newuidmap|\/etc\/subuid/);
});

test('root of a user namespace, as rootless engines are, has its state where the user may write', (context) => {
  needs(context, 'root', 'command:unshare');
  const own = tempDir('own');
  const looked = (user: string): string => {
    const env = { PATH: `${bin}:/usr/bin:/bin`, XDG_RUNTIME_DIR: own, USER: user };
    return run('unshare', ['--user', '--map-root-user', 'ctr-run', 'state', 'no-such'], { env }).stderr;
  };
  expect(looked('somebody')).toContain(`(looked in ${own}/ctr-run;`);
  // A machine of its own in a container.
  expect(looked('root')).toContain('(looked in /run/ctr-run;');
});
