import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, type Host } from '@ctr-tools/cli';
import { type LinuxResources, readResources as read } from '@ctr-tools/oci';

/** An OCI resources document of a file, or of stdin for `-`. Throws a `Failure`, or what `packages/oci` says of it. */
export function readResources(path: string, host: Host): LinuxResources {
  const name = path === '-' ? 'stdin' : path;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === '-' ? 0 : resolve(host.cwd, path));
  } catch (error) {
    throw new Failure(`read the limits of ${name}: ${(error as Error).message}`);
  }
  return read(bytes, name).value;
}
