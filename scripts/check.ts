/**
 * Every check of the project, one after the other; `./check` comes here once everything is
 * installed. Each goes on though one before it failed. The last line of the output is
 * counted from what really ran: each test is one, and so are the type check, the lint, the
 * generated files and the build.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SKIPS } from '../test/skips.ts';
import { tied } from '../test-vm/src/child.ts';
import { readRun, type Summary, sumUp } from '../test-vm/src/results.ts';
import { vagrantStage, vmStage } from '../test-vm/src/stage.ts';

const top = join(import.meta.dirname, '..');
const cache = join(top, '.cache/check');
const tool = (name: string): string => join(top, 'node_modules/.bin', name);

const none = (): Summary => ({ passed: 0, failed: 0, skipped: 0, failures: [], reasons: [], retried: [] });

/** Run a program with our own output; whether it ended well. It gets TERM when we die before it. */
function ran(file: string, args: readonly string[], env: Record<string, string> = {}): boolean {
  const { status, error } = spawnSync(...tied(file, args, 'TERM'), {
    cwd: top,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (error) process.stdout.write(`${file}: ${error.message}\n`);
  return status === 0;
}

const one = (what: string, fine: boolean): Summary =>
  fine ? { ...none(), passed: 1 } : { ...none(), failed: 1, failures: [what] };

/** A project of vitest, counted from its JSON report. */
function vitest(project: string): Summary {
  const report = join(cache, `${project}.json`);
  const skips = join(cache, `${project}-skips.jsonl`);
  for (const path of [report, skips]) rmSync(path, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const fine = ran(tool('vitest'), ['run', '--project', project, '--passWithNoTests', ...reporters], {
    [SKIPS]: skips,
  });
  const run = readRun(project, report, skips, top, fine ? 0 : 1);
  return run ? sumUp([run], []) : one(`${project}: vitest wrote no report`, false);
}

/** Whether this machine's clang can link a fuzzer: libFuzzer is a package of its own. */
const hasLibFuzzer = (): boolean => {
  const words = ['-fsanitize=fuzzer', '-x', 'c', '-o', '/dev/null', '-'];
  const input = 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }';
  return spawnSync('clang', words, { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
};

/**
 * The C tests, the same under sanitizers, gcc's analyzer, and a short run of each fuzzer. Make says a line for each program: `plan: ok`,
 * `asan_plan: ok`, `fuzz: 100000 rounds …`.
 */
function native(): Summary {
  const coverage = hasLibFuzzer();
  const targets = ['test', 'asan', 'analyze', ...(coverage ? ['libfuzzer'] : [])];
  const { status, stdout } = spawnSync(
    ...tied('make', ['-s', '-C', join(top, 'native'), ...targets], 'TERM'),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    },
  );
  process.stdout.write(stdout);
  const passed = [...stdout.matchAll(/^\w+: (?:ok$|\d+ rounds)/gm)].length;
  const reasons = coverage ? [] : ['libfuzzer: clang has no libFuzzer (Debian: clang, libclang-rt-dev)'];
  const failures = status === 0 && passed > 0 ? [] : [`native: make ended with ${status}`];
  return { ...none(), passed, failed: failures.length, skipped: reasons.length, failures, reasons };
}

const stages: Record<string, () => Summary> = {
  types: () => one('types', ran(tool('tsc'), ['-p', 'tsconfig.json'])),
  lint: () => one('lint', ran(tool('biome'), ['check', '.'])),
  generated: () =>
    one(
      'generated',
      ['gen-ops', 'gen-planner-filter'].every((name) =>
        ran(process.execPath, [`scripts/${name}.ts`, '--check']),
      ),
    ),
  build: () => one('build', ran(process.execPath, ['scripts/build.ts'])),
  native,
  unit: () => vitest('unit'),
  host: () => {
    if (process.geteuid?.() === 0) return vitest('host');
    return { ...none(), skipped: 1, reasons: ['all host tests: they need root'] };
  },
  vm: () => vmStage(Math.min(MACHINE_TESTS, left())),
  vagrant: () => vagrantStage(left()),
};

/**
 * Stages that boot machines come last, and have what is left of the time that all may take: the
 * machine's tests at most this much, `vagrant up` the rest. Two idle cores need half of it. In
 * milliseconds.
 */
const MINUTE = 60_000;
const ALL = Number(process.env.CTR_CHECK_MINUTES || 86) * MINUTE;
if (!(ALL > 0 && Number.isFinite(ALL))) {
  process.stderr.write(
    `check: CTR_CHECK_MINUTES is "${process.env.CTR_CHECK_MINUTES}"; it must be a number of minutes\n`,
  );
  process.exit(2);
}
const MACHINE_TESTS = 45 * MINUTE;
const begun = Date.now();
const left = (): number => begun + ALL - Date.now();

/** `here`: what runs on this machine. */
const machines = ['vm', 'vagrant'];
const here = Object.keys(stages).filter((name) => !machines.includes(name));

const words = process.argv.slice(2);
const asked = words.flatMap((word) => (word === 'here' ? here : [word]));
const unknown = asked.find((name) => !Object.hasOwn(stages, name));
if (unknown !== undefined) {
  process.stderr.write(
    `check: there is no stage "${unknown}"; there are ${Object.keys(stages).join(', ')}\n`,
  );
  process.exit(2);
}
// Host tests run what is built, and nothing older.
if (asked.includes('host') && !asked.includes('build')) asked.push('build');
mkdirSync(cache, { recursive: true });
const total = none();
const summary: string[] = [];
for (const [name, stage] of Object.entries(stages)) {
  if (asked.length && !asked.includes(name)) continue;
  process.stdout.write(`\n--- ${name}\n`);
  const began = Date.now();
  const count = stage();
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  summary.push(
    `${name.padEnd(10)} ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped  (${seconds} s)`,
  );
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
  total.reasons.push(...count.reasons);
  total.retried.push(...count.retried);
  total.failures.push(...count.failures);
}
process.stdout.write('\n---\n');
for (const reason of total.reasons) process.stdout.write(`skipped: ${reason}\n`);
for (const test of total.retried) process.stdout.write(`tried again: ${test}\n`);
for (const failure of total.failures) process.stdout.write(`FAILED: ${failure}\n`);
for (const line of summary) process.stdout.write(`${line}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed ? 1 : 0;
