/**
 * Packages of a newer Debian, unpacked once into .cache/peers: peers and engines that this machine's own release does
 * not have. apt fetches and verifies them with lists and a state of its own (apt.conf(5)); nothing is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, slower, top } from '../../../test/support.ts';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where the packages' files lie, or why they cannot be had. */
export type Unpacked = { root: string } | { lacks: string };

/** `name` tells the set of packages apart from others of the same release. */
export function unpacked(name: string, release: string, packages: readonly string[]): Unpacked {
  // An emulated machine has no time for peers, and no network.
  if (slower > 1) return { lacks: `an emulated machine has no time for ${name}, which the host has run` };
  const root = join(top, '.cache/peers', `${name}-${release}`, 'root');
  if (existsSync(root)) return { root };
  const failed = fetch(join(root, '..'), release, packages);
  return failed === undefined ? { root } : { lacks: `${name} of Debian ${release} cannot be had: ${failed}` };
}

/** What failed, or undefined. */
function fetch(place: string, release: string, packages: readonly string[]): string | undefined {
  if (process.arch !== 'x64' || !findCommand('apt-get') || !existsSync(keyring))
    return 'apt-get, its keyring or the processor is another';
  const at = `${place}.${process.pid}`;
  for (const part of ['lists/partial', 'archives/partial', 'root'])
    mkdirSync(join(at, part), { recursive: true });
  writeFileSync(
    join(at, 'sources.list'),
    `deb [signed-by=${keyring}] http://deb.debian.org/debian/ ${release} main\n`,
  );
  const settings = {
    'Dir::Etc::SourceList': `${at}/sources.list`,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': at,
    'Dir::State::status': '/dev/null',
    'Dir::Cache': at,
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
  };
  writeFileSync(
    join(at, 'apt.conf'),
    `#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n${Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";\n`)
      .join('')}`,
  );
  const call = (file: string, ...words: string[]): string | undefined => {
    const { status, stderr } = spawnSync(file, words, { cwd: at, encoding: 'utf8', timeout: 120_000 });
    return status === 0 ? undefined : stderr?.trim().split('\n')[0] || `${file} ${words.at(-1)} failed`;
  };
  const apt = (...words: string[]) => call('apt-get', '-q', '-c', join(at, 'apt.conf'), ...words);
  try {
    const failed = apt('update') ?? apt('download', ...packages);
    if (failed !== undefined) return failed;
    for (const file of readdirSync(at).filter((one) => one.endsWith('.deb'))) {
      const broken = call('dpkg-deb', '-x', join(at, file), join(at, 'root'));
      if (broken !== undefined) return broken;
      rmSync(join(at, file));
    }
    if (!existsSync(place)) renameSync(at, place);
    return undefined;
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}
