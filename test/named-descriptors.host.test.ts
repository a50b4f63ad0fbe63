/** Files that a line names by a descriptor of the caller's: bash's <(...), /dev/fd/N, /proc/self/fd/N, /dev/stdin. */
import { copyFileSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, ctrLeaving, makeBundle, testId } from '../packages/ctr-run/test/bundles.ts';
import type { Process, Spec } from '../packages/oci/src/index.ts';
import { bin, hasCommand, isRoot, needs, run, start, tempDir, toolEnv, toolPath, until } from './support.ts';

const bash = (line: string, ...words: string[]) =>
  run('bash', ['-c', `set -o pipefail; ${line}`, 'bash', ...words], {
    env: toolEnv({ PATH: `${bin}:${process.env.PATH}` }),
  });

/** What stands for `file`: the way in which a line names it, with what gives it the descriptor. */
const ways: readonly (readonly [what: string, word: string, before: string, after: string])[] = [
  ['<(...)', '<(cat "$1")', '', ''],
  ['/dev/fd/3', '/dev/fd/3', '', '3<"$1"'],
  ['/dev/fd/4, opened to be written too', '/dev/fd/4', '', '4<>"$1"'],
  ['/proc/self/fd/5', '/proc/self/fd/5', '', '5<"$1"'],
  ['/proc/thread-self/fd/77', '/proc/thread-self/fd/77', '', '77<"$1"'],
  ['/dev/stdin, a pipe', '/dev/stdin', 'cat "$1" |', ''],
  ['/dev/stdin, a file', '/dev/stdin', '', '<"$1"'],
];

let id = '';
beforeAll(() => {
  if (!isRoot) return;
  id = testId();
  expect(ctrLeaving('run', '--detach', '--bundle', makeBundle(['/bin/sleep', '300']), id).status).toBe(0);
});
afterAll(() => void (id && run(toolPath('ctr-run'), ['delete', '--force', id])));

function fileOf(value: unknown): string {
  const path = `${tempDir('named')}/file`;
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

describe.for(ways)('%s', ([, word, before, after]) => {
  const through = (line: string, file: string, ...words: string[]) =>
    bash(`${before} ${line.replace('FILE', word)} ${after}`, file, ...words);

  test('exec --process', (context) => {
    needs(context, 'root', 'command:bash');
    const { process: own } = JSON.parse(readFileSync(`/run/ctr-run/${id}/config.json`, 'utf8')) as Spec;
    const process: Process = { ...own!, args: ['/bin/echo', 'ran'] };
    const ended = through('ctr-run exec --process FILE "$2"', fileOf(process), id);
    expect(ended).toMatchObject({ status: 0, stdout: 'ran\n', stderr: '' });
  });

  test('update -r', (context) => {
    needs(context, 'root', 'command:bash');
    const ended = through('ctr-run update -r FILE "$2"', fileOf({ pids: { limit: 44 } }), id);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(run(toolPath('ctr-run'), ['exec', id, '/bin/true']).status).toBe(0);
  });

  test('seccomp-load', (context) => {
    needs(context, 'command:bash');
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    };
    const line = 'seccomp-load FILE -- mkdir "$2"/x';
    const ended = through(line, fileOf(profile), tempDir('in'));
    expect(ended.stderr).toMatch(/No space left/);
  });

  test('ufs-mount, where it is a file', (context) => {
    needs(context, 'root', 'command:bash', 'command:tar');
    const directory = tempDir('layer');
    copyFileSync(busybox, `${directory}/sh`);
    const tar = `${tempDir('tar')}/layer.tar`;
    expect(run('tar', ['-C', directory, '-cf', tar, 'sh']).status).toBe(0);
    const ended = through("ufs-mount --temp FILE -- /sh -c 'echo *'", tar);
    if (!word.startsWith('<(') && before === '')
      return expect(ended).toMatchObject({ status: 0, stdout: 'sh\n', stderr: '' });
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/is a pipe, and an archive is read more than once/);
  });

  test('cg-limit --resources', (context) => {
    needs(context, 'root', 'command:bash');
    const line = 'cg-limit --resources FILE -- sh -c "cat /proc/self/cgroup | wc -l"';
    expect(through(line, fileOf({ pids: { limit: 44 } }))).toMatchObject({ status: 0, stderr: '' });
  });
});

test('a layer that was removed has no name any more', (context) => {
  needs(context, 'root', 'command:bash');
  const ended = bash('rm "$1"; ufs-mount /dev/fd/3 -- true', fileOf('x'));
  expect(ended.stderr).toMatch(/no source \/dev\/fd\/3/);
  const removed = bash('exec 3<"$1"; rm "$1"; ufs-mount /dev/fd/3 -- true', fileOf('x'));
  expect(removed.stderr).toMatch(/is a file that was removed/);
});

test('the descriptor itself stays the command’s', (context) => {
  needs(context, 'command:bash');
  const profile = fileOf({ defaultAction: 'SCMP_ACT_ALLOW' });
  const ended = bash('seccomp-load /dev/fd/3 -- cat /dev/fd/3 3<"$1"', profile);
  expect(ended.stdout).toBe(readFileSync(profile, 'utf8'));
});

test('what the caller can write to the planner can only read', async (context) => {
  needs(context, 'command:bash');
  const fifo = `${tempDir('named')}/fifo`;
  expect(run('mkfifo', [fifo]).status).toBe(0);
  // It can be read from the first, and never ends.
  const line = `exec ${toolPath('seccomp-load')} /dev/fd/4 -- true 4<>${fifo}`;
  const pid = start('bash', ['-c', line]).child.pid!;
  const planners = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  await until('it waits for the profile, under its filter', () =>
    planners().some((planner) => /^Seccomp:\t2$/m.test(readFileSync(`/proc/${planner}/status`, 'utf8'))),
  );
  // O_ACCMODE of its flags, which are octal (proc_pid_fdinfo(5)).
  const modes = (of: string | number) =>
    readdirSync(`/proc/${of}/fd`)
      .filter((fd) => readlinkSync(`/proc/${of}/fd/${fd}`) === fifo)
      .map((fd) => /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${of}/fdinfo/${fd}`, 'utf8')))
      .map((flags) => Number.parseInt(flags![1]!, 8) & 3);
  expect(modes(pid)).toEqual([2]);
  expect([...new Set(modes(planners()[0]!))]).toEqual([0]);
});

test('one that is not open is no file, and the planner’s own are none', (context) => {
  needs(context, 'command:bash');
  for (const word of ['/dev/fd/3', '/proc/self/fd/4', '/dev/fd/5', '/dev/fd/9']) {
    const ended = bash(`seccomp-load ${word} -- true 3<&- 4<&- 5<&- 9<&-`);
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/no such file/i);
    expect(ended.stderr).not.toMatch(/CTRREQ|JSON/);
  }
});

test.runIf(hasCommand('bash'))('an act on Node reads it too', () => {
  const ended = bash('caps-drop --files /dev/fd/3 3<"$1"', fileOf('x'));
  expect(ended).toMatchObject({ status: 0, stderr: '' });
});
