/**
 * crun 1.21, as Debian 13 has it: the machine's own, or that package unpacked beside its libraries into
 * .cache/peers, once. It has CVE-2026-30892 (1.19 to 1.26).
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, run, slower, top } from '../../../test/support.ts';
import { withoutUnified } from './peers.ts';

const packages = ['crun', 'libc6', 'libcap2', 'libseccomp2', 'libsystemd0', 'libyajl2'];
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const place = join(top, '.cache/peers/crun-trixie');

/** The words that call it, or why it cannot be had. */
export function newerCrun(): { words: string[] } | { lacks: string } {
  // An emulated machine has no time for peers.
  if (slower > 1) return { lacks: 'an emulated machine has no time for crun, which the host has run' };
  const own = findCommand('crun');
  if (own && / version 1\.(19|2[0-6])\b/.test(run(own, ['--version']).stdout))
    return { words: [...withoutUnified, own] };
  const program = join(place, 'crun');
  if (!existsSync(program)) {
    const failed = unpack();
    if (failed !== undefined) return { lacks: `crun of Debian 13 cannot be had: ${failed}` };
  }
  return { words: [...withoutUnified, program] };
}

/** Fetch it by apt, with lists and a state of its own (apt.conf(5)). What failed. */
function unpack(): string | undefined {
  if (process.arch !== 'x64' || !findCommand('apt-get') || !existsSync(keyring))
    return 'apt-get, its keyring or the processor is another';
  const at = `${place}.${process.pid}`;
  for (const part of ['lists/partial', 'archives/partial', 'root'])
    mkdirSync(join(at, part), { recursive: true });
  writeFileSync(
    join(at, 'sources.list'),
    `deb [signed-by=${keyring}] http://deb.debian.org/debian/ trixie main\n`,
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
      .map(([name, value]) => `${name} "${value}";\n`)
      .join('')}`,
  );
  const apt = (...words: string[]) =>
    spawnSync('apt-get', ['-q', '-c', join(at, 'apt.conf'), ...words], {
      cwd: at,
      encoding: 'utf8',
      timeout: 120_000,
    });
  try {
    for (const words of [['update'], ['download', ...packages]]) {
      const { status, stderr } = apt(...words);
      if (status !== 0) return stderr.trim().split('\n')[0] || `apt-get ${words[0]} failed`;
    }
    for (const name of readdirSync(at).filter((file) => file.endsWith('.deb')))
      spawnSync('dpkg-deb', ['-x', join(at, name), join(at, 'root')]);
    const libraries = `$here/root/usr/lib/x86_64-linux-gnu`;
    writeFileSync(
      join(at, 'crun'),
      `#!/bin/sh\nhere=${place}\nexec "${libraries}/ld-linux-x86-64.so.2" --library-path "${libraries}" "$here/root/usr/bin/crun" "$@"\n`,
    );
    chmodSync(join(at, 'crun'), 0o755);
    if (!existsSync(place)) renameSync(at, place);
    return undefined;
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}
