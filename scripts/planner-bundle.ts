/**
 * The planner as one file for each of the two that run it: Node, and the engine in the launcher, which has
 * none of Node's modules. What the engine's planner imports dynamically and would need one is left out of its
 * bundle: importing it there throws `NeedsNode`, and the launcher starts the planner again on Node.
 */
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

const top = join(import.meta.dirname, '..');

const common = (version: string): BuildOptions => ({
  absWorkingDir: top,
  bundle: true,
  minifySyntax: true,
  // Names stay: they are what a bug report shows.
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
  // The tour's pages.
  loader: { '.md': 'text' },
  define: { CTR_TOOLS_VERSION: JSON.stringify(version) },
});

export async function bundleForNode(version: string): Promise<string> {
  const options = common(version);
  const { outputFiles } = await build({
    ...options,
    entryPoints: ['packages/planner/src/node.ts'],
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    define: {
      ...options.define,
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': '__filename',
    },
  });
  return outputFiles![0]!.text;
}

/** The engine's side of what the planner may ask of the machine, in the place of Node's. */
export const engineSystem: Plugin = {
  name: 'engine-system',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/system-node\.ts$/ }, ({ resolveDir }) => ({
      path: join(resolveDir, 'system-engine.ts'),
    })),
};

/** citty's parser is Node's `parseArgs`. Its definitions alone are used here, and our own splitting of a line. */
const cittyDefinitions: Plugin = {
  name: 'citty-definitions',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:util$/ }, ({ importer }) =>
      importer.includes('/node_modules/citty/') ? { path: 'no-parser', namespace: 'citty' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'citty' }, () => ({ contents: 'export const parseArgs = undefined;' }));
  },
};

/** Libraries name Node's modules without `node:` too, by which they are told from others. */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^[a-z_/]+$/ }, ({ path }) =>
      isBuiltin(path) ? { path: `node:${path}`, external: true } : undefined,
    ),
};

/** `evaluated` are modules that the planner imports dynamically: in the engine's image they lie evaluated too. */
const forEngine = (version: string, evaluated: readonly string[]): BuildOptions => ({
  ...common(version),
  stdin: {
    contents: ['packages/planner/src/engine.ts', ...evaluated]
      .map((path) => `import './${path}';\n`)
      .join(''),
    resolveDir: top,
    sourcefile: 'planner',
  },
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2023',
  format: 'iife',
  external: ['node:*'],
  define: {
    ...common(version).define,
    ...Object.fromEntries(globals.map((name) => [name, `${mark}${name}`])),
  },
  // Of modules that only Node's planner has.
  logOverride: { 'empty-import-meta': 'silent' },
  metafile: true,
});

export interface EngineBundle {
  text: string;
  /** Modules that only Node has, from the top of the repository. */
  onlyOnNode: string[];
}

/** What Node has beside the language, and the engine has not. */
const globals = (
  'AbortController Atomics Buffer Intl SharedArrayBuffer TextDecoder TextEncoder URL URLSearchParams clearInterval ' +
  'clearTimeout console crypto fetch global performance process queueMicrotask require setImmediate setInterval ' +
  'setTimeout structuredClone __dirname __filename'
).split(' ');
const mark = 'ONLY_ON_NODE_';

/** The names in the bundle that stand for a global of Node's; esbuild replaces no others. */
const foreignGlobals = (text: string): string[] => [
  ...new Set([...text.matchAll(new RegExp(`${mark}(\\w+)`, 'g'))].map(([, name]) => name!)),
];

/**
 * Throws an `Error` that names the module where planning code itself imports one of Node's, or the global
 * of Node's that it uses.
 */
export async function bundleForEngine(version: string): Promise<EngineBundle> {
  const whole = await build({
    ...forEngine(version, []),
    plugins: [engineSystem, cittyDefinitions, nodeModules],
  });
  const dynamic = [...new Set(dynamicImports(whole.metafile!))];
  const left = new Set(dynamic.filter((path) => needsNode(whole.metafile!, path)));
  const kept = dynamic.filter((path) => !left.has(path));
  const rest = await build({
    ...forEngine(version, kept),
    plugins: [engineSystem, cittyDefinitions, nodeModules, leaveOut(left)],
  });
  for (const [path, { imports }] of Object.entries(rest.metafile!.inputs)) {
    const foreign = imports.find((one) => one.path.startsWith('node:'));
    if (foreign) throw new Error(`${path} imports ${foreign.path}, which the planner's engine has not`);
  }
  const { text } = rest.outputFiles![0]!;
  const used = foreignGlobals(text);
  if (used.length > 0)
    throw new Error(`planning code uses ${used.join(', ')}, which the planner's engine has not`);
  return { text, onlyOnNode: [...left].sort() };
}

const dynamicImports = ({ inputs }: Metafile): string[] =>
  Object.values(inputs).flatMap(({ imports }) =>
    imports.filter(({ kind, external }) => kind === 'dynamic-import' && !external).map(({ path }) => path),
  );

/** Whether a module, or one that it imports statically, imports one of Node's. */
function needsNode({ inputs }: Metafile, from: string): boolean {
  const seen = new Set<string>();
  const look = (path: string): boolean => {
    if (path.startsWith('node:')) return true;
    if (seen.has(path)) return false;
    seen.add(path);
    return (inputs[path]?.imports ?? []).some(({ kind, path: to }) => kind !== 'dynamic-import' && look(to));
  };
  return look(from);
}

function leaveOut(modules: ReadonlySet<string>): Plugin {
  return {
    name: 'leave-out',
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /^(\.|@ctr-tools\/)/ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === 'inner') return undefined;
        const found = await resolve(path, { kind, resolveDir, pluginData: 'inner' });
        const name = found.path.slice(top.length + 1);
        return modules.has(name) ? { path: found.path, namespace: 'on-node' } : undefined;
      });
      onLoad({ filter: /./, namespace: 'on-node' }, ({ path }) => ({
        contents: `import { NeedsNode } from '@ctr-tools/host';\nthrow new NeedsNode(${JSON.stringify(path.slice(top.length + 1))});`,
        resolveDir: dirname(path),
      }));
    },
  };
}
