/** What Node runs: loads the planner's first chunk and ends with its exit code. */
import { chunkLoader } from './chunks.ts';

const planner = chunkLoader(import.meta.dirname)('./planner.chunk') as typeof import('./main.ts');
planner.main().then((code) => process.exit(code));
