/**
 * `node scripts/mutate.ts [WORD...]`: StrykerJS makes small faults, one at a time, in the guards that are TypeScript
 * without a machine below them, and asks their unit tests; with words, only in files whose name has one of them. It
 * prints what no test noticed, and the share that was noticed. What stays so with reason is in docs/guards.md.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mutated } from './mutate-files.ts';
import { copyTree, forgetTree } from './tree-copy.ts';

const words = process.argv.slice(2);
const base = mkdtempSync(join(tmpdir(), 'ctr-mutate-'));
const tree = join(base, 'tree');
const report = join(base, 'report.json');

process.on('SIGINT', () => process.exit(130));
process.on('exit', () => {
  forgetTree(tree);
  rmSync(base, { recursive: true, force: true });
});

chmodSync(base, 0o755);
copyTree(tree);
const config = {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'scripts/mutate-vitest.ts' },
  mutate: mutated.filter((file) => words.length === 0 || words.some((word) => file.includes(word))),
  // Words are for people; these change them, or what TypeScript would not let pass.
  mutator: {
    excludedMutations: [
      'StringLiteral',
      'ObjectLiteral',
      'ArrayDeclaration',
      'ArrowFunction',
      'BlockStatement',
      'OptionalChaining',
    ],
  },
  // A fault in what is evaluated once, at the beginning, takes all tests anew.
  ignoreStatic: true,
  coverageAnalysis: 'perTest',
  // Packages name each other by links, which Stryker's own copy would lead to what is not changed.
  inPlace: true,
  tempDirName: join(base, 'stryker'),
  concurrency: 1,
  timeoutMS: 20_000,
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: report },
};
writeFileSync(join(tree, 'stryker.config.json'), JSON.stringify(config));
const { status } = spawnSync(join(tree, 'node_modules/.bin/stryker'), ['run', 'stryker.config.json'], {
  cwd: tree,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

interface Report {
  files: Record<
    string,
    {
      source: string;
      mutants: {
        status: string;
        mutatorName: string;
        replacement?: string;
        location: Record<'start' | 'end', { line: number; column: number }>;
      }[];
    }
  >;
}

let [noticed, missed] = [0, 0];
for (const [file, { source, mutants }] of Object.entries(
  (JSON.parse(readFileSync(report, 'utf8')) as Report).files,
)) {
  for (const { status, mutatorName, replacement = '', location } of mutants) {
    if (status === 'Killed' || status === 'Timeout') noticed++;
    if (status !== 'Survived' && status !== 'NoCoverage') continue;
    missed++;
    const line = source.split('\n')[location.start.line - 1]!.trim();
    const after = replacement.replace(/\s+/g, ' ').slice(0, 100);
    process.stdout.write(
      `${status === 'Survived' ? 'NOBODY' : 'UNTESTED'} ${file}:${location.start.line}:${location.start.column} ${mutatorName}\n  ${line}\n  ${after}\n`,
    );
  }
}
process.stdout.write(
  `${noticed} of ${noticed + missed} noticed, ${Math.floor((100 * noticed) / (noticed + missed))} %\n`,
);
