/** `ufs-mount SOURCE… [--target DIR]`: mount a root that stays, and print where it is. */

import { Failure, type Host, UsageError } from '@ctr-tools/cli';
import { dirname, join, lstatIfAny, realPath, resolve, stat } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, slot, step } from '@ctr-tools/plan';
import { requestOf } from './gather.ts';
import { layersUndo } from './layers-request.ts';
import { storeSteps } from './layers-step.ts';
import type { UfsOptions } from './options.ts';
import { type RootRecord, recordOf } from './record.ts';
import { gatherRoot, type RootFacts } from './root-facts.ts';
import { below } from './text.ts';

/** Throws a `Failure` without root: nobody else would see what is mounted. */
export function mountAlone(options: UfsOptions, host: Host): Plan {
  const manner = { tool: 'ufs-mount', exit: 125 };
  return compile([[...mountSteps(mountFacts(options, host), options, host), end]], manner);
}

const end: AnyStep = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });

/** What mounting a root that stays is decided by. */
export function mountFacts(options: UfsOptions, host: Host): RootFacts {
  if (options.sources.length === 0)
    throw new UsageError('which layers? ufs-mount oci:DIR:TAG, an archive, directories, or host');
  if (host.euid !== 0)
    throw new Failure(
      `without root a mounted root is seen by nobody else; run a command in it: ufs-mount ${options.sources.join(' ')} -- COMMAND`,
    );
  return gatherRoot(requestOf(options, host), host, host.cwd, undefined);
}

/** The steps that mount it and say where. */
export function mountSteps(facts: RootFacts, options: UfsOptions, host: Host): AnyStep[] {
  const { store, request } = facts;
  const directory = slot('root.dir');
  const side = 'host';
  const named = options.target === undefined ? undefined : targetDirectory(options.target, host);
  const target = named ?? below(directory, '/root');
  const record: RootRecord = {
    ...recordOf(facts),
    ...(named !== undefined && { target: named }),
  };
  return [
    ...storeSteps(store),
    ...facts.driver.layers(facts),
    step(
      'state',
      'mkdtemp',
      { prefix: `${store.path}/roots/`, path: directory },
      'make a place for the root',
      {
        side,
        undo: layersUndo('failure', 'remove_root', { path: directory }, 'remove what was made'),
      },
    ),
    // Before anything is mounted, so that whoever is killed from here on leaves nothing that the store does not know.
    step(
      'state',
      'write_file',
      { path: below(directory, '/root.json'), data: `${JSON.stringify(record)}\n`, mode: 0o600 },
      'record the root',
      { side },
    ),
    named === undefined
      ? step('state', 'mkdir', { path: target, mode: 0o755 }, 'make the mount point', { side })
      : step('state', 'mkdirs', { path: named, mode: 0o755 }, `make --target ${options.target}`, { side }),
    ...facts.driver.make(facts, {
      directory: request.upper ?? directory,
      target,
      passing: request.temp ?? false,
    }),
    step('ready', 'print', { fd: 1, text: target }, 'print where the root is', {
      side,
    }),
  ];
}

/** Where it is to be mounted, which may be missing; without links, as the kernel will name it. */
function targetDirectory(given: string, host: Host): string {
  const path = resolve(host.cwd, given);
  try {
    let above = path;
    // What is there but leads nowhere is no directory to be made.
    while (!lstatIfAny(above)) above = dirname(above);
    const real = realPath(above);
    if (stat(real).isDirectory()) return join(real, path.slice(above.length));
  } catch (error) {
    throw new Failure(`--target ${given}: ${(error as Error).message}`);
  }
  throw new Failure(`--target ${given} is not a directory`);
}
