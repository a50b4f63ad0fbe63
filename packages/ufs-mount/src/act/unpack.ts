/** `SOURCE... --unpack DIR`: the root as a plain directory that stays. */
import { Failure, type Host, UsageError } from '@ctr-tools/cli';
import { lstatIfAny, resolve } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, slot, step, type Text, template, undo } from '@ctr-tools/plan';
import { MS } from '@ctr-tools/sys/constants';
import { outsideSteps, unshareSteps } from '../command-steps.ts';
import { lackingUnion, topDirectory } from '../driver/built.ts';
import { vfs } from '../driver/vfs.ts';
import { requestOf } from '../gather.ts';
import { layersStep } from '../layers-request.ts';
import { storeSteps } from '../layers-step.ts';
import type { UfsOptions } from '../options.ts';
import { overlaySteps } from '../overlay-steps.ts';
import { gatherRoot, type RootFacts } from '../root-facts.ts';

const side = 'host';

/** Steps that have the root as a tree, and where that is seen. */
interface Ready {
  from: Text;
  steps: AnyStep[];
}

/** As for a command, in a mount namespace of our own. */
function united(facts: RootFacts): Ready {
  const overlay = facts.driver.name === 'overlay';
  const scratch = `${facts.store.path}/mnt`;
  return {
    from: overlay ? `${scratch}/merged` : template`${slot('root.dir')}/root`,
    steps: [
      ...facts.driver.layers(facts),
      ...(overlay ? [] : outsideSteps(facts)),
      ...unshareSteps(facts),
      step(
        'root',
        'propagation',
        { path: '/', flags: MS.PRIVATE | MS.REC },
        "cut the mounts off from the machine's",
      ),
      ...(overlay ? overlaySteps(facts, scratch) : []),
    ],
  };
}

/** Without root nothing is mounted, so that no user namespace is needed: each layer is applied upon a copy of those below. */
function built(facts: RootFacts): Ready {
  const wrong = lackingUnion(facts.stack, false, false);
  if (wrong !== undefined) throw new Failure(`--unpack: without root ${wrong}`);
  return { from: topDirectory(facts, 'vfs'), steps: vfs.layers(facts) };
}

export function unpack(given: string, options: UfsOptions, host: Host): Plan {
  const { sources, temp, readOnly, upper, target } = options;
  if (sources.length === 0) throw new UsageError('which layers? ufs-mount oci:DIR:TAG --unpack DIR');
  if (temp || readOnly || upper !== undefined || target !== undefined)
    throw new UsageError(
      '--unpack makes a directory and mounts nothing; of the root only --driver and --platform go with it',
    );
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side });
  return compile([[...unpackSteps(given, options, host), end]], { tool: 'ufs-mount', exit: 125 });
}

/** What the layers come to is copied, and is there whole or not there. Throws a `Failure` where something is there already. */
export function unpackSteps(given: string, options: UfsOptions, host: Host): AnyStep[] {
  const directory = resolve(host.cwd, given);
  if (lstatIfAny(directory))
    throw new Failure(`--unpack ${given}: it is there already; name a directory to be made`);
  const facts = gatherRoot(requestOf(options, host), host, host.cwd, undefined);
  if (facts.sources.some(({ kind }) => kind === 'host'))
    throw new Failure('--unpack: "host" is what this machine has already; copy it with cp(1)');
  const half = `${directory}.new-${host.pid}`;
  const { from, steps: ready } = facts.squash ? built(facts) : united(facts);
  const gone = (path: string) =>
    undo('failure', 'remove', { path, what: 'tree' }, 'remove what was unpacked');
  return [
    ...storeSteps(facts.store),
    ...ready,
    step('mounts', 'mkdir', { path: half, mode: 0o755 }, `make ${given}`, { side, undo: gone(half) }),
    layersStep('mounts', 'copy', { from, to: half }, `unpack into ${given}`),
    step('mounts', 'rename', { from: half, to: directory }, `put ${given} into place`, {
      side,
      undo: gone(directory),
    }),
  ];
}
