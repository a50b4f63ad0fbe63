/**
 * Plans used again: who runs a bundle a second time in the same way needs no planner. The tools of
 * these tests lie in a directory of their own, where Node can be taken away: what runs without it
 * has used a plan again, and all else says that there is none.
 */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { layApart, noPlanner, plansIn } from '../../../test/apart.ts';
import { dist } from '../../../test/dist.ts';
import {
  isRoot,
  needs,
  type RunOptions,
  run,
  slower,
  start,
  tempDir,
  toolEnv,
  until,
} from '../../../test/support.ts';
import { typed } from '../../../test/terminal.ts';
import { makeBundle, testId, tracesOf } from './bundles.ts';

let apart: ReturnType<typeof layApart>;
let tool: string;
let root: string;

beforeAll(() => {
  apart = layApart();
  tool = apart.tool('ctr-run');
});

beforeEach(() => {
  root = tempDir('states');
});

afterEach(() => apart.give());

const plans = () => plansIn(root);
const ctr = (words: readonly string[], options: RunOptions = {}) =>
  run(tool, ['--root', root, 'run', ...words], options);

/** The same with Node taken away. */
const alone = (words: readonly string[], options: RunOptions = {}) =>
  apart.without(() => ctr(words, options));

const sh = (script: string) => ['/bin/sh', '-c', script];

/** A bundle that ran once, and the words that ran it. */
function ranOnce(script: string, change?: Parameters<typeof makeBundle>[1]) {
  const bundle = makeBundle(sh(script), change);
  const words = ['--bundle', bundle, testId()];
  const first = ctr(words);
  return { bundle, words, id: words[2]!, first };
}

describe.skipIf(!isRoot)('a second run', () => {
  test('needs no planner, and is the same container', () => {
    const script = `
      echo $$; hostname; id; pwd; env | sort; umask; ls /dev
      cut -d' ' -f2,3,4 /proc/mounts
      grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|SigIgn)' /proc/self/status
      cat /proc/self/limits /proc/self/oom_score_adj
      cut -d: -f2,3 /proc/self/cgroup | sort
      touch /x 2>&1; echo to stderr >&2; exit 7`;
    const { bundle, words, id, first } = ranOnce(script);
    expect(first).toMatchObject({
      status: 7,
      stdout: expect.stringContaining('PATH='),
      stderr: 'to stderr\n',
    });
    expect(plans()).toHaveLength(1);
    for (let i = 0; i < 3; i++) expect(alone(words)).toEqual(first);
    expect(tracesOf(bundle, id)).toEqual([]);
    expect(readdirSync(root)).toEqual(['.plans']);
  });

  test('has a state of its own: PIDs, and when it was made', async () => {
    const { words, id } = ranOnce('cat; exit 0');
    const state = () => JSON.parse(readFileSync(`${root}/${id}/state.json`, 'utf8'));
    const seen = [];
    for (let i = 0; i < 2; i++) {
      const running = start(tool, ['--root', root, 'run', ...words], { env: toolEnv() });
      await until('it runs', () => existsSync(`${root}/${id}/state.json`) && state().status === 'running');
      const { pid, startTime, created } = state();
      expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21]).toBe(String(startTime));
      expect(Math.abs(Date.now() - Date.parse(created))).toBeLessThan(20_000 * slower);
      expect(new Date(created).toISOString()).toBe(created);
      seen.push({ pid, created });
      running.child.stdin!.end();
      expect(await running.ended).toMatchObject({ status: 0 });
    }
    expect(seen[0]!.pid).not.toBe(seen[1]!.pid);
    expect(seen[0]!.created < seen[1]!.created).toBe(true);
  });

  test('is stopped by signals and taken down as a first one', async () => {
    const { bundle, words, id } = ranOnce('trap "exit 3" TERM; [ -t 0 ]; echo up; read x || true; sleep 0.1');
    apart.take();
    const running = start(tool, ['--root', root, 'run', ...words], { env: toolEnv() });
    await until('it is up', () => running.output().stdout === 'up\n');
    running.child.kill('SIGKILL');
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
    apart.give();
    await until('it is known to have stopped', () =>
      run(tool, ['--root', root, 'state', id]).stdout.includes('"status": "stopped"'),
    );
    expect(run(tool, ['--root', root, 'delete', id])).toMatchObject({ status: 0, stderr: '' });
    expect(tracesOf(bundle, id)).toEqual([]);
  });

  test('fails in the words of the first, and leaves nothing', () => {
    const { bundle, words, id } = ranOnce('true');
    rmSync(`${bundle}/rootfs/bin/sh`);
    const failed = alone(words);
    expect(failed).toMatchObject({
      status: 127,
      stderr: expect.stringMatching(/^ctr-run: .*\/bin\/sh.*\n$/),
    });
    expect(ctr(words, { env: toolEnv({ OTHER: '1' }) })).toEqual(failed);
    expect(tracesOf(bundle, id)).toEqual([]);
  });
});

describe.skipIf(!isRoot)('the planner is asked where anything is otherwise', () => {
  const same = () => ranOnce('true');

  test('the words, the variables, the place, the umask, a descriptor', () => {
    const { words, bundle } = same();
    expect(alone(words)).toMatchObject({ status: 0 });
    expect(alone(['--bundle', bundle, testId()])).toMatchObject(noPlanner);
    expect(alone(['--no-pivot', ...words])).toMatchObject(noPlanner);
    expect(alone(words, { env: toolEnv({ OTHER: '1' }) })).toMatchObject(noPlanner);
    expect(alone(words, { cwd: '/' })).toMatchObject(noPlanner);
    expect(alone(words, { fds: [openSync('/dev/null', 'r')] })).toMatchObject(noPlanner);
    const line = `umask 027; exec "${tool}" --root "${root}" run ${words.join(' ')}`;
    apart.take();
    expect(run('/bin/sh', ['-c', line])).toMatchObject(noPlanner);
    // What a shell counts with decides nothing.
    expect(ctr(words, { env: toolEnv({ SHLVL: '9', OLDPWD: '/x', PWD: '/y', _: 'z' }) })).toMatchObject({
      status: 0,
    });
  });

  test('the spec, its root, and what it mounts', () => {
    const source = tempDir('source');
    const { words, bundle } = ranOnce('true', (spec) => {
      spec.mounts!.push({ destination: '/mnt', type: 'bind', source, options: ['bind'] });
    });
    expect(alone(words)).toMatchObject({ status: 0 });
    appendFileSync(`${bundle}/config.json`, '\n');
    expect(alone(words)).toMatchObject(noPlanner);
    expect(ctr(words)).toMatchObject({ status: 0 });
    expect(alone(words)).toMatchObject({ status: 0 });
    renameSync(`${bundle}/rootfs`, `${bundle}/other`);
    expect(ctr(words)).toMatchObject({ status: 1, stderr: expect.stringContaining('root.path') });
    renameSync(`${bundle}/other`, `${bundle}/rootfs`);
    expect(alone(words)).toMatchObject({ status: 0 });
    rmSync(source, { recursive: true });
    expect(ctr(words)).toMatchObject({ status: 1, stderr: expect.stringContaining(source) });
  });

  test('an ID in use', async () => {
    const { words, id } = ranOnce('cat');
    const running = start(tool, ['--root', root, 'run', ...words], { env: toolEnv() });
    await until('it runs', () => existsSync(`${root}/${id}/config.json`));
    expect(ctr(words)).toMatchObject({ status: 1, stderr: expect.stringContaining('exists') });
    running.child.stdin!.end();
    expect(await running.ended).toMatchObject({ status: 0 });
    expect(alone(words)).toMatchObject({ status: 0 });
  });

  test('what the caller may do, and how it is to be killed', (context) => {
    needs(context, 'command:capsh', 'command:choom');
    const { words } = same();
    const call = [tool, '--root', root, 'run', ...words];
    apart.take();
    const under = (...before: string[]) => run(before[0]!, [...before.slice(1), ...call]);
    expect(under('env')).toMatchObject({ status: 0 });
    expect(under('choom', '-n', '77', '--')).toMatchObject(noPlanner);
    const dropped = ['capsh', '--drop=cap_sys_boot', '--', '-c', 'exec "$@"', 'sh'];
    expect(under(...dropped)).toMatchObject(noPlanner);
  });

  test('the launcher or the planner', () => {
    const { words } = same();
    expect(alone(words)).toMatchObject({ status: 0 });
    const { planner } = apart;
    rmSync(planner);
    copyFileSync(join(dist, 'lib/planner.cjs'), planner);
    expect(alone(words)).toMatchObject(noPlanner);
    rmSync(planner);
    symlinkSync(join(dist, 'lib/planner.cjs'), planner);
    expect(alone(words)).toMatchObject({ status: 0 });
    utimesSync(tool, 1, 1);
    expect(alone(words)).toMatchObject(noPlanner);
  });
});

describe.skipIf(!isRoot)('a plan is kept', () => {
  test('for a run that stays with a container of a bundle, and no other', () => {
    const words = (course: string[], change?: Parameters<typeof makeBundle>[1]) => [
      ...course,
      ...['--bundle', makeBundle(sh('true'), change), testId()],
    ];
    for (const given of [words(['--detach']), words(['--keep'])]) {
      expect(ctr(given)).toMatchObject({ status: 0 });
      run(tool, ['--root', root, 'delete', '--force', given.at(-1)!]);
    }
    // --keep stays with its container as well; so does nobody with a detached one.
    expect(plans()).toHaveLength(1);
    rmSync(`${root}/.plans`, { recursive: true });
    const spec = run(tool, ['spec', '--rootfs', 'host', '--', 'true']).stdout;
    expect(ctr(['-'], { input: spec })).toMatchObject({ status: 0 });
    expect(ctr(['--rootfs', makeBundle(sh('true')), '--', '/rootfs/bin/busybox', 'true'])).toMatchObject({
      status: 0,
    });
    expect(run(tool, ['--debug', '--root', root, 'run', ...words([])])).toMatchObject({ status: 0 });
    expect(ctr(words([], (s) => Object.assign(s.process!, { args: ['/bin/none'] })))).toMatchObject({
      status: 127,
    });
    expect(plans()).toEqual([]);
  });

  test('by whom it is for alone, and is not there for others to write', () => {
    const { words } = ranOnce('true');
    const [name] = plans();
    const path = `${root}/.plans/${name}`;
    const modes = run('stat', ['-c', '%a %u', `${root}/.plans`, path]).stdout;
    expect(modes).toBe('700 0\n600 0\n');
    chmodSync(path, 0o620);
    expect(alone(words)).toMatchObject(noPlanner);
    chmodSync(path, 0o600);
    chownSync(path, 1, 1);
    expect(alone(words)).toMatchObject(noPlanner);
    chownSync(path, 0, 0);
    chmodSync(`${root}/.plans`, 0o777);
    expect(alone(words)).toMatchObject(noPlanner);
    chmodSync(`${root}/.plans`, 0o700);
    expect(alone(words)).toMatchObject({ status: 0 });
    renameSync(path, `${path}.real`);
    symlinkSync(`${path}.real`, path);
    expect(alone(words)).toMatchObject(noPlanner);
  });

  test('whole or not at all: one that is damaged is made anew', () => {
    const { words } = ranOnce('true');
    const damages: ((whole: Buffer) => Buffer)[] = [
      (whole) => whole.subarray(0, 50),
      (whole) => whole.subarray(0, -1),
      (whole) => Buffer.from(whole).fill(255, 96, 4000),
    ];
    for (const damage of damages) {
      rmSync(`${root}/.plans`, { recursive: true });
      expect(ctr(words)).toMatchObject({ status: 0 });
      const path = `${root}/.plans/${plans()[0]}`;
      writeFileSync(path, damage(readFileSync(path)));
      expect(alone(words)).toMatchObject(noPlanner);
      expect(ctr(words)).toMatchObject({ status: 0 });
      expect(alone(words)).toMatchObject({ status: 0 });
    }
  });

  test('in one of a few places, and the oldest there makes room', () => {
    const bundle = makeBundle(['/bin/true']);
    const runs = slower > 1 ? 4 : 150;
    let words: string[] = [];
    for (let i = 0; i < runs; i++) {
      words = ['--bundle', bundle, testId()];
      expect(ctr(words)).toMatchObject({ status: 0 });
    }
    expect(alone(words)).toMatchObject({ status: 0 });
    expect(plans().length).toBeGreaterThan(1);
    expect(plans().length).toBeLessThanOrEqual(128);
    expect(plans().every((name) => /^[0-9a-f][0-7]$/.test(name))).toBe(true);
  });

  test('with a terminal too', () => {
    const bundle = makeBundle(sh('tty; stty size'), (spec) => {
      spec.process!.terminal = true;
    });
    const line = `${tool} --root ${root} run --bundle ${bundle} ${testId()}; echo r"c"=$?`;
    const once = () =>
      typed(`
type('stty rows 33 cols 99; echo si"ze"d\\r'); expect('sized')
type(${JSON.stringify(line)} + '\\r'); out = expect('rc=0')
print('/dev/pts/0' in out, '33 99' in out)`);
    const seen = 'True True\nDONE\n';
    expect(once()).toBe(seen);
    expect(plans()).toHaveLength(1);
    apart.take();
    expect(once()).toBe(seen);
  });
});
