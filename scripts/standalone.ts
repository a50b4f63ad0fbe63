import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { hotChunks } from '../packages/planner/src/hot.ts';
import { heldBy, holdImports } from './holding.ts';

const top = join(import.meta.dirname, '..');
const planner = join(top, 'packages/planner/src');

/** Modules of ours are taken in; what a hot line seldom loads is left to Bun, which finds it by its path. */
const ownModules: Plugin = {
  name: 'own-modules',
  setup(setup) {
    setup.onResolve({ filter: /^(@ctr-tools\/|\.)/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === 'inner' || kind === 'entry-point') return undefined;
      const found = await setup.resolve(path, { kind, resolveDir, pluginData: 'inner' });
      return { path: found.path, sideEffects: false, external: kind === 'dynamic-import' };
    });
  },
};

/** The hot chunks, and the program that chooses among them (packages/planner/src/hot.ts). */
async function writeParts(directory: string, define: Record<string, string>): Promise<string> {
  for (const [name, command] of hotChunks) {
    const result = await build({
      absWorkingDir: top,
      entryPoints: [join(planner, 'main.ts')],
      bundle: true,
      platform: 'node',
      target: 'node22',
      format: 'esm',
      define,
      minifySyntax: true,
      plugins: [ownModules, holdImports(heldBy(command))],
      write: false,
    });
    writeFileSync(join(directory, `${name}.js`), result.outputFiles[0]!.contents);
  }
  const choices = hotChunks.map(([name]) => `'${name}': () => import('./${name}.js')`).join(', ');
  const start = join(directory, 'start.js');
  writeFileSync(
    start,
    `import { hotChunkFor } from '${planner}/hot.ts';
import { requestHead } from '${planner}/request-head.ts';
const load = { ${choices} }[hotChunkFor(requestHead())] ?? (() => import('${planner}/main.ts'));
load().then((planner) => planner.main()).then((code) => process.exit(code));
`,
  );
  return start;
}

/**
 * The planner and its runtime in one executable, by Bun. It reads no bunfig.toml and no .env
 * of the working directory; its code is compiled beforehand (46 ms without, 18 with), and split,
 * so that a line loads what it needs.
 */
export async function buildStandalone(outfile: string, version: string): Promise<void> {
  const define = { CTR_TOOLS_VERSION: JSON.stringify(version) };
  const directory = `${outfile}.parts`;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const words = ['--compile', '--splitting', '--format=esm', '--minify', '--bytecode'];
  const start = await writeParts(directory, define);
  execFileSync(
    join(top, 'node_modules/.bin/bun'),
    [
      'build',
      ...words,
      '--no-compile-autoload-bunfig',
      '--no-compile-autoload-dotenv',
      ...Object.entries(define).flatMap(([name, value]) => ['--define', `${name}=${value}`]),
      `--outfile=${outfile}`,
      start,
    ],
    { cwd: top, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  rmSync(directory, { recursive: true });
}
