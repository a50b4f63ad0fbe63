/**
 * `pnpm build`: everything that an installation holds, under dist/.
 *
 *     dist/bin/TOOL           the launcher under every tool's name, and as ctr-launcher
 *     dist/lib/planner.cjs    what Node runs: loads the planner from *.chunk, as far as called for
 *     dist/lib/node           the pinned Node
 *     dist/lib/koffi.node     system calls for acts
 *     dist/share/man/man1     a manual page for each tool
 *
 * It may run while tools run: each file is made beside its place and renamed into it.
 * `--standalone` makes dist/lib/planner as well, which holds planner and runtime in one
 * file; the launcher takes it in place of Node where it exists.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type BuildOptions, build, type ImportKind, type Plugin } from 'esbuild';
import { packChunk, sharedPrefix } from '../packages/planner/src/chunks.ts';
import { hotChunks } from '../packages/planner/src/hot.ts';
import { nodeFlags } from '../packages/planner/src/node-flags.ts';
import { shared } from '../packages/planner/src/shared.ts';
import { chunkName, heldBy, holdImports } from './holding.ts';
import { writeManuals } from './man.ts';
import { buildStandalone } from './standalone.ts';
import { tools } from './tools.ts';

const top = join(import.meta.dirname, '..');
const dist = join(top, 'dist');
const lib = join(dist, 'lib');
const bin = join(dist, 'bin');

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

/** What a module imports dynamically becomes a chunk of its own, loaded only when asked for. */
interface Chunk {
  entry: string;
  name: string;
  /**
   * `first` holds the shared rooms; `lodger` takes from there what it imports of them; `hot` brings
   * what it needs of them, and so does what it loads often (`own`).
   */
  kind: 'first' | 'lodger' | 'hot' | 'own';
  /** Chunks that are part of this one instead: the modules that a hot line always comes through. */
  holds?: readonly string[];
}

/** What a hot line loads where the spec has it. */
const oftenLoaded = ['seccomp-load-container', 'aa-confine', 'ufs-mount'];

function splitAtImports(wanted: Map<string, Chunk>, { kind: chunkKind }: Chunk): Plugin {
  return {
    name: 'split-at-dynamic-imports',
    setup(setup) {
      const find = (path: string, kind: ImportKind, resolveDir: string) =>
        setup.resolve(path, { kind, resolveDir, pluginData: 'inner' });
      setup.onResolve({ filter: /^(@ctr-tools\/|\.)/ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (pluginData === 'inner' || kind === 'entry-point') return undefined;
        if (chunkKind === 'lodger' && Object.hasOwn(shared, path))
          return { path: `${sharedPrefix}${path}`, external: true };
        const { path: entry } = await find(path, kind, resolveDir);
        // No module of ours does anything by being imported, so what nobody uses of it can go.
        if (kind !== 'dynamic-import') return entry === '' ? undefined : { path: entry, sideEffects: false };
        // A tool that is not written yet is left out by name when it is called.
        if (entry === '') return { path: `./missing-${path.replace(/^.*\//, '')}.chunk`, external: true };
        const name = chunkName(entry);
        const own = chunkKind === 'hot' && oftenLoaded.includes(name);
        const chunk: Chunk = own
          ? { entry, name: `${name}.own`, kind: 'own' }
          : { entry, name, kind: 'lodger' };
        wanted.set(chunk.name, chunk);
        return { path: `./${chunk.name}.chunk`, external: true };
      });
    },
  };
}

const options: BuildOptions = {
  absWorkingDir: top,
  bundle: true,
  platform: 'node',
  target: 'node22',
  // require() of a chunk; import() would start the ES module loader for it.
  define: {
    CTR_TOOLS_VERSION: JSON.stringify(version),
    'import.meta.dirname': '__dirname',
    'import.meta.filename': '__filename',
    'import.meta.url': '__filename',
  },
  supported: { 'dynamic-import': false },
  format: 'cjs',
  minifySyntax: true,
  // Names stay: they are what a bug report shows.
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  write: false,
};

/**
 * The planner and its chunks, one file each (packages/planner/src/chunks.ts), and the few
 * lines that load the first.
 */
async function buildPlanner(): Promise<void> {
  const main = join(top, 'packages/planner/src/main.ts');
  const first: Chunk[] = [
    {
      entry: join(top, 'packages/planner/src/first.ts'),
      name: 'planner',
      kind: 'first',
      holds: ['cli-verbs'],
    },
    ...hotChunks.map(
      ([name, command]): Chunk => ({ entry: main, name, kind: 'hot', holds: heldBy(command) }),
    ),
  ];
  const wanted = new Map(first.map((chunk) => [chunk.name, chunk]));
  const made = new Set<string>();
  for (const chunk of wanted.values()) {
    const file = `${chunk.name}.chunk`;
    made.add(file);
    const holding = chunk.holds ? [holdImports(chunk.holds)] : [];
    const result = await bundle(chunk.entry, [splitAtImports(wanted, chunk), ...holding]);
    // What was built before stays; the others go on, and the build fails at its end.
    if (!result) process.exitCode = 1;
    else place(join(lib, file), (at) => writeFileSync(at, packChunk(wrapped(result))));
  }
  const boot = await bundle(join(top, 'packages/planner/src/boot.ts'), []);
  place(join(lib, 'planner.cjs'), (at) => writeFileSync(at, boot!));
  for (const name of readdirSync(lib))
    if (/^[^.].*\.(chunk|cjs)$/.test(name) && name !== 'planner.cjs' && !made.has(name))
      rmSync(join(lib, name));
  warmPlanner();
  process.stdout.write(`planner: ${made.size} chunks\n`);
}

async function bundle(entry: string, plugins: Plugin[]): Promise<string | undefined> {
  const result = await build({ ...options, entryPoints: [entry], plugins }).catch(() => undefined);
  return result?.outputFiles?.[0]?.text;
}

const wrapped = (source: string): string =>
  `(function (exports, require, module, __filename, __dirname) {${source}\n})`;

/** Let the Node that will run the planner compile it beforehand. Without it the planner only starts slower. */
function warmPlanner(): void {
  const silent = openSync('/dev/null', 'r+');
  const { status, stderr } = spawnSync(join(lib, 'node'), [...nodeFlags, join(top, 'scripts/warm.ts'), lib], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'ignore', silent],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    encoding: 'utf8',
    timeout: 60_000,
  });
  closeSync(silent);
  if (status !== 0) throw new Error(`the planner's code could not be compiled beforehand: ${stderr}`);
}

function linkLauncher(): void {
  const built = join(top, 'native/build/ctr-launcher');
  if (!existsSync(built)) throw new Error(`make -C native left no ${built}`);
  const first = join(bin, 'ctr-launcher');
  place(first, (at) => {
    copyFileSync(built, at);
  });
  for (const tool of tools) place(join(bin, tool), (at) => linkSync(first, at));
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

async function placeStandalone(): Promise<void> {
  const built = join(top, '.cache/planner');
  await buildStandalone(built, version);
  place(join(lib, 'planner'), (at) => renameSync(built, at));
  process.stdout.write(`standalone planner: ${Math.round(statSync(join(lib, 'planner')).size / 1e6)} MB\n`);
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
  linkLauncher();
}
linkRuntime();
await buildPlanner();
await writeManuals(join(dist, 'share'), version).catch((error: unknown) => {
  process.stderr.write(`manual pages: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
if (words.includes('--standalone')) await placeStandalone();
else rmSync(join(lib, 'planner'), { force: true });
