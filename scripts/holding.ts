/** How a hot chunk (packages/planner/src/hot.ts) comes to hold what its line always imports. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Plugin } from 'esbuild';

/** The chunk that a module becomes when it is imported dynamically. */
export function chunkName(entry: string): string {
  const [, name, file] = /packages\/([^/]+)\/src\/(.*)\.ts$/.exec(entry) ?? [];
  if (!name || !file) throw new Error(`a chunk outside packages/*/src: ${entry}`);
  return file === 'index' ? name : `${name}-${file.replaceAll('/', '-')}`;
}

/** What every line of a subcommand comes through. */
export const heldBy = (command: string): readonly string[] => [
  'ctr-run',
  'ctr-run-dispatch',
  `ctr-run-commands-${command}`,
];

/** import() of what a chunk holds becomes an import like any other, so that it is not wrapped. */
export const holdImports = (holds: readonly string[]): Plugin => ({
  name: 'hold-imports',
  setup(setup) {
    setup.onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, async ({ path }) => {
      const resolveDir = dirname(path);
      const imports: string[] = [];
      let contents = readFileSync(path, 'utf8');
      for (const [whole, specifier] of contents.matchAll(/\bimport\('([^']+)'\)/g)) {
        const found = await setup.resolve(specifier!, {
          kind: 'dynamic-import',
          resolveDir,
          pluginData: 'inner',
        });
        if (found.path === '' || !holds.includes(chunkName(found.path))) continue;
        const name = `held${imports.length}`;
        imports.push(`import * as ${name} from '${specifier}';`);
        contents = contents.replace(whole, `Promise.resolve(${name})`);
      }
      return { contents: `${imports.join('')}${contents}`, loader: 'ts', resolveDir };
    });
  },
});
