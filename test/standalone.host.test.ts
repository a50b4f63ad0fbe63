/** The planner as one executable: the same answers, with no Node at all. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildStandalone } from '../scripts/standalone.ts';
import { isRoot, run, runTool, tempDir, toolPath, top } from './support.ts';

let tool = '';
let foreign = '';

describe.skipIf(!isRoot)('standalone', () => {
  beforeAll(async () => {
    const dir = tempDir('standalone');
    foreign = tempDir('foreign');
    for (const part of ['bin', 'lib']) mkdirSync(join(dir, part));
    tool = join(dir, 'bin/ns-enter');
    copyFileSync(toolPath('ns-enter'), tool);
    copyFileSync(join(top, 'dist/lib/koffi.node'), join(dir, 'lib/koffi.node'));
    await buildStandalone(join(dir, 'lib/planner'), '9.9.9');
    writeFileSync(join(foreign, '.env'), 'NO_COLOR=1\nBUN_OPTIONS=--preload=./hostile.cjs\n');
    writeFileSync(join(foreign, 'bunfig.toml'), 'preload = ["./hostile.cjs"]\n');
    writeFileSync(join(foreign, 'hostile.cjs'), "console.log('HOSTILE'); process.exit(99);\n");
  }, 120_000);

  test.each([['--plan', '--new', 'uts,net', '--hostname', 'x', '--', 'true'], ['--help'], ['--bogus']])(
    '%s answers as on Node',
    (...argv) => {
      expect(run(tool, argv, { cwd: foreign })).toEqual(runTool('ns-enter', argv, { cwd: foreign }));
    },
  );

  test('it applies, and a hostile directory and environment change nothing', () => {
    const argv = ['--new', 'uts', '--hostname', 'alone', '--', '/bin/cat', '/proc/sys/kernel/hostname'];
    const env = {
      BUN_OPTIONS: '--preload=./hostile.cjs',
      BUN_BE_BUN: '1',
      NODE_OPTIONS: '--require=./hostile.cjs',
    };
    expect(run(tool, argv, { cwd: foreign, env })).toEqual({
      status: 0,
      signal: null,
      stdout: 'alone\n',
      stderr: '',
    });
  });

  test('acts reach the kernel through koffi', () => {
    const shown = run(tool, ['--show', '--json'], { cwd: foreign });
    expect(shown.status).toBe(0);
    expect(JSON.parse(shown.stdout)).toHaveProperty('namespaces');
  });
});
