/** A copy of the tree, in which something can be changed and tried. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const top = join(import.meta.dirname, '..');

const git = (...argv: string[]): string =>
  execFileSync('git', ['-C', top, ...argv], { encoding: 'utf8' }).trim();

/** The tree as it is here, what is not committed with it, and what was installed for it. */
export function copyTree(tree: string): void {
  git('worktree', 'add', '--quiet', '--detach', tree, git('stash', 'create') || 'HEAD');
  symlinkSync(join(top, 'node_modules'), join(tree, 'node_modules'));
  // They name each other by relative links, which lead to the copies.
  for (const name of readdirSync(join(top, 'packages'))) {
    const installed = join(top, 'packages', name, 'node_modules');
    if (existsSync(installed))
      cpSync(installed, join(tree, 'packages', name, 'node_modules'), {
        recursive: true,
        verbatimSymlinks: true,
      });
  }
}

/** What was fetched to build it, and what was built. */
export function copyBuilt(tree: string): void {
  mkdirSync(join(tree, '.cache'));
  for (const name of ['boot', 'peers'])
    if (existsSync(join(top, '.cache', name)))
      symlinkSync(join(top, '.cache', name), join(tree, '.cache', name));
  cpSync(join(top, '.cache/engine'), join(tree, '.cache/engine'), { recursive: true });
  // What was compiled here is newer than the copies of its sources, which say the same.
  const built = join(tree, 'native/build');
  execFileSync('make', ['-s', '-C', join(top, 'native')]);
  const large = /\/build\/(asan|libfuzzer|analyzed)$/;
  cpSync(join(top, 'native/build'), built, { recursive: true, filter: (path) => !large.test(path) });
  const now = `@${Math.ceil(Date.now() / 1000)}`;
  execFileSync('find', [built, '-type', 'f', '-exec', 'touch', '-d', now, '{}', '+']);
}

export function forgetTree(tree: string): void {
  spawnSync('git', ['-C', top, 'worktree', 'remove', '--force', tree]);
}
