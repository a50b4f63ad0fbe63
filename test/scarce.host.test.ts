/** What runs out or is killed around a container, and callers who are in each other's way: one line, and nothing left. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { carriedBy, hierarchiesOf } from '../packages/cg-limit/src/layout.ts';
import { makeBundle, testId } from '../packages/ctr-run/test/bundles.ts';
import { needsRuntime, program, runtimes } from '../packages/ctr-run/test/runtimes.ts';
import { layout, tar } from '../packages/ufs-mount/test/archives.ts';
import { nothingLeft } from './faults.ts';
import {
  atFileEnd,
  type Ended,
  killOne,
  lacking,
  needs,
  run,
  runTool,
  skip,
  slower,
  start,
  tempDir,
  toolEnv,
  toolPath,
  until,
} from './support.ts';

type Change = NonNullable<Parameters<typeof makeBundle>[1]>;

const bundleOf = (args: readonly string[], change: Change = () => {}): string =>
  makeBundle(args, (spec) => {
    spec.process!.rlimits = [];
    change(spec);
  });
const fine = { status: 0, stderr: '' };
const remove = (id: string) => runTool('ctr-run', ['delete', '--force', id]);
const oneLine = /^[^\n]+\n$/;

/** A tmpfs of this size. */
function smallDisk(context: TestContext, size: string): string {
  needs(context, 'root');
  const at = tempDir('disk');
  expect(run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'tmpfs', at]).status).toBe(0);
  atFileEnd(() => run('umount', ['-l', at]));
  return at;
}

describe('a full disk', () => {
  test('as the root of states', async (context) => {
    const root = smallDisk(context, '64k');
    const bundle = bundleOf(['/bin/true'], (spec) => {
      spec.annotations = { long: 'x'.repeat(8000) };
    });
    let refused = 0;
    // Every amount of room between none and enough.
    for (let room = 0; room <= 16; room++) {
      const id = testId();
      writeFileSync(join(root, 'filler'), Buffer.alloc((16 - room) * 4096));
      const ended = runTool('ctr-run', ['--root', root, 'run', '--bundle', bundle, id]);
      if (ended.status !== 0) {
        refused++;
        expect(ended).toMatchObject({ status: 1, stdout: '' });
        expect(ended.stderr).toMatch(/^ctr-run: [^\n]+: No space left on device\n$/);
      } else expect(ended.stderr).toBe('');
      expect(readdirSync(root)).toEqual(['filler']);
      await nothingLeft(`with room for ${room} pages`, id, bundle);
    }
    expect(refused).toBeGreaterThan(3);
    expect(refused).toBeLessThan(17);
  });

  test('as the store of layers, in which the same goes again when there is room', async (context) => {
    const store = smallDisk(context, '1m');
    const data = Buffer.alloc(3 << 20);
    const image = layout([tar([{ name: 'small', data: 'x' }]), tar([{ name: 'large', data }])]);
    const env = { ...toolEnv(), CTR_STORE: store };
    const words = [`oci:${image}:3`, '--temp'];
    const refused = runTool('ufs-mount', words, { env });
    expect(refused).toMatchObject({ status: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^ufs-mount: [^\n]+No space left on device[^\n]*\n$/);
    expect(run('mount', ['-o', 'remount,size=16m', store]).status).toBe(0);
    const ended = runTool('ufs-mount', words, { env });
    expect(ended).toMatchObject(fine);
    expect(readFileSync(join(ended.stdout.trim(), 'large')).equals(data)).toBe(true);
    expect(runTool('ufs-mount', ['--unmount', ended.stdout.trim()], { env })).toMatchObject(fine);
    expect(run('umount', [store]).status).toBe(0);
    await nothingLeft('after it', store, image);
  });
});

/** A group of this controller with the limit, in which a line of shell runs. */
function limited(context: TestContext, controller: string, file: Record<1 | 2, string>) {
  needs(context, 'root');
  const home = hierarchiesOf().find((h) => h.version === 1 && carriedBy(h).includes(controller));
  if (!home) skip(context, `no v1 hierarchy of ${controller}`);
  const group = join(home.directory, `ctr-test-${process.pid}-${controller}`);
  mkdirSync(group);
  atFileEnd(() => rmdirSync(group));
  return (limit: number, words: readonly string[]): Ended => {
    writeFileSync(join(group, file[1]), String(limit));
    return run('/bin/sh', ['-c', `echo 0 >${group}/cgroup.procs; exec "$@"`, 'sh', ...words]);
  };
}

test('too few processes', async (context) => {
  const inside = limited(context, 'pids', { 1: 'pids.max', 2: 'pids.max' });
  const bundle = bundleOf(['/bin/true']);
  const statuses: (number | null)[] = [];
  for (let limit = 1; limit <= 8; limit++) {
    const id = testId();
    const ended = inside(limit, ['ctr-run', 'run', '--bundle', bundle, id]);
    statuses.push(ended.status);
    if (ended.status === 0) expect(ended.stderr).toBe('');
    else {
      expect([1, 125], `${limit}: ${ended.signal} ${ended.stderr}`).toContain(ended.status);
      expect(ended.stderr).toMatch(/^ctr-run: [^\n]*(?:pids|Resource temporarily unavailable)[^\n]*\n$/);
    }
    await nothingLeft(`with ${limit} processes`, id, bundle);
  }
  expect(statuses[0]).not.toBe(0);
  expect(statuses.at(-1)).toBe(0);
});

test('too little memory', async (context) => {
  const inside = limited(context, 'memory', { 1: 'memory.limit_in_bytes', 2: 'memory.max' });
  const bundle = bundleOf(['/bin/true']);
  const statuses: (number | null)[] = [];
  for (const limit of [256 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20, 64 << 20]) {
    const id = testId();
    const ended = inside(limit, ['ctr-run', 'run', '--bundle', bundle, id]);
    statuses.push(ended.status);
    if (ended.status === 0) expect(ended.stderr).toBe('');
    // Killed itself, or by one line that says why not.
    else if (ended.signal === null) expect(ended.stderr, String(limit)).toMatch(oneLine);
    else expect(ended.signal).toBe('SIGKILL');
    expect(remove(id).status).toBe(0);
    await nothingLeft(`with ${limit} bytes`, id, bundle);
  }
  expect(statuses[0]).not.toBe(0);
  expect(statuses.at(-1)).toBe(0);
});

/** The children of a process (proc_pid_task(5)). */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

describe('killed', () => {
  test('the planner, while it plans', async (context) => {
    needs(context, 'root');
    const id = testId();
    const bundle = bundleOf(['/bin/true']);
    expect(run('/bin/sh', ['-c', `rm ${bundle}/config.json; mkfifo ${bundle}/config.json`]).status).toBe(0);
    const running = start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]);
    await until('the planner is there', () => childrenOf(running.child.pid!).length === 1);
    killOne(childrenOf(running.child.pid!)[0]!);
    expect(await running.ended).toMatchObject({
      status: 125,
      stderr: 'ctr-run: the planner was killed by SIGKILL before it had a plan\n',
    });
    await nothingLeft('after it', id, bundle);
  });

  test('the supervisor, and delete removes what it would have', async (context) => {
    needs(context, 'root');
    const id = testId();
    const bundle = bundleOf(['/bin/sleep', '1000']);
    const running = start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]);
    const state = () => runTool('ctr-run', ['state', id]).stdout;
    await until('it runs', () => state().includes('"running"'));
    running.child.kill('SIGKILL');
    // The container goes on, as one of runc's does, and holds the pipes.
    expect(remove(id)).toMatchObject(fine);
    expect((await running.ended).signal).toBe('SIGKILL');
    await nothingLeft('after it', id, bundle);
  });

  test.for(runtimes)(
    'the first process: before its command ran that is a failure of the runtime: %s',
    async (runtime, context) => {
      needsRuntime(context, runtime);
      const killer = join(tempDir('killer'), 'killer');
      writeFileSync(killer, '#!/bin/sh\nkill -9 $(sed -n \'s/.*"pid": *\\([0-9]*\\).*/\\1/p\')\n');
      chmodSync(killer, 0o755);
      const runWith = (hook: 'createRuntime' | 'poststart') => {
        const id = testId();
        const change: Change = (spec) => {
          spec.hooks = { [hook]: [{ path: killer }] };
        };
        const bundle = makeBundle(['/bin/sleep', '1000'], change, runtime);
        return { ...run(program(runtime), ['run', '--bundle', bundle, id]), id };
      };
      const before = runWith('createRuntime');
      expect(before).toMatchObject({ status: 1, stderr: expect.stringMatching(oneLine) });
      await nothingLeft('after it', before.id);
      if (runtime === 'runc') return;
      expect(before.stderr).toContain('its process was killed by SIGKILL');
      // Its command ran, and ended so.
      const after = runWith('poststart');
      expect(after).toMatchObject({ status: 137, stderr: '' });
      await nothingLeft('after it', after.id);
    },
  );
});

test('callers who want the same ID at once: one has it, the others are told', async (context) => {
  needs(context, 'root');
  const bundle = bundleOf(['/bin/true']);
  for (let round = 0; round < 3; round++) {
    const id = testId();
    const all = Array.from({ length: 5 }, () => start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]));
    const ended = await Promise.all(all.map((one) => one.ended));
    expect(ended.some(({ status }) => status === 0)).toBe(true);
    for (const { status, stderr } of ended)
      if (status === 0) expect(stderr).toBe('');
      else {
        expect(status).toBe(1);
        // Who looked before the name was taken meets the other's groups.
        expect(stderr).toMatch(/^ctr-run: [^\n]*(?:exists|is in use)[^\n]*\n$/);
      }
    await nothingLeft('after them', id);
  }
});

test('callers who delete at once, one of them with force', async (context) => {
  needs(context, 'root');
  const bundle = bundleOf(['/bin/sleep', '1000']);
  for (let round = 0; round < 3; round++) {
    const id = testId();
    expect(
      run('/bin/sh', ['-c', `exec ctr-run run -d --bundle ${bundle} ${id} >/dev/null 2>&1`]).status,
    ).toBe(0);
    const all = ['--force', '--force', '--force'].map((flag) =>
      start(toolPath('ctr-run'), ['delete', flag, id]),
    );
    const ended = await Promise.all(all.map((one) => one.ended));
    expect(ended.map(({ status, stderr }) => `${status} ${stderr}`)).toEqual(['0 ', '0 ', '0 ']);
    await nothingLeft('after them', id, bundle);
  }
});

/** Who asks has 20 loops for two minutes. */
const whole = lacking('asked') === undefined;

test(
  'loops of run, kill and delete beside each other end as they should, and leave nothing',
  async (context) => {
    needs(context, 'root');
    const bundle = bundleOf(['/bin/sleep', '1000']);
    const ids: string[] = [];
    const round = async (): Promise<string> => {
      const id = testId();
      ids.push(id);
      const running = start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]);
      let over = false;
      running.child.once('exit', () => {
        over = true;
      });
      // From the first moment on: until there is something to be killed, and it is.
      for (;;) {
        const kill = await start(toolPath('ctr-run'), ['kill', id, 'KILL']).ended;
        if (kill.status === 0 || over) break;
      }
      const { status, stderr } = await running.ended;
      const removed = await start(toolPath('ctr-run'), ['delete', '--force', id]).ended;
      return `run ${status} ${stderr}, delete ${removed.status} ${removed.stderr}`;
    };
    const loop = async (): Promise<string[]> => {
      const all: string[] = [];
      const end = performance.now() + 120_000;
      while (whole ? performance.now() < end : all.length < 4) all.push(await round());
      return all;
    };
    const ended = (await Promise.all(Array.from({ length: whole ? 20 : 6 }, loop))).flat();
    const killed = ended.filter((one) => one.startsWith('run 137 ')).length;
    await context.annotate(`${ended.length} rounds: 137 in ${killed}, 1 in ${ended.length - killed}`);
    const right = /^run (?:137 |1 ctr-run: [^\n]*its process was killed by SIGKILL\n), delete 0 $/;
    expect(ended.filter((one) => !right.test(one))).toEqual([]);
    await nothingLeft('after them', ...ids, bundle);
  },
  (whole ? 300_000 : 120_000) * slower,
);
