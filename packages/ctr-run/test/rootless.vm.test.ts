/** Limits of an ordinary user's containers under cgroup v2, in a group that their own systemd delegates. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bin, type Ended, lacking, needs, run, until } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

const needed = ['root', 'systemd', 'cgroup-v2', 'file:/home/vagrant'] as const;
/** The machine's ordinary user. */
const [user, uid] = ['vagrant', 1000];

/** As after a login: a service of the user's manager, whose group is theirs. */
function inSession(line: string): Ended {
  const place = ['--user', `--machine=${user}@.host`, '--quiet', '--pipe', '--wait', '--collect'];
  const env = ['--setenv', `PATH=${bin}:/usr/bin:/bin`];
  return run('systemd-run', [...place, ...env, '-p', 'Delegate=yes', '/bin/sh', '-c', line], {
    timeout: 120_000,
  });
}

/** A bundle as `ctr-run spec --rootless` writes it, limited, and the user's. */
function limited(line: string, cgroupsPath: string | undefined): string {
  const written = run(
    'setpriv',
    ['--reuid', user, '--regid', user, '--clear-groups', `${bin}/ctr-run`, 'spec', '--rootless', '-'],
    { cwd: '/' },
  );
  const rootless = JSON.parse(written.stdout) as Parameters<NonNullable<Parameters<typeof makeBundle>[1]>>[0];
  const args = ['/bin/sh', '-c', line];
  const bundle = makeBundle(args, (spec) => {
    Object.assign(spec, rootless, { process: { ...rootless.process, terminal: false, args } });
    spec.linux!.resources = { memory: { limit: 32 << 20, swap: 32 << 20 }, pids: { limit: 10 } };
    if (cgroupsPath !== undefined) spec.linux!.cgroupsPath = cgroupsPath;
  });
  for (const path of [bundle, dirname(bundle)]) chmodSync(path, 0o755);
  run('chown', ['-R', user, bundle]);
  return bundle;
}

const manager = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`;
/** Groups of a container of this name that are there, wherever the manager has them. */
const groupsOf = (id: string): string[] =>
  run('find', [manager, '-type', 'd', '-name', `*${id}*`])
    .stdout.split('\n')
    .filter(Boolean);

beforeAll(async () => {
  if (lacking(...needed) !== undefined) return;
  run('loginctl', ['enable-linger', user]);
  await until('their manager is up', () => existsSync(`/run/user/${uid}/systemd/private`), 60_000);
}, 600_000);
afterAll(() => {
  if (lacking(...needed) === undefined) run('loginctl', ['disable-linger', user]);
});

describe.each([
  ['by files', '', undefined],
  ["by the user's manager", '--systemd-cgroup', 'app.slice:ctr-test'],
])('%s', (_, flag, path) => {
  test('the limits hold', (context) => {
    needs(context, ...needed);
    const [id, within, beyond] = [
      testId(),
      'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max',
      testId(),
    ];
    const fork = 'i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done';
    const bundle = limited(
      `${within}; head -c 8M /dev/zero | tail >/dev/null && echo enough; ${fork}`,
      path && `${path}:${id}`,
    );
    const ended = inSession(`ctr-run ${flag} run --bundle ${bundle} ${id}`);
    expect(ended.stdout, ended.stderr).toBe(`${32 << 20}\n10\nenough\n`);
    expect(ended.stderr).toMatch(/can't fork: Resource temporarily unavailable/);
    const eater = limited('exec tail /dev/zero', path && `${path}:${beyond}`);
    expect(inSession(`ctr-run ${flag} run --bundle ${eater} ${beyond}`).status).toBe(137);
    expect([...groupsOf(id), ...groupsOf(beyond)]).toEqual([]);
  });

  test('a container that stays: exec is in its group, update changes it, pause stops it, and delete leaves nothing', (context) => {
    needs(context, ...needed);
    const id = testId();
    const bundle = limited('while :; do sleep 1; done', path && `${path}:${id}`);
    const ctr = `ctr-run ${flag}`;
    const lines = [
      `${ctr} run --detach --bundle ${bundle} ${id} </dev/null >/dev/null 2>${bundle}/said`,
      `${ctr} exec ${id} cat /proc/self/cgroup`,
      `${ctr} update --memory 48m --memory-swap 48m --pids-limit 20 ${id}`,
      `${ctr} exec ${id} cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max`,
      `${ctr} pause ${id}`,
      `${ctr} list --format json | jq -r '.[].status'`,
      `${ctr} resume ${id}`,
      `${ctr} events --stats ${id} | jq .data.pids.limit`,
      `${ctr} delete --force ${id}`,
      `${ctr} list -q`,
    ];
    writeFileSync(`${bundle}/said`, '');
    chmodSync(`${bundle}/said`, 0o666);
    const ended = inSession(lines.map((line) => `${line}; echo "@$?"`).join('\n'));
    expect(readFileSync(`${bundle}/said`, 'utf8')).toBe('');
    expect(ended.stderr).toBe('');
    expect(ended.stdout.split('\n').slice(0, -1)).toEqual([
      '@0',
      '0::/',
      '@0',
      '@0',
      String(48 << 20),
      '20',
      '@0',
      '@0',
      'paused',
      '@0',
      '@0',
      '20',
      '@0',
      '@0',
      '@0',
    ]);
    expect(groupsOf(id)).toEqual([]);
  });
});
