import { defaultStateRoot, type Host, UsageError } from '@ctr-tools/cli';

/**
 * The directory that holds one directory for each container: `--root`, else what
 * `defaultStateRoot` says. Without root and without XDG_RUNTIME_DIR there is no place that is
 * ours, and we say so.
 */
export function stateRoot(host: Host, flag: string | undefined): string {
  const named = flag ?? defaultStateRoot(host);
  if (named === undefined)
    throw new UsageError('no place for the state: set XDG_RUNTIME_DIR, or name a directory with --root DIR');
  return named.startsWith('/') ? named : `${host.cwd}/${named}`;
}
