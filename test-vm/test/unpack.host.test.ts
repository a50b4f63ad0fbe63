/** How the tree is brought in where a person has it in a home of theirs, as in Vagrant's machine. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runShell, tempDir, top } from '../../test/support.ts';
import { clearLine } from '../src/tree.ts';

const unpack = join(top, 'test-vm/guest/unpack.sh');

test('a tree that is a link into a home is cleared but for its dependencies, and stays its owner’s', (context) => {
  needs(context, 'root');
  const dir = tempDir('unpack');
  const [home, tree, from] = [join(dir, 'home'), join(dir, "it's here"), join(dir, 'from')];
  for (const path of [home, join(home, 'node_modules'), join(home, 'old'), from]) mkdirSync(path);
  chownSync(home, 1000, 1000);
  symlinkSync(home, tree);
  writeFileSync(join(home, 'node_modules/kept'), '');
  writeFileSync(join(from, 'tool'), '', { mode: 0o755 });
  expect(runShell(clearLine(tree))).toMatchObject({ status: 0, stderr: '' });
  expect([existsSync(join(home, 'old')), existsSync(join(home, 'node_modules/kept'))]).toEqual([false, true]);
  const pack = 'tar -c -C "$1" . | sh "$2" "$3" mark';
  expect(run('sh', ['-c', pack, 'sh', from, unpack, tree])).toMatchObject({ status: 0, stderr: '' });
  const { uid, gid, mode } = statSync(join(home, 'tool'));
  expect([uid, gid, mode & 0o777]).toEqual([1000, 1000, 0o755]);
  expect(readFileSync(`${tree}.mark`, 'utf8')).toBe('mark\n');
});

test('a new tree is root’s', (context) => {
  needs(context, 'root');
  const dir = tempDir('unpack');
  mkdirSync(join(dir, 'from'));
  writeFileSync(join(dir, 'from/tool'), '');
  chownSync(join(dir, 'from/tool'), 1000, 1000);
  const pack = 'tar -c -C "$1" . | sh "$2" "$3"';
  expect(run('sh', ['-c', pack, 'sh', join(dir, 'from'), unpack, join(dir, 'new/tree')]).status).toBe(0);
  expect(statSync(join(dir, 'new/tree/tool')).uid).toBe(0);
});
