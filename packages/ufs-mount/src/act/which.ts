/** `--which PATH`: the layer that a path of a mounted root comes from. */

import { Failure, type Host, type Outcome, out } from '@ctr-tools/cli';
import { basename, dirname, lstatIfAny, realPath, resolve } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, slot, step } from '@ctr-tools/plan';
import { layersStep } from '../layers-request.ts';
import { type KnownRoot, knownRoots } from '../record.ts';
import { storeOf } from '../store.ts';
import { layersOf, type ShownLayer } from './show.ts';
import { readyTrees, withBuiltTrees } from './trees.ts';
import { mountPointsOf, realOr } from './unmount.ts';

const isWhiteout = (path: string): boolean => {
  const found = lstatIfAny(path);
  return found?.isCharacterDevice() === true && found.rdev === 0;
};

export function which(given: string, json: boolean, host: Host): Outcome {
  const path = resolve(host.cwd, given);
  const real = `${realOr(dirname(path))}/${basename(path)}`;
  const root = knownRoots(storeOf(host)).find(
    (one) => mountPointsOf(one).length > 0 && real.startsWith(`${realPath(one.target)}/`),
  );
  if (!root) throw new Failure(`${given} is in no root of the store; ufs-mount --list shows what is`);
  if (!lstatIfAny(real)) throw new Failure(`there is no ${given}`);
  const rest = real.slice(realPath(root.target).length + 1);
  const layers = layersOf(root, storeOf(host));
  const line = ({ id, directory }: Pick<ShownLayer, 'id' | 'directory'>): string =>
    json ? JSON.stringify({ path: `/${rest}`, layer: id, directory }) : id;
  if (withBuiltTrees(root)) return whichBuilt(root, rest, [...layers, changesOf(root, 'tree')].map(line));
  // The topmost layer that has it: what is hidden is not there to be asked for.
  const upper = changesOf(root, 'upper');
  const found = [upper, ...layers].find(({ directory }) => {
    const at = `${directory}/${rest}`;
    return lstatIfAny(at) !== undefined && !isWhiteout(at);
  });
  out(`${line(found ?? upper)}\n`);
  return 0;
}

const changesOf = ({ changes }: KnownRoot, name: string) => ({
  id: 'changes',
  directory: `${changes}/${name}`,
});

/** Each tree has all that is below it, so they are compared; volumes are mounted for that. */
function whichBuilt(root: KnownRoot, path: string, names: string[]): Plan {
  const name = slot('which');
  const steps: AnyStep[] = [
    ...readyTrees(root, root.record.lower),
    layersStep(
      'root',
      'which',
      { root: root.target, path, trees: root.record.lower, names },
      `look for /${path} in the layers`,
      { reply: name },
    ),
    step('mounts', 'print', { fd: 1, text: name }, 'print the layer', { side: 'host' }),
    step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' }),
  ];
  return compile([steps], { tool: 'ufs-mount', exit: 125 });
}
