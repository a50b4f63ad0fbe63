/**
 * Every byte of ours that root executes is checked: an installation is walked, and each file and directory in turn
 * is made writable by others, or somebody else's. Root's tools then refuse to run it, or never come to it.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { busybox } from '../packages/ctr-run/test/bundles.ts';
import { dist } from './dist.ts';
import { isRoot, needs, run, tempDir } from './support.ts';

const stranger = 54321;
const installed = isRoot ? join(tempDir('installed'), 'pkg') : '';

/** Copied, for what is linked in the build belongs to others; Node lies beside, as a package has it. */
function install(): void {
  mkdirSync(installed, { mode: 0o755 });
  for (const part of ['bin', 'lib']) {
    mkdirSync(join(installed, part), { mode: 0o755 });
    for (const name of readdirSync(join(dist, part)))
      cpSync(realpathSync(join(dist, part, name)), join(installed, part, name));
  }
  run('chown', ['-R', '0:0', installed]);
  run('chmod', ['-R', 'go-w', installed]);
  chmodSync(join(installed, '..'), 0o755);
}

/** All paths of the installation, the directory it lies in too. */
const all = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? [path, ...all(path)] : [path];
  });

/*
 * What root does with an installation, and all of it that is executed then. `bin` is not in these lists: whoever runs
 * the launcher's file has chosen to trust it and the directories above, before it can look at anything.
 */
const layer = isRoot ? tempDir('layer') : '';
const roads: Record<string, { argv: string[]; executes: string[] }> = {
  'a plan by the engine': { argv: ['caps-drop', '--all', '--', '/bin/true'], executes: [] },
  'an act on Node': {
    argv: ['caps-drop', '--show'],
    executes: ['', 'lib', 'lib/node', 'lib/planner.cjs', 'lib/koffi.node'],
  },
  'the program for layers': {
    argv: ['ufs-mount', `${layer}/layer.tar`, '--temp', '--', '/bin/true'],
    executes: ['', 'lib', 'lib/ctr-layers'],
  },
};

const road = (name: string) => {
  const [tool, ...argv] = roads[name]!.argv;
  return run(join(installed, 'bin', tool!), argv, {
    env: { CTR_STORE: `${layer}/store`, PATH: '/usr/bin:/bin' },
  });
};

beforeAll(() => {
  if (!isRoot) return;
  install();
  mkdirSync(`${layer}/root/bin`, { recursive: true });
  cpSync(busybox, `${layer}/root/bin/true`);
  run('tar', ['-C', `${layer}/root`, '-cf', `${layer}/layer.tar`, '.']);
});

/** How a path comes into the hands of others, and back. */
const hands: Record<string, { give(path: string): void; take(path: string): void; says: string }> = {
  'written by others': {
    give: (path) => chmodSync(path, statSync(path).mode | 0o002),
    take: (path) => chmodSync(path, statSync(path).mode & ~0o002 & 0o7777),
    says: 'can be written by others',
  },
  'written by its group': {
    give: (path) => chmodSync(path, statSync(path).mode | 0o020),
    take: (path) => chmodSync(path, statSync(path).mode & ~0o020 & 0o7777),
    says: 'can be written by others',
  },
  "somebody else's": {
    give: (path) => chownSync(path, stranger, stranger),
    take: (path) => chownSync(path, 0, 0),
    says: 'belongs to somebody else',
  },
};

describe.each(Object.keys(roads))('%s', (name) => {
  test('works as it was installed', (context) => {
    needs(context, 'root');
    expect(road(name)).toMatchObject({ status: 0, stderr: '' });
  });

  test.for(Object.keys(hands))(
    'what of it is %s is refused, all of it',
    { timeout: 120_000 },
    (how, context) => {
      needs(context, 'root');
      const { give, take, says } = hands[how]!;
      const refused: string[] = [];
      for (const path of [installed, ...all(installed)]) {
        give(path);
        const ended = road(name);
        take(path);
        if (ended.status === 0) continue;
        expect(ended).toMatchObject({ status: 125, stdout: '' });
        expect(ended.stderr).toContain(`${path} ${says}`);
        refused.push(relative(installed, path));
      }
      expect(refused.toSorted()).toEqual(roads[name]!.executes.toSorted());
    },
  );
});

/** The control of those lists: what stands in none of them can be taken away, and nothing misses it. */
test('nothing else of the installation is executed', (context) => {
  needs(context, 'root');
  for (const [name, { executes }] of Object.entries(roads)) {
    for (const file of readdirSync(join(installed, 'lib'))) {
      if (executes.includes(`lib/${file}`)) continue;
      const path = join(installed, 'lib', file);
      renameSync(path, `${path}-away`);
      const ended = road(name);
      renameSync(`${path}-away`, path);
      expect({ name, file, ...ended }).toMatchObject({ status: 0, stderr: '' });
    }
  }
});
