/** Profiles as text become what the kernel reads, by apparmor_parser(8). */
import { spawnSync } from 'node:child_process';
import { Failure } from '@ctr-tools/cli';

/**
 * The binary policy of the profiles in `text`. Nothing is loaded and no cache is used:
 * --skip-kernel-load and --stdout. Throws `Failure` with the parser's own words.
 */
export function compilePolicy(
  text: string | Uint8Array,
  source: string,
  extra: readonly string[] = [],
): Buffer {
  const { error, status, stdout, stderr } = spawnSync(
    'apparmor_parser',
    ['--skip-kernel-load', '--skip-cache', '--quiet', '--stdout', ...extra],
    { input: text, maxBuffer: 64 << 20, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } },
  );
  if (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Failure(
      `compile ${source}: ${missing ? 'apparmor_parser is not installed (Debian: apt-get install apparmor)' : error.message}`,
    );
  }
  if (status !== 0 || stdout.length === 0) {
    const words = stderr.toString('utf8').trim().split('\n').filter(Boolean).join('; ');
    throw new Failure(`compile ${source}: ${words || `apparmor_parser ended with status ${status}`}`);
  }
  return stdout;
}
