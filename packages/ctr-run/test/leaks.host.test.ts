/**
 * CVE-2024-21626 and its kind: the path of a command or of a working directory that leads through
 * /proc/self/fd to a directory of the host, which we or our caller have open. Each attack is also
 * made on the tools without the guard, where it succeeds.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { type Ended, needs, run, runTool, skip, slower, tempDir, toolPath } from '../../../test/support.ts';
import { unguarded } from '../../../test/unguarded.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';
import { escaped, hostile, leaking, numbers } from './hostile.ts';

const bundleOf = (root: string, args: string[], change: (spec: Spec) => void = () => {}): string =>
  makeBundle(args, (spec) => {
    spec.root!.path = root;
    change(spec);
  });

/** Run a command of this image as the first process or a further one; what it and the runtime print, and how it ends. */
const roads: Record<
  string,
  (runtime: string, host: string, bundle: (args: string[]) => string, command: string) => Ended
> = {
  run: (runtime, host, bundle, command) =>
    leaking(host, (fd) => run(runtime, ['run', '--bundle', bundle([command]), testId()], { fds: [fd] })),
  'create and start': (runtime, host, bundle, command) => {
    const id = testId();
    const out = `${tempDir('out')}/out`;
    const words = `R=${runtime}; $R create --bundle ${bundle([command])} ${id} >${out} 2>&1 </dev/null && $R start ${id} 2>&1`;
    const ended = leaking(host, (fd) => run('/bin/sh', ['-c', words], { fds: [fd] }));
    // It ends at once; whoever made it does not wait for that.
    for (let i = 0; i < 100 && /"status": "(running|created)"/.test(run(runtime, ['state', id]).stdout); i++)
      run('sleep', ['0.02']);
    run(runtime, ['delete', '--force', id]);
    return { ...ended, stdout: `${ended.stdout}${readFileSync(out, 'utf8')}` };
  },
  exec: (runtime, host, bundle, command) => {
    const id = testId();
    const out = `${tempDir('out')}/out`;
    const words = `${runtime} run --detach --bundle ${bundle(['/bin/sleep', '100'])} ${id} >${out} 2>&1 </dev/null`;
    const made = run('/bin/sh', ['-c', words]);
    if (made.status !== 0) throw new Error(readFileSync(out, 'utf8'));
    const ended = leaking(host, (fd) => run(runtime, ['exec', id, command], { fds: [fd] }));
    run(runtime, ['delete', '--force', id]);
    return ended;
  },
};

describe.each(Object.keys(roads))('an image whose command is a link through a descriptor: %s', (name) => {
  const road = roads[name]!;

  test.each(numbers)('/proc/self/fd/%i', (n) => {
    const { host, path } = hostile();
    const ended = road(toolPath('ctr-run'), host, (args) => bundleOf(path, args), `/bin/by-${n}`);
    expect(ended.stdout).not.toContain(escaped);
    expect(`${ended.stdout}${ended.stderr}`).toMatch(new RegExp(`"/bin/by-${n}"`));
  });

  test('control: with nothing closed the leaked directory leads out', () => {
    const { host, path } = hostile();
    const ended = road(
      unguarded('descriptors').tool('ctr-run'),
      host,
      (args) => bundleOf(path, args),
      '/bin/by-3',
    );
    expect(ended.stdout).toContain(escaped);
  });

  test('control: so does the v2 group that a process is born into, of which nobody leaked anything', (context) => {
    needs(context, 'file:/sys/fs/cgroup/unified/cgroup.procs');
    const { host, path } = hostile();
    const runtime = unguarded('descriptors').tool('ctr-run');
    const leads = (n: number) =>
      road(runtime, host, (args) => bundleOf(path, args), `/bin/by-${n}`).stdout.includes(escaped);
    expect(numbers.slice(1).some(leads)).toBe(true);
  });

  test('runc refuses it too', (context) => {
    needs(context, 'command:runc');
    if (slower > 1) skip(context, 'an emulated machine has no time for runc, which the host has run');
    const { host, path } = hostile();
    const ended = road('runc', host, (args) => bundleOf(path, args), '/bin/by-3');
    expect(ended.stdout).not.toContain(escaped);
  });
});

describe('a working directory that leads through a descriptor', () => {
  const through = '/proc/self/fd/3/..';
  const bundle = (path: string) =>
    bundleOf(path, ['/bin/cat', 'secret'], (spec) => {
      spec.process!.cwd = through;
    });
  const first = (runtime: string, host: string, path: string) =>
    leaking(host, (fd) => run(runtime, ['run', '--bundle', bundle(path), testId()], { fds: [fd] }));
  const further = (runtime: string, host: string, path: string) => {
    const id = testId();
    const made = ctrLeaving('run', '--detach', '--bundle', bundleOf(path, ['/bin/sleep', '100']), id);
    if (made.status !== 0) throw new Error(made.stderr);
    const words = ['exec', '--cwd', through, id, '/bin/cat', 'secret'];
    const ended = leaking(host, (fd) => run(runtime, words, { fds: [fd] }));
    runTool('ctr-run', ['delete', '--force', id]);
    return ended;
  };

  test('run: it is not even made, for in a container’s root no link of procfs is followed', () => {
    const { host, path } = hostile();
    const guards = [toolPath('ctr-run'), unguarded('descriptors', 'directory').tool('ctr-run')];
    for (const runtime of guards) {
      const ended = first(runtime, host, path);
      expect(ended.stdout).toBe('');
      expect(ended.stderr).toContain(`make the working directory ${through}: Symbolic link loop`);
    }
    const control = first(unguarded('descriptors', 'directory', 'paths').tool('ctr-run'), host, path);
    expect(control.stdout).toBe('of the host\n');
  });

  test('exec: the descriptor is closed, and had it not been, the directory is seen to lie outside', () => {
    const { host, path } = hostile();
    const ended = further(toolPath('ctr-run'), host, path);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toContain(`enter the working directory ${through}: No such file or directory`);
    const open = further(unguarded('descriptors').tool('ctr-run'), host, path);
    expect(open.stdout).toBe('');
    expect(open.stderr).toContain(`${through} lies outside of the container's root`);
    const control = further(unguarded('descriptors', 'directory').tool('ctr-run'), host, path);
    expect(control.stdout).toBe('of the host\n');
  });
});

test('a created container holds nothing of the caller while it waits, and of ours no directory', () => {
  const { host, path } = hostile();
  const id = testId();
  const words = `${toolPath('ctr-run')} create --bundle ${bundleOf(path, ['/bin/true'])} ${id} </dev/null >/dev/null 2>&1 4<&3 9<&3`;
  const made = leaking(host, (fd) => run('/bin/sh', ['-c', words], { fds: [fd] }));
  expect(made.status).toBe(0);
  const { pid } = JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number };
  const open = readdirSync(`/proc/${pid}/fd`).map(
    (fd) => `${fd} ${run('readlink', [`/proc/${pid}/fd/${fd}`]).stdout.trim()}`,
  );
  runTool('ctr-run', ['delete', '--force', id]);
  // Ours are the FIFO, the file for the words of a failure, and the channel to its maker, who may have gone already.
  const others = open.filter((line) => !/^\d+ (\/dev\/null|socket:.*|.*\/start\.(fifo|failure))$/.test(line));
  expect(others).toEqual([]);
  expect(open.length).toBeLessThanOrEqual(6);
});

describe('--preserve-fds', () => {
  const list = [
    '/bin/sh',
    '-c',
    'for n in 3 4 5 6 7 8 9 10 11; do test -e /proc/$$/fd/$n && echo $n; done; true',
  ];

  test.each(['run', 'exec'])(
    'with gaps in %s: what is open goes in, and nothing of ours takes a free place',
    (road) => {
      const { host, path } = hostile();
      const id = testId();
      const ctr = toolPath('ctr-run');
      const fds = '4<&3 7<&3 10</dev/null 3<&-';
      const words =
        road === 'run'
          ? `${ctr} run --preserve-fds 5 --bundle ${bundleOf(path, list)} ${id} ${fds}`
          : `${ctr} run --detach --bundle ${bundleOf(path, ['/bin/sleep', '100'])} ${id} </dev/null >/dev/null 2>&1 &&
           ${ctr} exec --preserve-fds 5 ${id} ${list.map((word) => `'${word}'`).join(' ')} ${fds}`;
      const ended = leaking(host, (fd) => run('/bin/bash', ['--norc', '-c', words], { fds: [fd] }));
      runTool('ctr-run', ['delete', '--force', id]);
      expect(ended.stderr).toBe('');
      expect(ended.stdout).toBe('4\n7\n');
    },
  );

  test('a gap leads nowhere, though we have something open', () => {
    const { path } = hostile();
    for (const n of [4, 5]) {
      const bundle = bundleOf(path, [`/bin/by-${n}`]);
      const words = `${toolPath('ctr-run')} run --preserve-fds 6 --bundle ${bundle} ${testId()} 7</dev/null`;
      expect(run('/bin/bash', ['--norc', '-c', words]).stdout).toBe('');
    }
  });

  test('control: what is asked for goes in as it is, a directory too', () => {
    const { host, path } = hostile();
    const ended = leaking(host, (fd) =>
      runTool(
        'ctr-run',
        ['run', '--preserve-fds', '1', '--bundle', bundleOf(path, ['/bin/by-3']), testId()],
        { fds: [fd] },
      ),
    );
    expect(ended.stdout).toBe(escaped);
  });
});

describe('hooks have 0, 1 and 2, whoever left what open', () => {
  const kinds = [
    'prestart',
    'createRuntime',
    'createContainer',
    'startContainer',
    'poststart',
    'poststop',
  ] as const;
  /** A hook that notes what is open above 2. */
  const look = (directory: string) =>
    writeFileSync(
      `${directory}/hook`,
      `#!/bin/sh
for n in 3 4 5 6 7 8 9; do link=$(readlink /proc/self/fd/$n) && case $link in */hook) ;; *) echo "$1 $n $link" >>${directory}/seen ;; esac; done
echo "$1" >>${directory}/ran
`,
      { mode: 0o755 },
    );
  const made = (path: string, directory: string) =>
    bundleOf(path, ['/bin/true'], (spec) => {
      spec.hooks = Object.fromEntries(
        kinds.map((kind) => [
          kind,
          [{ path: `${directory}/hook`, args: ['hook', kind], env: ['PATH=/bin:/usr/bin'] }],
        ]),
      );
      spec.mounts!.push({
        destination: directory,
        type: 'bind',
        source: directory,
        options: ['rbind', 'rw'],
      });
      spec.root!.readonly = false;
    });
  /** A container's whole life, each call with the directory left open. */
  const life = (runtime: string) => {
    const { host, path } = hostile();
    const directory = tempDir('hooks');
    look(directory);
    writeFileSync(`${directory}/seen`, '');
    const id = testId();
    const bundle = made(path, directory);
    const words = `R=${runtime}; $R create --bundle ${bundle} ${id} </dev/null >/dev/null && $R start ${id} && sleep 0.2 && $R delete --force ${id}`;
    const ended = leaking(host, (fd) => run('/bin/sh', ['-c', words], { fds: [fd, fd, fd] }));
    expect(ended.stderr).toBe('');
    const ran = readFileSync(`${directory}/ran`, 'utf8').trim().split('\n');
    return { host, ran, seen: readFileSync(`${directory}/seen`, 'utf8').trim().split('\n').filter(Boolean) };
  };

  test('of every kind, poststop in delete too', () => {
    const { ran, seen } = life(toolPath('ctr-run'));
    expect(ran.toSorted()).toEqual(kinds.toSorted());
    expect(seen).toEqual([]);
  });

  test('control: with nothing closed every kind has the directory', () => {
    const { host, seen } = life(unguarded('descriptors').tool('ctr-run'));
    const having = seen.filter((line) => line.endsWith(`${host}/leaked`)).map((line) => line.split(' ')[0]);
    expect([...new Set(having)].toSorted()).toEqual(kinds.toSorted());
  });

  test('a startContainer hook that the image leads through a descriptor', () => {
    const { host, path } = hostile();
    const bundle = bundleOf(path, ['/bin/true'], (spec) => {
      spec.hooks = { startContainer: [{ path: '/bin/by-5' }] };
    });
    const road = (runtime: string) =>
      leaking(host, (fd) => run(runtime, ['run', '--bundle', bundle, testId()], { fds: [fd, fd, fd] }));
    expect(road(toolPath('ctr-run')).stderr).not.toContain(escaped);
    expect(road(unguarded('descriptors').tool('ctr-run')).stderr).toContain(escaped);
  });
});
