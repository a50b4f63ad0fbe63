/** `--remove` and `--gc`. */

import { Failure, type Host } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, slot, step } from '@ctr-tools/plan';
import { layersStep } from '../layers-request.ts';
import { poolsOf, storeOf } from '../store.ts';
import { findRoot, mountPointsOf, removeSteps } from './unmount.ts';

const side = 'host';
const manner = { tool: 'ufs-mount', exit: 125 };
const end: AnyStep = step('supervise', 'exit', { code: 0 }, 'end', { side });

export function remove(given: string, host: Host): Plan {
  const root = findRoot(given, host);
  const { container } = root.record;
  if (container && exists(container.state))
    throw new Failure(
      `${given} is the root of the container ${container.id}; ctr-run delete ${container.id} removes both`,
    );
  if (mountPointsOf(root).length > 0)
    throw new Failure(`${root.target} is mounted; unmount it first: ufs-mount --unmount ${root.target}`);
  return compile([[...removeSteps(root), end]], manner);
}

/** Under the store's lock, so that nobody mounts meanwhile, the planner finds what nothing uses. */
export function collect(host: Host): Plan {
  const store = storeOf(host).path;
  const fd = slot('store.lock');
  const reply = slot('gc.reply');
  return compile(
    [
      [
        step('state', 'mkdirs', { path: store, mode: 0o711 }, `make the store ${store}`, { side }),
        step(
          'state',
          'open',
          { path: `${store}/lock`, flags: 0o102, mode: 0o600, fd },
          "open the store's lock",
          { side },
        ),
        step('state', 'lock', { fd }, 'lock the store', { side }),
        step(
          'state',
          'ask',
          { topic: 'ufs-mount/gc', payload: store, reply, socket: '' },
          'collect what nothing uses',
          {
            side,
          },
        ),
        ...[...poolsOf(store), `${store}/roots`].map((directory) =>
          layersStep('state', 'collect', { directory }, `remove what nothing uses from ${directory}`),
        ),
        step('state', 'print', { fd: 1, text: reply }, 'say what was removed', { side }),
        end,
      ],
    ],
    manner,
  );
}
