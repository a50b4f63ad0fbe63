/** `ufs-mount SOURCE… [--target DIR]`: mount a root that stays, and print where it is. */
import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, type Host, UsageError } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import { type AnyStep, compile, type Plan, slot, step, undo } from '@ctr-tools/plan';
import { requestOf } from './gather.ts';
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
  const target =
    options.target === undefined ? below(directory, '/root') : targetDirectory(options.target, host);
  const record: RootRecord = {
    ...recordOf(facts),
    ...(options.target !== undefined && { target: target as string }),
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
        undo: undo('failure', 'remove_root', { path: directory }, 'remove what was made'),
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
    ...(options.target === undefined
      ? [step('state', 'mkdir', { path: target, mode: 0o755 }, 'make the mount point', { side })]
      : []),
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

/** Where it is to be mounted, made if missing; without links, as the kernel will name it. */
function targetDirectory(given: string, host: Host): string {
  const path = resolve(host.cwd, given);
  try {
    makeDirectories(path);
    if (statSync(path).isDirectory()) return realpathSync(path);
  } catch (error) {
    throw new Failure(`--target ${given}: ${(error as Error).message}`);
  }
  throw new Failure(`--target ${given} is not a directory`);
}
