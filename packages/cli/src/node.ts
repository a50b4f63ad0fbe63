/** For acts that change files, which run on Node. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * mkdir -p. Node's own (`recursive`) tries for ever where a directory is there and mkdir(2) in it
 * answers ENOENT all the same, as in procfs (seen with 20 to 26). Throws what mkdir says.
 */
export function makeDirectories(path: string, mode?: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(path);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || above === path || existsSync(above)) throw error;
    makeDirectories(above, mode);
    mkdirSync(path, mode);
  }
}
