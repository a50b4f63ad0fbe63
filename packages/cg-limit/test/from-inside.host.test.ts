/** Acts on a group that the caller is in itself, and on groups with processes only below. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { needs, run, runTool, skip, start, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const path = `/ctr-test-inside-${process.pid}`;
const here = hierarchiesOf();
const directory = (controller: string): string =>
  join(
    (here.find((h) => carriedBy(h).includes(controller)) ?? here.find((h) => h.version === 2)!).mountPoint,
    path,
  );
const v1 = here.filter((h) => h.version === 1).map((h) => h.mountPoint);
const hide = `for m in ${v1.join(' ')}; do umount "$m"; done; exec "$@"`;
/** A line of shell in a group `in` below the group, with all hierarchies or cgroup v2 alone. */
const inside = (line: string, alone = false) => {
  const words = ['cg-limit', '--cgroup', path, '--', 'sh', '-c', 'exec cg-limit --cgroup in -- sh -c "$1"'];
  const all = [...words, 'sh', line];
  return alone
    ? run('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', hide, 'sh', ...all])
    : runTool('cg-limit', all.slice(1));
};

// Whatever froze would stay for ever: nobody who is frozen by v1 dies of SIGKILL.
afterEach(() => {
  if (![directory('freezer'), directory('unified')].some((group) => existsSync(group))) return;
  for (const group of [`${path}/in`, path]) runTool('cg-limit', ['--thaw', group]);
  for (const act of ['--kill', '--remove']) runTool('cg-limit', [act, path]);
});

describe.each([
  ['all hierarchies', false],
  ['cgroup v2 alone', true],
])('from inside, %s', (_name, alone) => {
  test.for([
    ['--kill', path, 'kill itself'],
    ['--freeze', path, 'stop itself and wait for ever'],
    ['--kill', '$$', 'kill itself'],
    ['--freeze', '$$', 'stop itself and wait for ever'],
  ] as const)('%s %s is refused, and nothing is touched', ([act, target, itself], context) => {
    needs(context, 'root');
    const ended = inside(`cg-limit ${act} ${target}; echo $?; cat /proc/self/cgroup`, alone);
    const [code, ...groups] = ended.stdout.trim().split('\n');
    expect(code).toBe('125');
    expect(groups.join('\n')).toContain(`${path}/in`);
    expect(ended.stderr).toMatch(
      new RegExp(
        `^cg-limit: ${act.slice(2)} \\S+( \\d+)?: this very process is in \\S+${path}/in, so it would ${itself}; call it from outside the group\n$`,
      ),
    );
    expect(ended.status).toBe(0);
    expect(existsSync(directory('freezer'))).toBe(false);
  });
});

test("in a cgroup namespace over the host's mount the group goes below the caller's own", (context) => {
  needs(context, 'root', 'cgroup-v1', 'command:unshare');
  if (existsSync('/run/systemd/system')) skip(context, 'systemd makes the groups');
  const apart = 'exec env -u CTR_CGROUP unshare --cgroup';
  // There every group is called the root, and the mount's root lies above it.
  const seen = inside(`${apart} sh -c 'grep memory: /proc/self/cgroup; grep /memory /proc/self/mountinfo'`);
  expect(seen.stdout).toMatch(/:\/\n.* \/\.\.\/\.\. \S+\/memory /);
  const look = `grep memory: /proc/self/cgroup; find ${directory('memory')} -name "ctr-limit-*"`;
  const limited = inside(`${apart} cg-limit --memory 32M -- sh -c '${look}'`);
  expect(limited).toMatchObject({ status: 0, stderr: '' });
  const [own, ...found] = limited.stdout.trim().split('\n');
  expect(own).toMatch(/:\/ctr-limit-\d+$/);
  expect(found).toEqual([expect.stringMatching(new RegExp(`^${directory('memory')}/in/ctr-limit-\\d+$`))]);
});

test('a group beside that of the caller is no concern of its', (context) => {
  needs(context, 'root');
  const line = `cg-limit --cgroup ${path}/in-too -- sleep 600 & until cg-limit --freeze ${path}/in-too 2>/dev/null; do :; done; cg-limit --thaw ${path}/in-too && cg-limit --kill ${path}/in-too; echo $?`;
  expect(inside(line).stdout).toBe('0\n');
});

describe('--remove of a group with a process only below', () => {
  test('removes nothing, in no hierarchy', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    const groups = ['cpu', 'pids', 'freezer'].flatMap((c) => [
      `${directory(c)}/in`,
      `${directory(c)}/zz/run`,
    ]);
    for (const group of groups) mkdirSync(group, { recursive: true });
    const busy = start('sh', ['-c', `echo 0 > ${directory('cpu')}/zz/run/cgroup.procs; exec sleep 600`]);
    const procs = () => readFileSync(`${directory('cpu')}/zz/run/cgroup.procs`, 'utf8');
    await until('it is there', () => procs() !== '');
    const started = performance.now();
    expect(runTool('cg-limit', ['--remove', path])).toMatchObject({
      status: 125,
      stderr: `cg-limit: remove ${path}: 1 process is in it (${directory('cpu')}/zz/run); --kill ends them, --to-parent moves them to the group above, or wait for their end\n`,
    });
    expect(performance.now() - started).toBeLessThan(1900);
    for (const group of groups) expect(existsSync(group), group).toBe(true);
    busy.child.kill('SIGKILL');
    await busy.ended;
    expect(runTool('cg-limit', ['--remove', path])).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(directory('cpu'))).toBe(false);
  });

  test('a threaded group tells its threads alone', async (context) => {
    needs(context, 'root');
    const v2 = join(here.find((h) => h.version === 2)!.mountPoint, path);
    mkdirSync(`${v2}/zz`, { recursive: true });
    writeFileSync(`${v2}/zz/cgroup.type`, 'threaded');
    const busy = start('sh', ['-c', `echo 0 > ${v2}/zz/cgroup.procs; exec sleep 600`]);
    await until('it is there', () => readFileSync(`${v2}/zz/cgroup.threads`, 'utf8') !== '');
    expect(runTool('cg-limit', ['--remove', path]).stderr).toContain(': 1 process is in it');
    busy.child.kill('SIGKILL');
    await busy.ended;
    rmdirSync(`${v2}/zz`);
    rmdirSync(v2);
  });
});
