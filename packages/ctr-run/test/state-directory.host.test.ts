/** A state root that holds what nobody of ours put there: an answer or one line, and nothing waited for or removed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, run, tempDir, toolPath } from '../../../test/support.ts';

const ctr = (root: string, ...words: string[]) =>
  run(toolPath('ctr-run'), ['--root', root, ...words], { timeout: 20_000 });

describe('an ID that begins with a dot', () => {
  test.each([
    ['state', '.hidden'],
    ['kill', '.hidden', 'KILL'],
    ['delete', '.hidden'],
    ['delete', '--force', '.hidden'],
    ['delete', '--force', '..'],
    ['delete', '--force', '.'],
    ['exec', '.hidden', 'true'],
    ['pause', '.hidden'],
  ])('%s %s is refused and touches nothing', (...words) => {
    const root = join(tempDir('states'), 'inner');
    mkdirSync(join(root, '.hidden'), { recursive: true });
    writeFileSync(join(root, '../precious'), '');
    const { status, stderr } = ctr(root, ...words);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/^ctr-run: invalid container ID "\.[^\n]*begins with a dot[^\n]*\n$/);
    expect(existsSync(join(root, '.hidden'))).toBe(true);
    expect(existsSync(join(root, '../precious'))).toBe(true);
  });

  test('is not listed', () => {
    const root = tempDir('states');
    mkdirSync(join(root, '.hidden'));
    expect(ctr(root, 'list', '--quiet')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});

describe('something else in the place of a state', () => {
  test.each([
    ['a FIFO', (path: string) => spawnSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('%s is said, and nobody waits for it', (_what, put) => {
    const root = tempDir('states');
    mkdirSync(join(root, 'web'));
    put(join(root, 'web/state.json'));
    for (const words of [['state', 'web'], ['kill', 'web', 'KILL'], ['delete', '--force', 'web'], ['list']]) {
      const { status, stderr } = ctr(root, ...words);
      expect(stderr).toMatch(/^ctr-run: [^\n]*state\.json is not a file\n$/);
      expect(status).toBe(1);
    }
    expect(existsSync(join(root, 'web/state.json'))).toBe(true);
  });

  test('a file of another name beside a state is nothing to a container', (context) => {
    needs(context, 'root');
    const root = tempDir('states');
    mkdirSync(join(root, 'web'));
    spawnSync('mkfifo', [join(root, 'web/plans')]);
    expect(ctr(root, 'state', 'web')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('does not exist'),
    });
  });
});
