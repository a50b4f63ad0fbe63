/**
 * A real Debian tree for tests, made by mmdebstrap once and kept outside the repository: what
 * goes into it is its name there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../../../test-vm/src/cache.ts';

/** Essential packages and apt (mmdebstrap(1), VARIANTS), less what nobody reads in a test. */
const what = [
  '--variant=apt',
  '--format=directory',
  '--aptopt=Apt::Install-Recommends "false"',
  '--aptopt=Acquire::Languages "none"',
  '--aptopt=Acquire::Retries "1"',
  ...['locale', 'doc', 'info', 'man'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
];

const release = (): Map<string, string> =>
  new Map(
    (existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '')
      .split('\n')
      .map((line) => /^(\w+)="?(.*?)"?$/.exec(line))
      .flatMap((match) => (match ? [[match[1]!, match[2]!] as const] : [])),
  );

/** What apt-get says where the archive cannot be reached, which is not a fault of what is tested. */
const unreachable =
  /Could not resolve|Temporary failure resolving|Could not connect|Unable to connect|Connection timed out|Network is unreachable|Connection failed/;

export type Tree = { suite: string; path: string } | { missing: string };

/**
 * The tree of the machine's own release, or of bookworm elsewhere. Nobody may write to it: it
 * is for read-only use, or as the lower layer of an overlay. Throws where mmdebstrap fails
 * for another reason than the network.
 */
export function debianTree(): Tree {
  const os = release();
  const suite = (os.get('ID') === 'debian' && os.get('VERSION_CODENAME')) || 'bookworm';
  const hash = createHash('sha256')
    .update(JSON.stringify([what, suite, process.arch]))
    .digest('hex')
    .slice(0, 16);
  const path = join(cacheDir(), 'debian', `${suite}-${hash}`);
  if (existsSync(path)) return { suite, path };
  mkdirSync(join(cacheDir(), 'debian'), { recursive: true });
  const making = `${path}.${process.pid}`;
  // In a PID namespace, so that whatever ends this ends what mmdebstrap has started too.
  const alone = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  try {
    const { status, stderr, error } = spawnSync('unshare', [...alone, 'mmdebstrap', ...what, suite, making], {
      encoding: 'utf8',
      timeout: 900_000,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (error) throw error;
    if (status !== 0) {
      const said = unreachable.exec(stderr);
      if (said) return { missing: `Debian's archive cannot be reached (${said[0]})` };
      throw new Error(`mmdebstrap ${what.join(' ')} ${suite}: exit ${status}: ${stderr}`);
    }
    // Whole, or not at all; another run may have been quicker.
    if (!existsSync(path)) renameSync(making, path);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return { suite, path };
}
