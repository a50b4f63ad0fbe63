/**
 * Numbers that are not IDs. To setresuid(2) 4294967295 means "leave it as it is", and of a larger number the
 * kernel sees the low 32 bits: whoever hands such a number on goes on as root. Each road by which a user or
 * group comes in refuses it with one line, before anything is made.
 */
import { existsSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRoot, needs, run, runTool, tempDir } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId, tracesOf } from './bundles.ts';
import { needsRuntime, runBundle, runtimes } from './runtimes.ts';

const notIds = ['4294967295', '4294967296', '4294968296', '18446744073709551616'];
const id = testId();
const who = ['/bin/sh', '-c', 'id -u; id -g'];

beforeAll(() => {
  if (!isRoot) return;
  const made = ctrLeaving('run', '--detach', '--bundle', makeBundle(['/bin/sleep', '1000']), id);
  if (made.status !== 0) throw new Error(made.stderr);
});

afterAll(() => {
  if (isRoot) runTool('ctr-run', ['delete', '--force', id]);
});

test('control: a process that hands such a number on is root still', (context) => {
  needs(context, 'root', 'command:python3');
  const line = 'import os; os.setresgid(-1, -1, -1); os.setresuid(-1, -1, -1); print(os.getuid())';
  expect(run('python3', ['-c', line]).stdout).toBe('0\n');
});

describe.each(notIds)('%s', (number) => {
  test.for<[string, string, string[]]>([
    ['exec -u UID', 'ctr-run', ['exec', '-u', number, id, ...who]],
    ['exec -u UID:GID', 'ctr-run', ['exec', '-u', `1000:${number}`, id, ...who]],
    ['exec --additional-gids', 'ctr-run', ['exec', '-g', number, id, ...who]],
    ['run -u', 'ctr-run', ['run', '--rootfs', 'host', '-u', number, '--', ...who]],
    ['run -u UID:GID', 'ctr-run', ['run', '--rootfs', 'host', '-u', `5:${number}`, '--', ...who]],
    ['spec -u', 'ctr-run', ['spec', '--rootfs', 'host', '-u', number, '--', ...who]],
    ['caps-drop --user', 'caps-drop', ['--user', number, '--', ...who]],
    ['caps-drop --user USER:GROUP', 'caps-drop', ['--user', `5:${number}`, '--groups', 'none', '--', ...who]],
    ['caps-drop --group', 'caps-drop', ['--group', number, '--groups', 'none', '--', ...who]],
    ['caps-drop --groups', 'caps-drop', ['--groups', `5,${number}`, '--', ...who]],
    ['ns-enter --setuid', 'ns-enter', ['--setuid', number, '--', ...who]],
    ['ns-enter --setgid', 'ns-enter', ['--setgid', number, '--', ...who]],
    ['ns-enter --owner', 'ns-enter', ['--new', 'user', '--owner', `${number}:0`, '--', ...who]],
    ['ns-enter --map-user', 'ns-enter', ['--new', 'user', '--map-user', number, '--', ...who]],
    ['ns-enter --map-group', 'ns-enter', ['--new', 'user', '--map-group', number, '--', ...who]],
    ['ns-enter --map-users', 'ns-enter', ['--new', 'user', '--map-users', `0:${number}:1`, '--', ...who]],
    ['ns-enter --map-groups', 'ns-enter', ['--new', 'user', '--map-groups', `${number}:0:1`, '--', ...who]],
  ])('%s', ([, tool, args], context) => {
    needs(context, 'root');
    const { status, stdout, stderr } = runTool(tool, args);
    expect(stdout).toBe('');
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/^[^\n]*(more than an ID can be|goes beyond 4294967294)[^\n]*\n$/);
  });

  test('exec --process', (context) => {
    needs(context, 'root');
    const file = `${tempDir('process')}/p.json`;
    for (const user of [
      `{"uid":${number},"gid":0}`,
      `{"uid":0,"gid":${number}}`,
      `{"uid":0,"gid":0,"additionalGids":[${number}]}`,
    ]) {
      writeFileSync(file, `{"cwd":"/","args":["/bin/id"],"env":["PATH=/bin"],"user":${user}}`);
      const { stdout, stderr } = runTool('ctr-run', ['exec', '--process', file, id]);
      expect(stdout).toBe('');
      expect(stderr).toContain('allowed is an integer from 0 to 4294967294');
    }
  });

  test('a spec in a pipe', (context) => {
    needs(context, 'root');
    const input = `{"ociVersion":"1.2.0","process":{"cwd":"/","user":{"uid":${number},"gid":0}}}`;
    const { stdout, stderr } = runTool('caps-drop', ['--all'], { input });
    expect(stdout).toBe('');
    expect(stderr).toContain('process.user.uid: found the number');
  });
});

/** A user, group, owner or map in config.json: runc 1.1.5 refuses each ("uids and gids must be in range"), crun 1.8.1 makes root of 4294967295. */
const places: [string, (spec: Spec) => void][] = [
  ['process.user.uid', (s) => (s.process!.user = { uid: 4294967295, gid: 0 })],
  ['process.user.gid', (s) => (s.process!.user = { uid: 0, gid: 4294967295 })],
  [
    'process.user.additionalGids[0]',
    (s) => (s.process!.user = { uid: 0, gid: 0, additionalGids: [4294967295] }),
  ],
];

describe.each(runtimes)('%s and config.json', (runtime) => {
  test.for(places)('%s', ([place, change], context) => {
    needsRuntime(context, runtime);
    const { status, stdout, stderr } = runBundle(runtime, makeBundle(['/bin/id'], change));
    expect(stdout).toBe('');
    expect(status).toBe(1);
    if (runtime === 'ctr-run') expect(stderr).toContain(place);
  });
});

test.for<[string, (spec: Spec) => void]>([
  ...places,
  [
    'linux.devices[0].uid',
    (s) => (s.linux!.devices = [{ type: 'c', path: '/dev/x', major: 1, minor: 3, uid: 4294967295 }]),
  ],
  [
    'mounts[0].options[0]',
    (s) => (s.mounts![0] = { destination: '/x', type: 'tmpfs', source: 'x', options: ['uid=4294967296'] }),
  ],
  [
    'linux.uidMappings[0].hostID',
    (s) => {
      s.linux!.namespaces!.push({ type: 'user' });
      s.linux!.uidMappings = [{ containerID: 0, hostID: 4294967295, size: 1 }];
      s.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    },
  ],
])('nothing is made of a container whose %s is not an ID', ([place, change], context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/id'], change);
  const name = testId();
  const { status, stderr } = runTool('ctr-run', ['create', '--bundle', bundle, name]);
  expect(status).toBe(1);
  expect(stderr).toContain(place);
  expect(existsSync(`/run/ctr-run/${name}`)).toBe(false);
  expect(tracesOf(bundle, name)).toEqual([]);
});

test('the highest ID is one', (context) => {
  needs(context, 'root');
  expect(runTool('ctr-run', ['exec', '-u', '4294967294:4294967294', id, ...who]).stdout).toBe(
    '4294967294\n4294967294\n',
  );
  const drop = ['--user', '4294967294', '--groups', 'none', '--', 'id', '-u'];
  expect(runTool('caps-drop', drop).stdout).toBe('4294967294\n');
});
