/** Containers of a user who has a systemd of their own, from a scope outside of it, as an ssh login has one. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { skip, tempDir, toolPath, until } from '../../../test/support.ts';
import { type Machine, systemdMachine } from '../../../test/systemd.ts';
import { makeBundle, searchable, testId } from './bundles.ts';

/** A user of every Debian, who has no login (daemon). */
const uid = 1;
const runtime = `/run/user/${uid}`;

/** Start the user's manager, as a login does, and wait for it. */
async function userManager(machine: Machine): Promise<void> {
  machine.run('/bin/sh', ['-c', `mkdir -p ${runtime}; chown ${uid}:${uid} ${runtime}; chmod 700 ${runtime}`]);
  const units = tempDir('units');
  for (const target of ['bed', 'basic', 'sysinit', 'shutdown'])
    writeFileSync(`${units}/${target}.target`, '[Unit]\nDefaultDependencies=no\n');
  searchable(units);
  chmodSync(units, 0o755);
  const name = `user@${uid}.service`;
  const properties = [
    'Delegate=yes',
    `User=${uid}`,
    `Group=${uid}`,
    `Slice=user-${uid}.slice`,
    'Type=notify',
  ];
  const environment = [
    `XDG_RUNTIME_DIR=${runtime}`,
    `HOME=${runtime}`,
    `SYSTEMD_UNIT_PATH=${units}:${runtime}/systemd/transient`,
    'SYSTEMD_GENERATOR_PATH=/nowhere',
    'SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere',
  ];
  const started = machine.run('systemd-run', [
    ...['--unit', name, '--quiet', ...properties.flatMap((property) => ['-p', property])],
    ...environment.map((variable) => `--setenv=${variable}`),
    ...['/lib/systemd/systemd', '--user', '--unit=bed.target'],
  ]);
  const status = (): string => machine.run('systemctl', ['status', name]).stdout;
  expect(started.status, started.stderr + status()).toBe(0);
  const up = () => machine.run('test', ['-S', `${runtime}/systemd/private`]).status === 0;
  await until('their manager is up', up).catch((error: Error) =>
    expect.unreachable(`${error.message}: ${status()}`),
  );
}

/** Run a line as the user, in a scope beside their manager. */
const login = (machine: Machine, line: string) =>
  machine.run('systemd-run', [
    ...['--scope', '--quiet', '--collect', `--slice=user-${uid}.slice`, `--uid=${uid}`, `--gid=${uid}`],
    ...['env', `XDG_RUNTIME_DIR=${runtime}`, '/bin/sh', '-c', line],
  ]);

/** A bundle that the user can run. */
function rootless(id: string): string {
  return makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.cgroupsPath = `user.slice:ctr-test:${id}`;
    spec.linux!.resources = {};
    spec.linux!.namespaces = [...spec.linux!.namespaces!, { type: 'user' as const }].filter(
      ({ type }) => type !== 'network',
    );
    spec.linux!.uidMappings = [{ containerID: 0, hostID: uid, size: 1 }];
    spec.linux!.gidMappings = [{ containerID: 0, hostID: uid, size: 1 }];
    spec.mounts = spec.mounts!.filter(({ destination }) =>
      ['/proc', '/dev', '/dev/shm'].includes(destination),
    );
  });
}

test('a user without a session is told so, before anything is made', (context) => {
  const machine = systemdMachine(context);
  const id = testId();
  const bundle = rootless(id);
  searchable(bundle);
  const say = (...argv: string[]) =>
    machine.run('setpriv', [
      ...['--reuid=2', '--regid=2', '--clear-groups', 'env', 'XDG_RUNTIME_DIR=/run/user/2', ...argv],
    ]);
  const words =
    'have systemd make the group: this user has no session, and so no systemd of their own (there is no /run/user/2/systemd/private); log in, have root run loginctl enable-linger, or';
  const root = ['--root', `/tmp/${id}`];
  expect(say(toolPath('ctr-run'), ...root, '--systemd-cgroup', 'run', '--bundle', bundle, id)).toMatchObject({
    status: 1,
    stderr: `ctr-run: ${words} leave out --systemd-cgroup\n`,
  });
  expect(machine.run('test', ['-e', `/tmp/${id}`]).status).toBe(1);
  expect(say(toolPath('cg-limit'), '--manager', 'systemd', '--', 'true')).toMatchObject({
    status: 125,
    stderr: `cg-limit: ${words} use --manager files\n`,
  });
});

test('exec from a login is in the group of a container that the user’s systemd made', async (context) => {
  // The user's manager is started by hand, in a machine of the test's own.
  if (existsSync('/run/systemd/system'))
    skip(context, 'the users of this machine have managers of their own');
  const machine = systemdMachine(context);
  await userManager(machine);
  const id = testId();
  const bundle = rootless(id);
  writeFileSync(`${bundle}/said`, '');
  chmodSync(`${bundle}/said`, 0o666);
  searchable(bundle);
  const ctr = `${toolPath('ctr-run')} --systemd-cgroup`;
  const made = login(machine, `${ctr} run --detach --bundle ${bundle} ${id} </dev/null >${bundle}/said 2>&1`);
  expect(made.status, readFileSync(`${bundle}/said`, 'utf8') + made.stderr).toBe(0);
  const { pid } = JSON.parse(login(machine, `${ctr} state ${id}`).stdout) as { pid: number };
  const group = (of: string | number): string =>
    machine
      .run('cat', [`/proc/${of}/cgroup`])
      .stdout.split('\n')
      .at(-2)!;
  expect(group(pid)).toMatch(
    new RegExp(`^0::/user.slice/user-${uid}.slice/user@${uid}.service/.*${id}.scope$`),
  );
  // What stays holds no pipe of ours.
  const exec = `${ctr} exec --detach --pid-file ${runtime}/pid ${id} /bin/sleep 1000`;
  const inside = login(machine, `${exec} </dev/null >${bundle}/said 2>&1`);
  expect(inside.status, readFileSync(`${bundle}/said`, 'utf8')).toBe(0);
  expect(group(machine.run('cat', [`${runtime}/pid`]).stdout)).toBe(group(pid));
  expect(login(machine, `${ctr} delete --force ${id}`)).toMatchObject({ status: 0, stderr: '' });
});
