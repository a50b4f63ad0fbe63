/**
 * Chains that change the root: a command's path that leads through a descriptor to a directory of
 * the host (CVE-2024-21626), and what of the caller's descriptors a command gets.
 */
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ctrLeaving, makeBundle, testId } from '../packages/ctr-run/test/bundles.ts';
import { escaped, hostile, leaking, numbers } from '../packages/ctr-run/test/hostile.ts';
import { type Ended, isRoot, needs, run, runTool, toolPath } from './support.ts';
import { unguarded } from './unguarded.ts';

const id = testId();
let image: ReturnType<typeof hostile>;
let pid = '';

beforeAll(() => {
  if (!isRoot) return;
  image = hostile();
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.root!.path = image.path;
  });
  const made = ctrLeaving('run', '--detach', '--bundle', bundle, id);
  if (made.status !== 0) throw new Error(made.stderr);
  pid = String((JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number }).pid);
});

afterAll(() => {
  if (isRoot) runTool('ctr-run', ['delete', '--force', id]);
});

/** Ways into another root, by the words before the command. */
const ways: Record<string, (tool: (name: string) => string) => string[]> = {
  'ns-enter --root of a new mount namespace': (tool) => [
    tool('ns-enter'),
    '--new',
    'mount,pid',
    `--root=${image.path}`,
    '--',
  ],
  'ns-enter --target --all': (tool) => [tool('ns-enter'), '--target', pid, '--all', '--'],
  'ns-enter --target, root alone': (tool) => [tool('ns-enter'), '--target', pid, '--pid', '--root', '--'],
  'behind another link': (tool) => [
    tool('caps-drop'),
    '--no-new-privs',
    '--',
    'ns-enter',
    '--target',
    pid,
    '--all',
    '--',
  ],
  'behind another link, one by one': (tool) => [
    tool('caps-drop'),
    '--no-new-privs',
    '--',
    tool('ns-enter'),
    '--target',
    pid,
    '--all',
    '--',
  ],
};

const call = (words: string[], ...fds: number[]): Ended => run(words[0]!, words.slice(1), { fds });

describe.each(Object.keys(ways))('%s', (name) => {
  const way = ways[name]!;

  test('leads through no descriptor, neither of the caller nor of ours', (context) => {
    needs(context, 'root');
    for (const n of numbers) {
      const ended = leaking(image.host, (fd) => call([...way(toolPath), `/bin/by-${n}`], fd));
      expect(ended.stdout).toBe('');
      expect(ended.status).toBeGreaterThanOrEqual(126);
    }
  });

  test('control: with nothing closed it does', (context) => {
    needs(context, 'root');
    const { tool } = unguarded('descriptors');
    const ended = leaking(image.host, (fd) => call([...way(tool), '/bin/by-3'], fd));
    expect(ended.stdout).toBe(escaped);
  });

  test("passes on the caller's files, pipes and sockets, but no directory", (context) => {
    needs(context, 'root');
    const file = openSync(`${image.host}/secret`, 'r');
    const look = 'for n in 3 4 5 6 7 8; do test -e /proc/$$/fd/$n && echo $n; done; cat <&4';
    const words = [...way(toolPath), '/bin/sh', '-c', look];
    expect(leaking(image.host, (fd) => call(words, fd, file, fd)).stdout).toBe('4\nof the host\n');
    closeSync(file);
  });
});

test('nsenter(1) passes on directories too, by which the same image leads out', (context) => {
  needs(context, 'root', 'command:nsenter');
  const words = ['nsenter', '--target', pid, '--mount', '--pid', '--root', '/bin/by-3'];
  expect(leaking(image.host, (fd) => call(words, fd)).stdout).toBe(escaped);
});

test.each([
  ['caps-drop', ['--no-new-privs']],
  ['ns-enter', ['--new', 'mount,uts,pid']],
  ['ns-enter', ['--new', 'net', '--', 'caps-drop', '--no-new-privs']],
  ['seccomp-load', ['default']],
] as const)('where the root stays, directories are passed on as well: %s %j', (tool, words) => {
  const { host } = hostile();
  const look = ['--', '/bin/cat', '/proc/self/fd/5/../secret'];
  const ended = leaking(host, (fd) => call([toolPath(tool), ...words, ...look], fd, fd, fd));
  expect(ended).toMatchObject({ stdout: 'of the host\n', stderr: '', status: 0 });
});
