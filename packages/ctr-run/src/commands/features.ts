import { out } from '@ctr-tools/cli';
import { features } from '@ctr-tools/oci';

/** `ctr-run features`: features.md's document. */
export function run(): number {
  out(`${JSON.stringify(features(), undefined, 2)}\n`);
  return 0;
}
