/** `--diff` and `--commit`: what was changed in a root, as lines or as a layer. */

import { Failure, type Host, needStdout, UsageError } from '@ctr-tools/cli';
import { exists, resolve, stat } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, slot, step, undo } from '@ctr-tools/plan';
import type { CommitQuestion } from '../answer.ts';
import { layersStep } from '../layers-request.ts';
import type { UfsOptions } from '../options.ts';
import type { KnownRoot } from '../record.ts';
import { compressionByName } from '../source/compression.ts';
import { storeOf } from '../store.ts';
import { readyTrees, withBuiltTrees } from './trees.ts';
import { findRoot, mountPointsOf } from './unmount.ts';

const side = 'host';
const manner = { tool: 'ufs-mount', exit: 125 };
const end: AnyStep = step('supervise', 'exit', { code: 0 }, 'end', { side });

/** The tree of the layers: with overlay's marks, or for drivers without unions as it was built. */
function comparing(
  root: KnownRoot,
  host: Host,
  fd: number | ReturnType<typeof slot>,
  lines: boolean,
  squash = false,
): AnyStep[] {
  const { record, target } = root;
  if (mountPointsOf(root).length === 0)
    throw new Failure(
      `${target} is not mounted; mount it again to compare it: ufs-mount … --upper ${root.changes}`,
    );
  if (record.sources.includes('host'))
    throw new Failure('the changes of a root made from "host" are not compared');
  const empty = `${storeOf(host).path}/empty`;
  // Held against nothing, all of it is new.
  const built = squash || withBuiltTrees(root);
  const top = squash ? [] : record.lower.slice(0, 1);
  const lower = squash ? [empty] : built ? top : [...record.lower, empty];
  return [
    ...readyTrees(root, top),
    layersStep(
      'root',
      'diff',
      { lower, root: target, marked: !built, lines },
      `compare ${target} with its layers`,
      { fds: [fd] },
    ),
  ];
}

export function diff(given: string, host: Host): Plan {
  needStdout();
  return compile([[...comparing(findRoot(given, host), host, 1, true), end]], manner);
}

/** Whether this is something else than a file that a commit may make or replace: /dev/stdout, a FIFO. */
const isOther = (path: string): boolean => exists(path) && !stat(path).isFile();

/** The layer goes to a file of the store first; an image is made of it by the planner, which stays for that. */
export function commit(given: string, out: string, options: UfsOptions, host: Host): Plan {
  const root = findRoot(given, host);
  const fd = slot('commit.fd');
  const image = /^oci:/.test(out);
  const { change = {}, squash = false, platform } = options;
  if (platform !== undefined && !image)
    throw new UsageError('--platform is what an image is for: --commit TARGET oci:DIR[:TAG]');
  // The planner compresses it, and makes images.
  const further = image || compressionByName(out) !== undefined;
  const plain = further ? `${storeOf(host).path}/tmp/commit-${host.pid}.tar` : resolve(host.cwd, out);
  const question: CommitQuestion = {
    plain,
    out: image ? resolvedOut(out, host) : resolve(host.cwd, out),
    sources: [...root.record.sources],
    ids: [...root.record.ids],
    target: root.target,
    store: storeOf(host).path,
    ...(root.record.platform !== undefined && { platform: root.record.platform }),
    squash,
    change: { ...change, ...(platform !== undefined && { platform }) },
  };
  const reply = slot('commit.digest');
  return compile(
    [
      [
        step('state', 'open', { path: plain, flags: 0o1101, mode: 0o644, fd }, `open ${plain}`, {
          side,
          ...(!isOther(plain) && {
            undo: undo('failure', 'remove', { path: plain }, `remove ${plain}`),
          }),
        }),
        ...comparing(root, host, fd, false, squash),
        ...(further
          ? [
              step(
                'mounts',
                'ask',
                { topic: 'ufs-mount/commit', payload: JSON.stringify(question), reply, socket: '' },
                `write ${out}`,
                { side },
              ),
              step('mounts', 'remove', { path: plain }, 'remove the layer from the store', { side }),
            ]
          : []),
        ...(image
          ? [step('mounts', 'print', { fd: 1, text: reply }, 'print what was written', { side })]
          : []),
        end,
      ],
    ],
    manner,
  );
}

function resolvedOut(out: string, host: Host): string {
  const [, path, tag] = /^oci:([^:]+)(?::(.+))?$/.exec(out) ?? [];
  return path === undefined ? out : `oci:${resolve(host.cwd, path)}:${tag ?? 'latest'}`;
}
