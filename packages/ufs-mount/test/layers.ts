/** Words for the entries of layers. */
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { runTool, tempDir, toolEnv } from '../../../test/support.ts';
import type { TarEntry } from './archives.ts';
import { treeOf } from './tree.ts';

export const root: TarEntry = { name: './', type: '5', mode: 0o755 };
export const dir = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({
  name: `${name}/`,
  type: '5',
  ...more,
});
export const file = (name: string, data = name, more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  data,
  ...more,
});
export const link = (name: string, to: string): TarEntry => ({ name, type: '2', link: to });
export const hard = (name: string, to: string): TarEntry => ({ name, type: '1', link: to });
export const white = (name: string): TarEntry => ({
  name: join(dirname(name), `.wh.${name.slice(name.lastIndexOf('/') + 1)}`),
});
export const opaque = (name: string): TarEntry => ({ name: `${name}/.wh..wh..opq` });

/** A store of its own, and what is seen in roots made in it; nothing stays mounted. */
export function storeAt(path = tempDir('store')) {
  const env = { ...toolEnv(), CTR_STORE: path };
  const ufs = (...args: string[]) => runTool('ufs-mount', args, { env, timeout: 120_000 });
  /** Look at a source's root while it is mounted. */
  function within<T>(source: string, look: (root: string) => T, ...flags: string[]): T {
    const { stdout, stderr, status } = ufs(source, '--temp', ...flags);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const at = stdout.trimEnd();
    try {
      return look(at);
    } finally {
      expect(ufs('--unmount', at).stderr).toBe('');
    }
  }
  return {
    path,
    env,
    ufs,
    within,
    tree: (source: string, ...flags: string[]) => within(source, treeOf, ...flags),
    /** The one line that says why a source is refused. */
    refused(source: string): string {
      const ended = ufs(source, '--temp');
      if (ended.status === 0) ufs('--unmount', ended.stdout.trimEnd());
      expect(ended).toMatchObject({ status: 125, stdout: '' });
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
      return ended.stderr;
    },
  };
}
