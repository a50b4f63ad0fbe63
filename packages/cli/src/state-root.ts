import { inUserNamespace } from '@ctr-tools/sys/proc';
import type { Host } from './host.ts';

/** Where containers of root are. */
export const STATE_ROOT = '/run/ctr-run';

/**
 * Where ctr-run keeps its containers unless told otherwise (`--root`): `CTR_STATE_ROOT`, else
 * `/run/ctr-run`, or without root `$XDG_RUNTIME_DIR/ctr-run`; undefined where that is not set.
 * Root of a user namespace is the user who made it, as rootless engines have it, unless USER says
 * root: then it is a machine in a container (runc's shouldHonorXDGRuntimeDir).
 */
export function defaultStateRoot({ env, euid }: Pick<Host, 'env' | 'euid'>): string | undefined {
  const named = env.get('CTR_STATE_ROOT');
  if (named) return named;
  const runtime = env.get('XDG_RUNTIME_DIR');
  const own = runtime ? `${runtime}/ctr-run` : undefined;
  if (euid !== 0) return own;
  return own !== undefined && env.get('USER') !== 'root' && inUserNamespace() ? own : STATE_ROOT;
}
