/** Running the built seccomp-load, with documents in a directory that goes with the test file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, runTool, tempDir } from '../../../test/support.ts';

export const load = (...args: string[]): Ended => runTool('seccomp-load', args);

/** A new directory, and how a JSON document is written there; gives its path. */
export function documents(): { dir: string; file: (name: string, document: unknown) => string } {
  const dir = tempDir('seccomp-load');
  const file = (name: string, document: unknown): string => {
    const path = join(dir, name);
    writeFileSync(path, JSON.stringify(document));
    return path;
  };
  return { dir, file };
}
