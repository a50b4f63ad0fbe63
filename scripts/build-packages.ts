/**
 * `pnpm build:packages`: what the packages hold when they are published, made from
 * `dist/` (build that first) and from each package's source:
 *
 * - the platform's package gets the launcher, the planner and the manual pages
 * - every other one its modules as `dist/NAME.js`, one for each of its exports, with types
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const top = join(import.meta.dirname, '..');
const dist = join(top, 'dist');

interface Manifest {
  name: string;
  version: string;
  private?: boolean;
  exports?: Record<string, string>;
  publishConfig?: { exports?: Record<string, string>; executableFiles?: string[] };
}

const manifest = (dir: string): Manifest =>
  JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest;

/** The packages that are published, platforms apart. */
export const published = (): string[] =>
  readdirSync(join(top, 'packages'))
    .map((name) => join(top, 'packages', name))
    .filter((dir) => existsSync(join(dir, 'package.json')) && !manifest(dir).private);

export const platform = join(top, `packages/linux-${process.arch}`);

function fillPlatform(): void {
  for (const part of ['bin', 'lib', 'share']) rmSync(join(platform, part), { recursive: true, force: true });
  for (const file of manifest(platform).publishConfig?.executableFiles ?? []) {
    cpSync(join(dist, file), join(platform, file));
    chmodSync(join(platform, file), 0o755);
  }
  for (const name of readdirSync(join(dist, 'lib')))
    if (/^[^.].*\.(cjs|node)$/.test(name)) cpSync(join(dist, 'lib', name), join(platform, 'lib', name));
  cpSync(join(dist, 'share'), join(platform, 'share'), { recursive: true });
}

async function buildLibrary(dir: string): Promise<void> {
  const { exports, publishConfig, version } = manifest(dir);
  if (!exports || !publishConfig?.exports) return;
  const out = join(dir, 'dist');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const [name, source] of Object.entries(exports)) {
    const target = publishConfig.exports[name];
    if (!target) throw new Error(`${dir}: ${name} is exported but not published`);
    await build({
      absWorkingDir: top,
      entryPoints: [join(dir, source)],
      outfile: join(dir, target),
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node22',
      loader: { '.md': 'text' },
      define: { CTR_TOOLS_VERSION: JSON.stringify(version) },
      logLevel: 'warning',
    });
    const types = source.replace('./src/', './types/').replace(/\.ts$/, '.d.ts');
    writeFileSync(join(dir, target.replace(/\.js$/, '.d.ts')), `export * from '${types}';\n`);
  }
}

/** Declarations of all packages at once, then each to its own. */
function buildTypes(dirs: readonly string[]): void {
  const all = join(top, '.cache/types');
  rmSync(all, { recursive: true, force: true });
  const config = join(top, '.cache/tsconfig.types.json');
  mkdirSync(join(top, '.cache'), { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        outDir: all,
        rootDir: join(top, 'packages'),
      },
      include: dirs.map((dir) => join(dir, 'src')),
    }),
  );
  execFileSync(join(top, 'node_modules/.bin/tsc'), ['-p', config], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const dir of dirs) {
    const from = join(all, basename(dir), 'src');
    if (existsSync(from)) cpSync(from, join(dir, 'dist/types'), { recursive: true });
  }
}

if (import.meta.main) {
  fillPlatform();
  const libraries = published().filter((dir) => manifest(dir).exports);
  for (const dir of libraries) await buildLibrary(dir);
  if (!process.argv.includes('--no-types')) buildTypes(libraries);
  process.stdout.write(`packages: ${libraries.length} and ${basename(platform)}\n`);
}
