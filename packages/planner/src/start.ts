/** The planner as one executable: all chunks in one. */
import { main } from './main.ts';

main().then((code) => process.exit(code));
