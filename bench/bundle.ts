/** The bundles that every contender runs: a busybox root and the config that `runc spec` writes. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Another bundle with the same root, and the filter that engines give every container (Docker's default profile). */
export function withFilter(bundle: string, directory: string, seccompLoad: string): string {
  mkdirSync(directory);
  const config = readFileSync(`${bundle}/config.json`, 'utf8').replace(
    '"rootfs"',
    JSON.stringify(`${bundle}/rootfs`),
  );
  const filtered = execFileSync(seccompLoad, ['default'], { input: config });
  writeFileSync(`${directory}/config.json`, filtered);
  return directory;
}

/** Make a bundle in `directory` whose process is `args`; its root has busybox under the names given. */
export function makeBundle(directory: string, args: readonly string[], names: readonly string[]): string {
  const root = `${directory}/rootfs`;
  for (const path of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc'])
    mkdirSync(`${root}/${path}`, { recursive: true });
  copyFileSync('/bin/busybox', `${root}/bin/busybox`);
  for (const name of names) linkSync(`${root}/bin/busybox`, `${root}/bin/${name}`);
  execFileSync('runc', ['spec'], { cwd: directory });
  const path = `${directory}/config.json`;
  const spec = JSON.parse(readFileSync(path, 'utf8'));
  spec.process.args = args;
  spec.process.terminal = false;
  writeFileSync(path, JSON.stringify(spec));
  return directory;
}
