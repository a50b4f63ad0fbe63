/** Engines and people call a tool by a link of their own name; what it links to says what it is. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lacking, run, tempDir, toolPath } from './support.ts';

const reason = lacking('root');

describe('a tool by another name', () => {
  test('is what the link leads to, through links of links', () => {
    const dir = tempDir('names');
    symlinkSync(toolPath('ctr-run'), join(dir, 'runc'));
    symlinkSync('runc', join(dir, 'crun'));
    for (const name of ['runc', 'crun'])
      expect(run(join(dir, name), ['--version'])).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^ctr-run /),
      });
    const path = `${dir}:/usr/bin:/bin`;
    expect(run('/bin/sh', ['-c', 'exec runc --version'], { env: { PATH: path } }).stdout).toMatch(
      /^ctr-run /,
    );
  });

  test('is itself where the link has the name of another tool', () => {
    const dir = tempDir('names');
    symlinkSync(toolPath('ctr-launcher'), join(dir, 'caps-drop'));
    expect(run(join(dir, 'caps-drop'), ['--version']).stdout).toMatch(/^caps-drop /);
  });

  test('that nobody knows is refused with the names that there are', () => {
    const dir = tempDir('names');
    symlinkSync(toolPath('ctr-launcher'), join(dir, 'docker'));
    expect(run(join(dir, 'docker'), ['--version'])).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/^docker: there is no tool of this name; there are .*ctr-run\n$/),
    });
  });

  test.skipIf(reason)(
    `runs a command, and fails under the tool's own name${reason ? ` (skipped: ${reason})` : ''}`,
    () => {
      const link = join(tempDir('names'), 'enter');
      symlinkSync(toolPath('ns-enter'), link);
      const line = [
        '--new',
        'uts',
        '--hostname',
        'linked',
        '--',
        'sh',
        '-c',
        'cat /proc/sys/kernel/hostname; exit 3',
      ];
      expect(run(link, line)).toEqual({ status: 3, signal: null, stdout: 'linked\n', stderr: '' });
      // Sealed, and with a parent that stays.
      expect(run(link, ['--new', 'pid', '--fork', '--', 'sh', '-c', 'echo $$'])).toMatchObject({
        status: 0,
        stdout: '1\n',
      });
      expect(run(link, ['--new', 'uts', '--', '/nothing'])).toMatchObject({
        status: 127,
        stderr: expect.stringMatching(/^ns-enter: /),
      });
    },
  );
});
