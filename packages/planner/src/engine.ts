/**
 * What the engine in the launcher runs. All of this is evaluated when the program is built (native/engine,
 * "The image"); a start begins with `main`.
 */

import { askForNode } from '@ctr-tools/cli';
import { isNeedsNode } from '@ctr-tools/host';
import { main } from './main.ts';

/** The planner, to its exit code. What needs Node is handed back to the launcher, which asks again there. */
async function planned(): Promise<number> {
  try {
    return await main();
  } catch (error) {
    if (!isNeedsNode(error)) throw error;
    askForNode();
    return 0;
  }
}

Object.assign(globalThis, { main: planned });
