/**
 * The built tools where everybody may run them. Tests run them as other users too, and a
 * repository in root's home is closed to these.
 */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The environment variable with the place of the copy, where there is one. */
export const DIST = 'CTR_TEST_DIST';

const built = join(import.meta.dirname, '../dist');

/** Where the tests find the built tools: `dist`, or its copy. */
export const dist = process.env[DIST] ?? built;

/** vitest's globalSetup, before test/leftovers.ts. */
export default function setup(): () => void {
  if (process.env[DIST] || isOpen(realpathSync(built))) return () => {};
  const copy = mkdtempSync(join(tmpdir(), 'ctr-dist-'));
  for (const part of ['bin', 'lib']) mkdirSync(join(copy, part), { mode: 0o755 });
  // The directory itself was made for its owner alone.
  chmodSync(copy, 0o755);
  for (const part of ['bin', 'lib'])
    for (const name of readdirSync(join(built, part))) place(join(built, part, name), join(copy, part, name));
  process.env[DIST] = copy;
  return () => {
    delete process.env[DIST];
    rmSync(copy, { recursive: true });
  };
}

/** Whether everybody may go there: path_resolution(7) asks every directory above for search permission. */
function isOpen(path: string): boolean {
  const mode = statSync(path).mode;
  return (mode & 0o001) !== 0 && (path === '/' || isOpen(dirname(path)));
}

function place(from: string, to: string): void {
  const file = realpathSync(from);
  try {
    linkSync(file, to);
  } catch {
    // Another file system.
    copyFileSync(file, to);
  }
}
