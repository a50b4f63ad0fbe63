/** The golden plans of packages/ctr-run as the engine makes them: its test, with another vitest, in a bundle for the engine. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { engineSystem } from '../../../scripts/planner-bundle.ts';

const top = join(import.meta.dirname, '../../..');

/** As much of vitest as that test uses; what is compared with a file is kept. */
const recorder = `
const found = {};
const tests = [];
const any = new Proxy(function () {}, { get: () => any, apply: () => any });
const expecting = (value) => new Proxy({}, {
  get: (_, name) => (name === 'toMatchFileSnapshot' ? (file) => { found[file] = value; } : any),
});
export const expect = new Proxy(expecting, { get: () => any, apply: (of, _, [value]) => of(value) });
export const test = (_, run) => void tests.push(run);
test.each = (rows) => (_, run) => void rows.forEach((row) => tests.push(() => run(...[row].flat(1))));
export const it = test;
export const describe = (_, run) => run();
describe.each = (rows) => (_, run) => rows.forEach((row) => run(...[row].flat(1)));
globalThis.main = async () => {
  for (const run of tests) await run();
  const bytes = __host.bytes(JSON.stringify(found));
  for (let at = 0; at < bytes.length; ) at += __host.write(1, bytes, at);
  return 0;
};
`;

/** A module that has everything, all of which can be called and does nothing. */
const anything = `
const any = new Proxy(function () {}, { get: () => any, apply: () => any, construct: () => any });
module.exports = Object.create(any);
`;

const vitest: Plugin = {
  name: 'vitest',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^vitest$/ }, () => ({ path: 'vitest', namespace: 'recorder' }));
    onLoad({ filter: /./, namespace: 'recorder' }, () => ({ contents: recorder }));
    // What other tests share with this one uses Node; here nobody calls it.
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    onLoad({ filter: /./, namespace: 'nothing' }, () => ({ contents: anything, loader: 'js' }));
  },
};

/** The texts by the names of the files that hold them. `runner` runs a bundle in the engine. */
export async function goldenPlans(runner: string, directory: string): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: top,
    entryPoints: ['packages/ctr-run/test/plan.test.ts'],
    bundle: true,
    write: false,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    format: 'iife',
    logLevel: 'error',
    // For what other tests' support does by being imported.
    banner: { js: 'globalThis.process = { env: {}, on() {} };' },
    plugins: [vitest, engineSystem],
  });
  const bundle = join(directory, 'golden.js');
  writeFileSync(bundle, outputFiles[0]!.text);
  const { status, stdout, stderr } = spawnSync(runner, [bundle], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`golden plans on the engine: ${stderr}`);
  return JSON.parse(stdout) as Record<string, string>;
}
