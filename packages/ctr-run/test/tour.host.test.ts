/** `ctr-run tour`: it runs what it shows, and leaves nothing behind wherever it is ended. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, start, tempDir, toolEnv, toolPath, top, until } from '../../../test/support.ts';
import { typed } from '../../../test/terminal.ts';
import { chaptersOf } from '../src/tour/page.ts';
import { leftoversOf } from './bundles.ts';

const prompt = '[Enter runs it';
const home = tempDir('tour');
let made = 0;
/** A new directory for what one tour makes. */
function place(): { TMPDIR: string } {
  const TMPDIR = join(home, String(++made));
  mkdirSync(TMPDIR);
  return { TMPDIR };
}
/** What a tour has left: its directory, what is mounted in it, the groups of its container. */
const left = ({ TMPDIR }: { TMPDIR: string }): string[] => [
  ...readdirSync(TMPDIR),
  ...readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${TMPDIR}/`)),
  ...['tour', 'tour-demo'].flatMap(leftoversOf),
];

const stepsOf = (number: number): number =>
  chaptersOf(readFileSync(join(top, 'docs/tour.md'), 'utf8'))
    [number]!.parts.filter((part) => part.kind === 'block')
    .filter(({ undo, needs: wanted }) => !undo && wanted.length === 0)
    .flatMap(({ steps }) => steps).length;

/** Press Enter so often, then end it by the signal: while it asks, or while the next command runs. */
async function interrupted(chapter: number, enters: number, signal: NodeJS.Signals, running: boolean) {
  const env = place();
  const tour = start(toolPath('ctr-run'), ['tour', String(chapter)], { env: toolEnv(env) });
  tour.child.stdin!.write('\n'.repeat(enters));
  const prompts = (): number => tour.output().stdout.split(prompt).length - 1;
  await until(`prompt ${enters + 1}`, () => prompts() > enters, 60_000);
  if (running) tour.child.stdin!.write('\n');
  tour.child.kill(signal);
  const ended = await tour.ended;
  return { signal: ended.signal, stderr: ended.stderr, left: left(env) };
}

const each = (chapter: number): number[] => [...Array(stepsOf(chapter)).keys()];

// Those of chapter 1 that make a container, and that run a program in it.
describe.each([
  { chapter: 1, at: [0, 6] },
  { chapter: 3, at: each(3) },
  { chapter: 6, at: each(6) },
])('chapter $chapter, interrupted', ({ chapter, at }) => {
  test('at each step', async (context) => {
    needs(context, 'root', 'command:busybox');
    for (const enters of at) {
      const signal = enters % 3 === 2 ? 'SIGTERM' : 'SIGINT';
      const ended = await interrupted(chapter, enters, signal, enters % 2 === 0);
      expect({ enters, ...ended }).toEqual({ enters, signal, stderr: '', left: [] });
    }
  }, 600_000);
});

test('a chapter to its end: prose, commands, and what they print', (context) => {
  needs(context, 'root', 'command:busybox');
  const env = place();
  const { status, stdout, stderr } = runTool('ctr-run', ['tour', '6'], {
    env: toolEnv(env),
    input: '\n'.repeat(20),
    timeout: 60_000,
  });
  expect({ status, stderr, left: left(env) }).toEqual({ status: 0, stderr: '', left: [] });
  expect(stdout).toMatch(/^6\. A container, built by hand\n\nNow all five, each by its own tool/);
  expect(stdout).toMatch(
    /^\$ cg-limit --memory 64M -- ns-enter .*\n.*\nbuilt by hand\nbox\nCapEff:\t00000000a80425fb$/m,
  );
  expect(stdout).toMatch(/^That was the tour/m);
});

test('a person goes on, to the next chapter, and ends it', (context) => {
  needs(context, 'root', 'command:busybox');
  const env = place();
  const tour = (input: string, ...words: string[]) =>
    runTool('ctr-run', ['tour', ...words], { env: toolEnv(env), input, timeout: 60_000 });
  expect(tour('n\nn\nq\n').stdout).toMatch(
    /^Before you begin[\s\S]*^1\. Name[\s\S]*^2\. Con[\s\S]*taken away/m,
  );
  expect(tour('\nq\n', '--language', 'vi', '5').stdout).toMatch(/^5\. Bảo mật[\s\S]*^CapEff:\t0+a80425fb\n/m);
  expect(tour('', '3')).toMatchObject({ status: 0, stderr: '' });
  expect(left(env)).toEqual([]);
});

test('at a terminal, by Ctrl-C', (context) => {
  needs(context, 'root', 'command:busybox', 'command:python3', 'command:bash');
  const env = place();
  const seen = typed(
    `
expect('$ ')
type('(trap : INT; ctr-run tour 3; echo status=$?)\\n')
expect('[Enter runs it')
type('\\n')
expect('[Enter runs it')
type('\\n')
expect('[Enter runs it', 60)
type('\\x03')
expect('status=130', 60)
`,
    env,
  );
  expect(seen.trim().split('\n').at(-1)).toBe('DONE');
  expect(left(env)).toEqual([]);
});

test('what it does not do', (context) => {
  expect(runTool('ctr-run', ['tour', '9'])).toMatchObject({
    status: 125,
    stderr: 'ctr-run: "9" is not a chapter; they are 1 to 6\n',
  });
  expect(runTool('ctr-run', ['tour', '--language', 'de']).stderr).toContain('it can be en or vi');
  needs(context, 'root', 'command:setpriv');
  const words = ['--reuid', '65534', '--regid', '65534', '--clear-groups', toolPath('ctr-run'), 'tour'];
  expect(run('setpriv', words).stderr).toContain('sudo ctr-run tour');
});
