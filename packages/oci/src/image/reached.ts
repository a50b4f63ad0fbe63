/** Which blobs of a layout its index leads to. */
import { exists, lstat, readFile } from '@ctr-tools/host';
import { parseJson } from '../json.ts';
import { blobPath, parseDigest } from './digest.ts';

/** The largest document that is looked into; what is larger is a layer. */
const LARGEST = 4 << 20;

/** Every `digest` in a document, however deep: also in kinds of manifests that are not known here. */
function digestsIn(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'digest' && typeof inner === 'string') found.add(inner);
    else digestsIn(inner, found);
  }
}

/** Their files. */
export function reachedFrom(directory: string): Set<string> {
  const index = `${directory}/index.json`;
  const pending = new Set<string>();
  digestsIn(parseJson(readFile(index), index), pending);
  const files = new Set<string>();
  // A set that grows while it is gone through.
  for (const digest of pending) {
    let path: string;
    try {
      path = `${directory}/${blobPath(parseDigest(digest))}`;
    } catch {
      continue;
    }
    files.add(path);
    if (!exists(path) || lstat(path).size > LARGEST) continue;
    try {
      digestsIn(parseJson(readFile(path), path), pending);
    } catch {
      // It is not a document.
    }
  }
  return files;
}
