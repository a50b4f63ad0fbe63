/** A limit around a limit: who speaks at the end, and what stays. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Ended, needs, runShell } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const here = hierarchiesOf();
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const shell = (line: string): Ended => runShell(line, { timeout: 120_000 });
/** The last words of cg-limit itself; a shell has its own. */
const words = ({ stderr }: Ended): string[] =>
  stderr.split('\n').filter((line) => line.startsWith('cg-limit: '));
/** The inner one in the same plan, and started by a shell. */
const both = (outer: string, inner: string, command: string): string[][] => [
  words(shell(`cg-limit ${outer} -- cg-limit ${inner} -- ${command}`)),
  words(shell(`cg-limit ${outer} -- sh -c ${quote(`cg-limit ${inner} -- ${command}; exit $?`)}`)),
];

describe('the limit that was hit is named, and no other', () => {
  const eat = `sh -c ${quote('head -c 40M /dev/zero | tail > /dev/null; exit $?')}`;
  const small = '--memory 20M --memory-swap 20M';
  const killed = [
    'cg-limit: the memory limit of 20 MiB was exceeded; processes killed for it: 1; the peak was 20 MiB',
  ];

  test.for([
    ['the outer one', small, '--memory 100M'],
    ['the inner one', '--memory 100M', small],
    ['the only one', small, ''],
  ])('memory: %s', ([, outer, inner], context) => {
    needs(context, 'root');
    expect(both(outer!, inner!, eat)).toEqual([killed, killed]);
  });

  const fork = `sh -c ${quote('for i in $(seq 30); do sleep 1 & done; wait')}`;
  const refused = ['cg-limit: the limit of 20 processes was reached; forks refused: 1; the peak was 20'];

  test.for([
    ['the outer one', '--pids-limit 20', '--pids-limit 100'],
    ['the inner one', '--pids-limit 100', '--pids-limit 20'],
    ['the only one', '--pids-limit 20', ''],
  ])('processes: %s', ([, outer, inner], context) => {
    needs(context, 'root');
    expect(both(outer!, inner!, fork)).toEqual([refused, refused]);
  });

  test('a limit that is only just kept is not mentioned, nor one of a command that forked in vain further in', (context) => {
    needs(context, 'root');
    const line = `cg-limit --pids-limit 9 -- sh -c ${quote(`cg-limit --pids-limit 3 -- sh -c 'sleep 1 & sleep 1 & sleep 1'; sleep 0.1 & sleep 0.1 & sleep 0.1 & wait`)}`;
    const said = words(shell(line));
    expect(said).toEqual([
      'cg-limit: the limit of 3 processes was reached; forks refused: 1; the peak was 3',
    ]);
    expect(words(shell(`cg-limit --pids-limit 3 -- sh -c 'sleep 0.1 & sleep 0.1 & wait'`))).toEqual([]);
  });
});

describe('the last line', () => {
  test('is the limit’s, after one for all hierarchies about what is still in the group', (context) => {
    needs(context, 'root');
    const path = `/ctr-test-left-${process.pid}`;
    const ended = shell(
      `cg-limit --cgroup ${path} --pids-limit 3 -- sh -c 'sleep 4 & sleep 4 & sleep 4 & wait'`,
    );
    expect(words(ended)).toEqual([
      `cg-limit: the cgroup ${path} stays, for processes are still in it; end them with --kill, and then --remove it`,
      'cg-limit: the limit of 3 processes was reached; forks refused: 1; the peak was 3',
    ]);
    expect(ended.stderr.trimEnd().split('\n').at(-1)).toContain('the limit of 3 processes');
    expect(shell(`cg-limit --kill ${path} && cg-limit --remove ${path}`)).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  test('says that a limit was too low even to begin', (context) => {
    needs(context, 'root');
    const said = {
      status: 125,
      stderr:
        'cg-limit: the memory limit of 4 KiB is too low for the command even to begin; the peak was 4 KiB\n',
    };
    expect(shell('cg-limit --memory 4K -- true')).toMatchObject(said);
    expect(shell('cg-limit --memory 4K -- cg-limit --pids-limit 9 -- true')).toMatchObject(said);
  });
});

describe('--keep', () => {
  const path = `/ctr-test-keep-${process.pid}`;
  const there = (below = ''): boolean[] => [
    ...new Set(here.map((h) => existsSync(join(h.mountPoint, path + below)))),
  ];

  test.for([
    ['kept', `sh -c 'cg-limit --keep --cgroup kept -- true'`],
    ['kept', 'cg-limit --keep --cgroup kept -- true'],
    ['a/kept', `sh -c 'cg-limit --keep --cgroup a/kept -- true'`],
  ])('a group that was made with it stays, and the one around it: %s by %s', ([name, command], context) => {
    needs(context, 'root');
    const ended = shell(`cg-limit --cgroup ${path} -- ${command}`);
    try {
      expect(ended).toMatchObject({
        status: 0,
        stderr: `cg-limit: the cgroup ${path} stays, for a group in it was made with --keep; cg-limit --remove ${path} removes both\n`,
      });
      expect(there(`/${name}`)).toEqual([true]);
    } finally {
      expect(shell(`cg-limit --remove ${path}`)).toMatchObject({ status: 0, stderr: '' });
    }
    expect(there()).toEqual([false]);
  });

  test('what a killed run leaves below goes with the one around it', (context) => {
    needs(context, 'root');
    const procs = join(groupOf('pids', path), 'killed/cgroup.procs');
    const line = `cg-limit --cgroup killed -- sleep 60 & until grep -q . ${procs} 2>/dev/null; do sleep 0.05; done; kill -9 $! $(cat ${procs}); exit 0`;
    expect(shell(`cg-limit --cgroup ${path} -- sh -c ${quote(line)}`)).toMatchObject({ status: 0 });
    expect(there()).toEqual([false]);
  });
});

/** The directory of a controller's group with this absolute path. */
function groupOf(controller: string, path: string): string {
  const h = here.find((x) => carriedBy(x).includes(controller)) ?? here.find((x) => x.version === 2)!;
  return join(h.mountPoint, path);
}
