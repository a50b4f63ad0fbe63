/** What Node runs: loads the planner's first chunk, or the one made for this line, and ends with its exit code. */
import { chunkLoader, firstChunk } from './chunks.ts';
import { hotChunkFor } from './hot.ts';
import { requestHead } from './request-head.ts';

const hot = hotChunkFor(requestHead());
const load = chunkLoader(import.meta.dirname);
const planner = load(`./${hot ? `${hot}.chunk` : firstChunk}`) as typeof import('./main.ts');
planner.main().then((code) => process.exit(code));
