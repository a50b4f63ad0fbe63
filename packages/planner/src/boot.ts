/** What Node runs: loads the planner's first chunk, or the one made for this line, and ends with its exit code. */
import { readSync } from 'node:fs';
import { chunkLoader, firstChunk } from './chunks.ts';
import { hotChunkFor } from './hot.ts';

const REQUEST_FD = 3;
const HEAD = 2048;

/** The beginning of the request; what cannot be read is complained of by the planner. */
function head(): string {
  try {
    const bytes = Buffer.allocUnsafe(HEAD);
    return bytes.toString('latin1', 0, readSync(REQUEST_FD, bytes, 0, HEAD, 0));
  } catch {
    return '';
  }
}

const hot = hotChunkFor(head());
const load = chunkLoader(import.meta.dirname);
const planner = load(`./${hot ? `${hot}.chunk` : firstChunk}`) as typeof import('./main.ts');
planner.main().then((code) => process.exit(code));
