/**
 * `node scripts/guards.ts [--untried] [WORD...]`: takes each guard of scripts/guards-table.ts out in turn, in a copy of
 * the tree, builds that, and asks its tests whether they notice; what they say goes into docs/guards.md. With words,
 * those guards alone whose name or file has one of them; with --untried, those that the page does not have. It takes
 * root, and minutes for each ten of them.
 *
 * The tests run in a PID namespace and a mount namespace of their own: what a guard would have ended ends with that.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Guard, guards } from './guards-table.ts';
import { copyBuilt, copyTree, forgetTree } from './tree-copy.ts';

const top = join(import.meta.dirname, '..');
const page = join(top, 'docs/guards.md');
const words = process.argv.slice(2).filter((word) => word !== '--untried');
const tried = process.argv.includes('--untried') ? rowsOf(readFileSync(page, 'utf8')) : new Map();
const chosen = guards.filter(
  ({ name, file }) =>
    !tried.has(name) &&
    (words.length === 0 || words.some((word) => name.includes(word) || file.includes(word))),
);
const base = mkdtempSync(join(tmpdir(), 'ctr-guards-'));
const tree = join(base, 'tree');
const MINUTES = 60_000;

interface Ended {
  failed: boolean;
  text: string;
}

function call(file: string, argv: readonly string[], minutes: number): Ended {
  // A group of its own: what is tried here may end a whole one.
  const ended = spawnSync('setsid', ['--wait', file, ...argv], {
    cwd: tree,
    encoding: 'utf8',
    timeout: minutes * MINUTES,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
  });
  return { failed: ended.status !== 0, text: `${ended.stdout}${ended.stderr}` };
}

function build(native: boolean): void {
  const { failed, text } = call(
    process.execPath,
    ['scripts/build.ts', ...(native ? [] : ['--no-native'])],
    10,
  );
  if (failed) throw new Error(`it does not compile: ${text.slice(0, 2000)}`);
}

interface Report {
  testResults: { assertionResults: { fullName: string; status: string }[] }[];
}

const report = join(base, 'report.json');

function failures(): string[] {
  if (!existsSync(report)) return [];
  return (JSON.parse(readFileSync(report, 'utf8')) as Report).testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
}

/** Names of tests that fail, the first alone where `bail`; or what else went wrong. */
function failing(test: string, bail: boolean): string[] {
  if (test.endsWith('.c')) {
    const [, inside, name] = /^native\/(.*)\/(\w+)\.c$/.exec(test)!;
    const built = `build/${inside}/${name}`;
    const made = call('make', ['-s', '-C', 'native', built], 5);
    if (made.failed) throw new Error(`it does not compile: ${made.text.slice(0, 2000)}`);
    const { failed, text } = call('sh', ['-c', `cd native && exec ${built}`], 2);
    return failed ? [text.trim().split('\n').at(-1) || 'it fails'] : [];
  }
  const project = test.endsWith('.host.test.ts') ? 'host' : 'unit';
  rmSync(report, { force: true });
  const vitest = ['node_modules/.bin/vitest', 'run', '--project', project, '--retry=0'];
  const flags = [...(bail ? ['--bail=1'] : []), '--reporter=json', `--outputFile=${report}`];
  const alone = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'];
  // PIDs are in the names of what tests make: they begin anywhere, for another run of this may be beside.
  const first = 2000 + Math.floor(Math.random() * 20_000);
  const begin = ['sh', '-c', `echo ${first} >/proc/sys/kernel/ns_last_pid; exec "$@"`, 'sh'];
  const once = (): { failed: boolean; left: string[] } => {
    const { failed, text } = call('unshare', [...alone, ...begin, ...vitest, ...flags, join(tree, test)], 6);
    const broken = /^native\/.*error: .*$/m.exec(text)?.[0] ?? /^\S+\.c:\d+:\d+: error: .*$/m.exec(text)?.[0];
    if (broken) throw new Error(`it does not compile: ${broken}`);
    return { failed, left: clean(text) };
  };
  let { failed, left } = once();
  // What is left over alone may be another's, whose processes this PID namespace does not show: then not each time.
  if (failed && left.length > 0 && failures().length === 0) ({ failed, left } = once());
  if (!failed) return [];
  const names = failures();
  if (names.length > 0) return names;
  if (left.length > 0) return [`the look for what is left over: ${left[0]}`];
  return existsSync(report) ? ['a hook fails'] : ['the tests do not end'];
}

/** What test/leftovers.ts has found, less what a process holds: groups and states. */
function clean(text: string): string[] {
  const left = [...text.matchAll(/^ {2}(cgroup|state|file|mount|process|directory) (\S+)/gm)];
  for (const [, kind, path] of left) {
    if (kind === 'cgroup') removeGroup(path!);
    if (kind === 'state' || kind === 'file' || kind === 'directory')
      rmSync(path!, { recursive: true, force: true });
  }
  return [...new Set(left.map(([, kind]) => kind!))];
}

function removeGroup(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) removeGroup(join(path, entry.name));
    rmdirSync(path);
  } catch {
    // Somebody is in it, or it went meanwhile.
  }
}

/** Tests that fail with every guard in its place, by their files: what fails anyway notices nothing. */
const known = new Map<string, readonly string[]>();

/** Which test notices that the guard is missing. */
function notice(guard: Guard): string | undefined {
  const path = join(tree, guard.file);
  const before = readFileSync(path, 'utf8');
  if (before.split(guard.text).length !== 2)
    throw new Error(`${guard.name}: its text is not in ${guard.file} once`);
  const after = before.replace(guard.text, () => guard.instead);
  const native = guard.file.startsWith('native/');
  // The launcher's own tests make it by themselves, and unit tests want none.
  const wantsBuild = (test: string): boolean =>
    test.endsWith('.host.test.ts') && !(native && test.startsWith('native/'));
  const ask = (test: string, text: string, bail: boolean): string[] => {
    writeFileSync(path, text);
    if (wantsBuild(test)) build(native);
    return failing(test, bail);
  };
  try {
    for (const test of guard.tests) {
      let found = ask(test, after, (known.get(test)?.length ?? 0) === 0);
      if (found.length > 0 && !known.has(test)) {
        known.set(test, ask(test, before, false));
        if (known.get(test)!.length > 0) {
          process.stdout.write(`${test} fails anyway: ${known.get(test)!.join('; ')}\n`);
          found = ask(test, after, false);
        }
      }
      found = found.filter((name) => !known.get(test)!.includes(name));
      if (found[0] !== undefined) return `\`${test}\`: ${found[0]}`;
    }
    return undefined;
  } finally {
    writeFileSync(path, before);
  }
}

const head = `# Guards, and the tests that notice their absence

\`node scripts/guards.ts\` took each of these out, one at a time, in a copy of the tree, and asked the tests
(\`scripts/guards-table.ts\` has the very text, and what stood in its place).
`;

/** The rows of the page as it is, by the guard's name. */
function rowsOf(text: string): Map<string, string[]> {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim()),
    );
  return new Map(rows.map((row) => [row[0]!, row]));
}

/** Put a row in; there may be another run of this, of other guards. */
function write(row: readonly string[]): void {
  const rows = existsSync(page) ? rowsOf(readFileSync(page, 'utf8')) : new Map<string, string[]>();
  rows.set(row[0]!, [...row]);
  const all = [
    ['guard', 'file', 'taken out', 'noticed by'],
    ...guards.flatMap(({ name }) => (rows.has(name) ? [rows.get(name)!] : [])),
  ];
  const widths = [0, 1, 2, 3].map((n) => Math.max(...all.map((row) => row[n]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, n) => cell.padEnd(widths[n]!)).join(' | ')} |\n`;
  const [titles, ...others] = all;
  const [, rest = ''] = /^.*?(\n## .*)$/s.exec(existsSync(page) ? readFileSync(page, 'utf8') : '') ?? [];
  writeFileSync(
    page,
    `${head}${untried(others.length)}\n${line(titles!)}${line(widths.map((width) => '-'.repeat(width)))}${others.map(line).join('')}${rest}`,
  );
}

const untried = (tried: number): string =>
  tried < guards.length
    ? `The other ${guards.length - tried} of its ${guards.length} are still to be tried.\n`
    : '';

const cell = (text: string): string => text.replaceAll('|', '/').replace(/\s+/g, ' ');

process.on('SIGINT', () => process.exit(130));
process.on('exit', () => {
  forgetTree(tree);
  rmSync(base, { recursive: true, force: true });
});
chmodSync(base, 0o755);
copyTree(tree);
copyBuilt(tree);
build(true);
process.stdout.write(`the copy of the tree is built\n`);
let unnoticed = 0;
for (const guard of chosen) {
  let found: string | undefined;
  try {
    found = notice(guard);
  } catch (error) {
    process.stdout.write(`${guard.name}: ${(error as Error).message}\n`);
    process.exitCode = 1;
    continue;
  }
  if (found === undefined) unnoticed++;
  process.stdout.write(`${found === undefined ? 'NOBODY' : 'noticed'}  ${guard.name}  ${found ?? ''}\n`);
  write([guard.name, `\`${guard.file}\``, guard.out, found ?? 'nobody'].map(cell));
}
process.stdout.write(`${chosen.length} guards, ${unnoticed} that nobody misses\n`);
if (unnoticed > 0) process.exitCode = 1;
