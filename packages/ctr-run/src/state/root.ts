import { type Host, UsageError } from '@ctr-tools/cli';

/**
 * The directory that holds one directory for each container: `--root`, else
 * `CTR_STATE_ROOT`, else `/run/ctr-run`, or `$XDG_RUNTIME_DIR/ctr-run` without root.
 * Without root and without that variable there is no place that is ours, and we say so.
 */
export function stateRoot(host: Host, flag: string | undefined): string {
  const named = flag ?? host.env.get('CTR_STATE_ROOT');
  if (named) return named.startsWith('/') ? named : `${host.cwd}/${named}`;
  if (host.euid === 0) return '/run/ctr-run';
  const runtime = host.env.get('XDG_RUNTIME_DIR');
  if (!runtime)
    throw new UsageError('no place for the state: set XDG_RUNTIME_DIR, or name a directory with --root DIR');
  return `${runtime}/ctr-run`;
}
