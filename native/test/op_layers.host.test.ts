/** The operation `layers`: the program that it starts, how that is found, and what is told of it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { layersRequest } from '../../packages/ufs-mount/src/layers-request.ts';
import { isRoot, needs } from '../../test/support.ts';
import {
  type AnyStep,
  clone,
  exec,
  launcher,
  plan,
  slot,
  step,
  supervise,
  template,
  work,
} from './launcher.ts';

const built = resolve(import.meta.dirname, '../build/ctr-layers');
const installed = join(work, 'installed');
const program = join(installed, 'lib/ctr-layers');

beforeEach(() => {
  rmSync(installed, { recursive: true, force: true });
  for (const part of ['bin', 'lib']) mkdirSync(join(installed, part), { recursive: true });
  copyFileSync(launcher, join(installed, 'bin/ctr-launcher'));
  copyFileSync(built, program);
});

/** A script in the program's place. */
const instead = (...lines: string[]): void =>
  writeFileSync(program, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });

const layers = (request: AnyStep['args'][string], fds: (number | ReturnType<typeof slot>)[] = []): AnyStep =>
  step('state', 'layers', { request: request as string[], fds, reply: slot('reply') }, 'have the layers', {
    side: 'host',
    hints: { EEXIST: 'remove it first', else: 'look at it' },
  });

const run = (...steps: AnyStep[]) =>
  spawnSync(join(installed, 'bin/ctr-launcher'), ['--plan', plan([steps])], {
    encoding: 'utf8',
    timeout: 30_000,
  });

/** The same by a sealed copy, which has no directory of its own. */
const sealed = (...steps: AnyStep[]) => run(...steps, clone(), exec('true'), supervise());

const which = (path: string) =>
  layersRequest('which', { root: installed, path, trees: [installed], names: ['below', 'changes'] });
const say: AnyStep = step('ready', 'print', { fd: 1, text: template`it is ${slot('reply')}` }, 'print', {
  side: 'host',
});

test('its answer fills the slot, from a sealed copy too', () => {
  expect(run(layers(which('bin')), say, exec('true'))).toMatchObject({ stdout: 'it is below\n', stderr: '' });
  expect(sealed(layers(which('bin')), say)).toMatchObject({ stdout: 'it is below\n', stderr: '' });
});

test('what the kernel answered is explained as for any other step', () => {
  expect(run(layers(which('none')))).toMatchObject({
    status: 125,
    stderr: 'test: have the layers: No such file or directory; look at it\n',
  });
  const copy = layersRequest('copy', { from: installed, to: '/dev/null' });
  expect(run(layers(copy)).stderr).toBe('test: have the layers: Not a directory; look at it\n');
});

test('a request of another version is refused in words', () => {
  expect(run(layers(['which', 'root=/'])).stderr).toMatch(
    /^test: have the layers: the request which has no argument path where it belongs: .*\n$/,
  );
  expect(run(layers(['fetch'])).stderr).toMatch(/there is no request fetch/);
});

test('it has the request, 1, 2, the socket and what was given, and no environment', () => {
  const report = join(work, 'report');
  instead(
    `{ tr '\\0' '|' </proc/self/fd/0; echo; ls /proc/$$/fd; pwd; tr '\\0' '\\n' </proc/$$/environ; cat <&4; } >${report}`,
  );
  writeFileSync(join(work, 'given'), 'content\n');
  const fd = slot('fd');
  const open = step('state', 'open', { path: join(work, 'given'), flags: 0, mode: 0, fd }, 'open', {
    side: 'host',
  });
  const { stderr } = run(open, layers(['a', 'b=c'], [fd]));
  expect(stderr).toBe('test: have the layers: ctr-layers ended without an answer; look at it\n');
  const [request, ...rest] = readFileSync(report, 'utf8').trimEnd().split('\n');
  expect(request).toBe('a|b=c|');
  // From 10 on there is what a shell keeps for itself.
  expect(rest.filter((line) => !/^\d\d+$/.test(line))).toEqual([
    ...['0', '1', '2', '3', '4'],
    process.cwd(),
    ...rest.filter((line) => /^(PWD|OLDPWD|SHLVL|_)=/.test(line)),
    'content',
  ]);
});

test('a descriptor that is not open is a failure before anything runs', () => {
  instead('touch ran');
  expect(run(layers(which('bin'), [-1])).stderr).toBe(
    'test: have the layers: Bad file descriptor; look at it\n',
  );
});

test('one that is killed is told of', () => {
  instead('kill -9 $$');
  expect(run(layers(which('bin'))).stderr).toBe(
    'test: have the layers: ctr-layers was killed by SIGKILL; look at it\n',
  );
});

test('told to end, the launcher has it end, and ends by the same signal', async () => {
  const report = join(work, 'ended');
  rmSync(report, { force: true });
  instead(`trap "echo told >${report}; exit" TERM`, 'kill -TERM $PPID', 'while :; do sleep 0.05; done');
  const made = step('state', 'mkdir', { path: join(work, 'made'), mode: 0o700 }, 'make', {
    side: 'host',
    undo: {
      op: 'remove',
      args: { path: join(work, 'made'), what: 'directory' },
      when: 'failure',
      words: { doing: 'remove' },
    },
  });
  const ended = run(made, layers(which('bin')), exec('true'));
  expect(ended).toMatchObject({ status: null, signal: 'SIGTERM', stderr: '' });
  expect(readFileSync(report, 'utf8')).toBe('told\n');
  expect(statSync(join(work, 'made'), { throwIfNoEntry: false })).toBeUndefined();
});

describe('trust', () => {
  test('it is found beside the launcher and nowhere else', () => {
    rmSync(program);
    mkdirSync(join(installed, 'path'));
    copyFileSync(built, join(installed, 'path/ctr-layers'));
    const ended = spawnSync(join(installed, 'bin/ctr-launcher'), ['--plan', plan([[layers(which('bin'))]])], {
      encoding: 'utf8',
      cwd: join(installed, 'path'),
      env: { PATH: join(installed, 'path') },
    });
    expect(ended.stderr).toBe(
      `test: have the layers: the program for layers is missing: no ../lib/ctr-layers beside ${installed}/bin/ctr-launcher; install the package again; look at it\n`,
    );
  });

  test('root runs none that others could have written', (context) => {
    needs(context, 'root');
    instead('touch ran');
    const refused = () => run(layers(which('bin'))).stderr;
    chmodSync(program, 0o777);
    expect(refused()).toContain(`will not run ${program} as root: ${program} can be written by others`);
    chmodSync(program, 0o755);
    chownSync(program, 12345, 12345);
    expect(refused()).toContain(`${program} belongs to somebody else`);
    chownSync(program, 0, 0);
    chmodSync(join(installed, 'lib'), 0o777);
    expect(refused()).toContain(`${join(installed, 'lib')} can be written by others`);
    chmodSync(join(installed, 'lib'), 0o755);
    // A link is followed, and what it leads to is looked at.
    rmSync(program);
    symlinkSync(join(work, 'theirs'), program);
    writeFileSync(join(work, 'theirs'), '#!/bin/sh\ntouch ran\n', { mode: 0o777 });
    chmodSync(join(work, 'theirs'), 0o777);
    expect(refused()).toContain(`${join(work, 'theirs')} can be written by others`);
    expect(sealed(layers(which('bin'))).stderr).toContain('can be written by others');
  });
});

test('by hand it says what it is', () => {
  const { status, stderr } = spawnSync(built, [], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  expect({ status, stderr }).toEqual({
    status: 125,
    stderr: 'ctr-layers: this program is started by the tools, with a request on its descriptor 0\n',
  });
});

test.skipIf(!isRoot)("descriptors that go along are the launcher's own", () => {
  // A bind mount's clone shown with the same owners: nothing of it is attached anywhere.
  const [mount, userns] = [slot('mount'), slot('userns')];
  const request = layersRequest('map_owners', { uids: '0 1000 10\n', gids: '0 1000 10\n' });
  const tree = step('state', 'open_tree', { path: installed, recursive: 0, fd: mount }, 'clone', {
    side: 'host',
  });
  const map = step('state', 'idmap_userns', { uids: '0 1000 10\n', gids: '0 1000 10\n', userns }, 'map', {
    side: 'host',
  });
  const cwd = step('cwd', 'chdir', { fd: mount }, 'enter it', { side: 'host' });
  const ended = run(tree, map, layers(request, [mount, userns]), cwd, exec('stat', '-c', '%u', 'bin'));
  expect(ended).toMatchObject({ stdout: '1000\n', stderr: '' });
});
