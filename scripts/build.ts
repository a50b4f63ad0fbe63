/**
 * `pnpm build`: everything that an installation holds, under dist/.
 *
 *     dist/bin/TOOL           the launcher under every tool's name, and as ctr-launcher
 *     dist/lib/ctr-layers     the program that does what is done to layers of images
 *     dist/lib/planner.cjs    the planner, as Node runs it
 *     dist/lib/node           the pinned Node
 *     dist/lib/koffi.node     system calls for acts
 *     dist/share/man/man1     a manual page for each tool
 *     dist/share/…            completions for bash, zsh and fish, each where its shell looks
 *     dist/share/licenses     of what is linked into the launcher
 *
 * It may run while tools run: each file is made beside its place and renamed into it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { toolNames as tools } from '../packages/cli/src/tool-names.ts';
import { writeCompletions } from './completions.ts';
import { writeManuals } from './man.ts';
import { bundleForEngine, bundleForNode } from './planner-bundle.ts';
import { writeRequests } from './requests.ts';

const top = join(import.meta.dirname, '..');
const dist = join(top, 'dist');
const lib = join(dist, 'lib');
const bin = join(dist, 'bin');
/** What the engine evaluates, as it goes into the launcher's file. */
const planner = join(top, '.cache/planner.js');

const { version } = JSON.parse(readFileSync(join(top, 'packages/ctr-run/package.json'), 'utf8')) as {
  version: string;
};

/** Make a file by `write` beside `path`, then put it into place at once. */
function place(path: string, write: (temporary: string) => void): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${process.pid}-${path.slice(path.lastIndexOf('/') + 1)}`);
  rmSync(temporary, { force: true });
  write(temporary);
  // rename(2) of two links to one file does nothing and leaves both.
  renameSync(temporary, path);
  rmSync(temporary, { force: true });
}

/** The planner, for Node and for the launcher's engine. */
async function buildPlanner(): Promise<void> {
  const text = await bundleForNode(version);
  place(join(lib, 'planner.cjs'), (at) => writeFileSync(at, text));
  const { text: bundle } = await bundleForEngine(version);
  writeFileSync(planner, bundle);
}

/** The launcher's whole file (native/engine/trailer.h), under every tool's name. */
function makeLauncher(): void {
  const native = join(top, 'native/build');
  const first = join(bin, 'ctr-launcher');
  const requests = writeRequests(join(top, '.cache/requests'));
  place(first, (at) => {
    const words = ['--make-image', planner, join(native, 'core/ctr-launcher'), at, ...requests];
    const { status } = spawnSync(join(native, 'program/ctr-launcher'), words, { stdio: 'inherit' });
    if (status !== 0) throw new Error('the launcher could not be made whole');
  });
  for (const tool of tools) place(join(bin, tool), (at) => linkSync(first, at));
}

function placeLayers(): void {
  place(join(lib, 'ctr-layers'), (at) => copyFileSync(join(top, 'native/build/ctr-layers'), at));
}

function linkRuntime(): void {
  const require = createRequire(import.meta.url);
  const node = join(dirname(require.resolve(`node-linux-${process.arch}/package.json`)), 'bin/node');
  place(join(lib, 'node'), (at) => symlinkSync(node, at));
  const sys = createRequire(join(top, 'packages/sys/package.json'));
  const koffi = dirname(sys.resolve(`@koromix/koffi-linux-${process.arch}/package.json`));
  const addon = `linux_${process.arch}/koffi.node`;
  place(join(lib, 'koffi.node'), (at) => copyFileSync(join(koffi, addon), at));
}

/** The licence of the engine that is linked into the launcher asks to be shipped with it. */
function placeLicence(): void {
  const source = execFileSync(join(top, 'scripts/engine.sh'), { encoding: 'utf8' }).trim();
  place(join(dist, 'share/licenses/quickjs'), (at) => copyFileSync(join(source, 'LICENSE'), at));
}

/** Only one build at a time: the rest of this program runs again under flock(1). */
function alone(): void {
  if (process.env.CTR_BUILD_LOCK) return;
  const lock = join(top, '.cache/build.lock');
  mkdirSync(dirname(lock), { recursive: true });
  const { status, error } = spawnSync('flock', [lock, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, CTR_BUILD_LOCK: lock },
  });
  if (error) throw error;
  process.exit(status ?? 1);
}

alone();
mkdirSync(lib, { recursive: true });
mkdirSync(bin, { recursive: true });
const words = process.argv.slice(2);
if (!words.includes('--no-native')) {
  execFileSync('make', ['-s', '-C', join(top, 'native')], { stdio: ['ignore', 'inherit', 'inherit'] });
}
placeLayers();
linkRuntime();
placeLicence();
await buildPlanner();
makeLauncher();
writeCompletions(join(dist, 'share'));
await writeManuals(join(dist, 'share'), version).catch((error: unknown) => {
  process.stderr.write(`manual pages: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
