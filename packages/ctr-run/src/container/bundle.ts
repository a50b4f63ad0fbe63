import { Failure } from '@ctr-tools/cli';
import { readFile, resolve, type SystemError, statIfAny } from '@ctr-tools/host';
import { parseJson, type Spec, validateSpec } from '@ctr-tools/oci';
import { rootAnnotation } from '@ctr-tools/ufs-mount/annotation';
import type { Globals } from '../globals.ts';
import { tellWarnings } from '../warnings.ts';

/**
 * Read and check a bundle's `config.json` (bundle.md): everything that can be known to be
 * wrong is refused here, before anything in the system is touched. `bundle` is a whole path.
 */
export function readBundle(bundle: string, globals: Globals): { spec: Spec; bundle: string } {
  const path = `${bundle}/config.json`;
  let text: Uint8Array;
  try {
    text = readFile(path);
  } catch (error) {
    const { code, message } = error as SystemError;
    if (code === 'ENOENT') {
      throw new Failure(
        `no config.json in the bundle ${bundle}: make one with "ctr-run spec --bundle ${bundle}", or run an image with --image REF`,
      );
    }
    throw new Failure(`read ${path}: ${message}`);
  }
  return { spec: checkSpec(parseJson(text, path), path, bundle, globals), bundle };
}

/** Check a spec from anywhere; `from` names it in messages. Relative paths are relative to `bundle`. */
export function checkSpec(value: unknown, from: string, bundle: string, globals: Globals): Spec {
  const { value: spec, warnings } = validateSpec(value, 'run', from);
  tellWarnings(from, warnings, globals);
  requireRoot(spec, from, bundle);
  return spec;
}

function requireRoot(spec: Spec, from: string, bundle: string): void {
  if (spec.annotations?.[rootAnnotation] !== undefined) return;
  const path = spec.root?.path;
  if (path === undefined)
    throw new Failure(`${from}: root.path: missing; it names the container's root file system`);
  const root = resolve(bundle, path);
  const found = statIfAny(root);
  if (!found)
    throw new Failure(
      `${from}: root.path: no directory ${root}; unpack a root file system there, or change root.path`,
    );
  if (!found.isDirectory()) throw new Failure(`${from}: root.path: ${root} is not a directory`);
}
