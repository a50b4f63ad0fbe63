/**
 * Plans of the tools used again. The tools of these tests lie in a directory of their own, from which
 * Node can be taken away: what runs without it has used a plan again.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { searchable } from '../packages/ctr-run/test/bundles.ts';
import { layApart, noPlanner, plansIn } from './apart.ts';
import { isRoot, needs, type RunOptions, run, start, tempDir, toolEnv, until } from './support.ts';

let apart: ReturnType<typeof layApart>;
let root: string;

beforeAll(() => {
  apart = layApart();
});

beforeEach(() => {
  root = tempDir('states');
});

afterEach(() => apart.give());

const plans = () => plansIn(root);
const env = (extra: Record<string, string> = {}) =>
  toolEnv({ CTR_STATE_ROOT: root, PATH: `${apart.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, ...extra });
const sh = (line: string, options: RunOptions = {}) =>
  run('/bin/sh', ['-c', `exec ${line}`], { env: env(), ...options });

const alone = (line: string, options: RunOptions = {}) => apart.without(() => sh(line, options));
const look = `sh -c 'grep -E "^(Cap|Seccomp:|NoNewPrivs|Uid|Groups)" /proc/self/status; hostname; sed "s/ctr-limit-[0-9]*/GROUP/" /proc/self/cgroup; umask; echo out; echo err >&2; exit 5'`;

describe.skipIf(!isRoot)('a second call', () => {
  test.each([
    ['ns-enter --new uts --hostname box'],
    ['ns-enter --new pid,mount,net --mount-proc'],
    ['caps-drop --only net_bind_service'],
    ['caps-drop --user 1000:1000 --groups none --no-new-privs'],
    ['seccomp-load default --'],
    ['aa-confine --profile unconfined'],
    ['cg-limit --manager files --pids-limit 30'],
    [
      'cg-limit --manager files --pids-limit 30 -- ns-enter --new uts --hostname in -- caps-drop --all -- seccomp-load default --',
    ],
  ])('needs no planner and does the same: %s', (words) => {
    const line = `${words} ${look}`;
    const first = sh(line);
    expect(first).toMatchObject({ status: 5, stdout: expect.stringContaining('out\n'), stderr: 'err\n' });
    expect(plans()).toHaveLength(1);
    for (let i = 0; i < 2; i++) expect(alone(line)).toEqual(first);
  });

  test('has the group of its own PID, several at once', async (context) => {
    needs(context, 'root');
    const line = `cg-limit --manager files --pids-limit 30 -- sh -c 'echo "$CTR_CGROUP"; cat'`;
    expect(sh(line).status).toBe(0);
    apart.take();
    const both = [1, 2].map(() => {
      const one = start('/bin/sh', ['-c', `exec ${line}`], { env: env() });
      return { one, name: () => /ctr-limit-\d+/.exec(one.output().stdout)?.[0] };
    });
    for (const { one, name } of both) {
      await until('it runs', () => name() !== undefined || one.output().stderr !== '');
      expect(one.output().stderr).toBe('');
      expect(name()).toBe(`ctr-limit-${one.child.pid}`);
      one.child.stdin!.end();
      expect(await one.ended).toMatchObject({ status: 0, stderr: '' });
      expect(run('find', ['/sys/fs/cgroup', '-name', name()!]).stdout).toBe('');
    }
  }, 60_000);

  test('says what the first would, of the limit too', () => {
    const line = `cg-limit --manager files --pids-limit 3 -- sh -c 'for i in 1 2 3 4 5; do sleep 0.1 & done; wait' 2>&1`;
    const limit = 'the limit of 3 processes was reached';
    expect(sh(line).stdout).toContain(limit);
    expect(alone(line).stdout).toContain(limit);
    const missing = 'caps-drop --all -- ./none';
    const first = sh(missing);
    expect(first).toMatchObject({ status: 127, stderr: expect.stringContaining('./none') });
    expect(alone(missing)).toEqual(first);
  });

  test('of an ordinary user, in a directory of theirs', (context) => {
    needs(context, 'command:setpriv');
    for (const directory of [apart.directory, root]) searchable(directory);
    run('chown', ['1000:1000', root]);
    const line = `setpriv --reuid 1000 --regid 1000 --clear-groups ns-enter --new user,uts --map-root-user --hostname mine -- sh -c 'id -u; hostname'`;
    const user = { env: { PATH: env().PATH!, XDG_RUNTIME_DIR: root } };
    const first = sh(line, user);
    expect(first).toMatchObject({ status: 0, stdout: '0\nmine\n', stderr: '' });
    expect(readdirSync(`${root}/ctr-run/.plans`)).toHaveLength(1);
    expect(alone(line, user)).toEqual(first);
  });

  test('under a limit on the size of files, and on those that are open', () => {
    const line = `caps-drop --all -- sh -c 'ulimit -f; ulimit -n'`;
    const limited = (rest: string) => `sh -c 'ulimit -S -f 1; ulimit -S -n 20; exec "$@"' sh ${rest}`;
    expect(sh(limited(line))).toMatchObject({ status: 0, stdout: '1\n20\n' });
    expect(plans()).toHaveLength(1);
    expect(alone(limited(line))).toMatchObject({ status: 0, stdout: '1\n20\n' });
  });
});

describe.skipIf(!isRoot)('joining a process', () => {
  const join = (pid: number) =>
    `ns-enter --target ${pid} --mount --uts --ipc --net --pid sh -c 'hostname; echo $$'`;
  const made = () => {
    const line = `ns-enter --new mount,uts,ipc,net,pid --mount-proc --hostname there -- sh -c 'echo up; exec cat'`;
    return start('/bin/sh', ['-c', `exec ${line}`], { env: env() });
  };
  /** The command, whose parent stays. */
  const inside = (pid: number) => Number(run('pgrep', ['-P', String(pid)]).stdout);

  test('again needs no planner while it lives, and another of its PID would', async () => {
    const target = made();
    await until('it is up', () => target.output().stdout === 'up\n');
    const pid = inside(target.child.pid!);
    const first = sh(join(pid));
    expect(first).toMatchObject({ status: 0, stdout: expect.stringMatching(/^there\n\d+\n$/), stderr: '' });
    expect(alone(join(pid))).toMatchObject({ status: 0, stdout: expect.stringMatching(/^there\n\d+\n$/) });
    target.child.stdin!.end();
    expect(await target.ended).toMatchObject({ status: 0 });
    expect(alone(join(pid))).toMatchObject(noPlanner);
    expect(sh(join(pid))).toMatchObject({ status: 125, stderr: expect.stringContaining('no such process') });
  });
});

describe.skipIf(!isRoot)('the planner is asked', () => {
  test('where the caller may do less, or is filtered already', (context) => {
    needs(context, 'command:capsh');
    const line = 'caps-drop --only kill,chown -- true';
    expect(sh(line).status).toBe(0);
    expect(alone(line)).toMatchObject({ status: 0 });
    expect(alone(`capsh --drop=cap_kill -- -c 'exec "$@"' sh ${line}`)).toMatchObject(noPlanner);
    const filtered = 'seccomp-load default -- true';
    expect(sh(filtered).status).toBe(0);
    expect(alone(`setpriv --no-new-privs ${filtered}`)).toMatchObject(noPlanner);
  });

  test('where a profile has changed, or a sibling came', () => {
    const profile = join(tempDir('profile'), 'p.json');
    const write = (action: string) =>
      run('/bin/sh', [
        '-c',
        `printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"${action}"}]}' >${profile}`,
      ]);
    write('SCMP_ACT_ERRNO');
    const line = `seccomp-load ${profile} -- mkdir ${root}/made`;
    expect(sh(line)).toMatchObject({ status: 1 });
    expect(alone(line)).toMatchObject({ status: 1 });
    write('SCMP_ACT_ALLOW');
    expect(alone(line)).toMatchObject(noPlanner);
    expect(sh(line)).toMatchObject({ status: 0 });
  });

  test('for whatever is no applying: acts, pipes, --plan, --debug, --help', () => {
    for (const line of [
      'caps-drop --show',
      'caps-drop --plan --all -- true',
      'caps-drop --debug --all -- true',
      'caps-drop --help',
      `caps-drop --all </dev/stdin`,
    ]) {
      sh(line, { input: '{"ociVersion":"1.2.0"}' });
      expect(plans(), line).toEqual([]);
    }
    expect(sh('caps-drop --plan --all -- true').stdout).not.toContain('seen');
  });
});
