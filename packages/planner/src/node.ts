/** What Node runs: the planner, to its exit code. */
import { main } from './main.ts';

main().then((code) => process.exit(code));
