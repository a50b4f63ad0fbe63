/** Images that attack their runtime, run by podman; each also where the runtime lacks the guard, and there it succeeds. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  needs,
  run,
  skip,
  tempDir,
  toolPath,
  untilNobodyNames,
} from '../../../../test/support.ts';
import { unguarded } from '../../../../test/unguarded.ts';
import { busyboxRoot } from '../bundles.ts';
import { escaped, hostile, numbers } from '../hostile.ts';
import { removeParent, tooSlow } from './engine.ts';

const parent = `/ctr-test-podman-leaks-${process.pid}`;
let store = '';

/** podman closes what it has open before it calls a runtime: this one is called with a directory of the host as 5. */
function leaky(runtime: string, host: string): string {
  const path = `${tempDir('runtime')}/ctr-run`;
  writeFileSync(path, `#!/bin/sh\nexec 5<${host}/leaked\nexec ${runtime} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

function podman(
  runtime: string,
  path: string,
  command: readonly string[],
  flags: readonly string[] = [],
): Ended {
  store ||= tempDir('podman');
  const own = ['--root', `${store}/root`, '--runroot', `${store}/run`, '--tmpdir', `${store}/tmp`];
  const manner = ['--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', '--events-backend', 'file'];
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
  const words = ['run', '--rm', '--network', 'none', '--cgroup-parent', parent, ...limits, ...flags];
  const argv = [...own, ...manner, '--runtime', runtime, ...words, '--rootfs', path, ...command];
  return run('podman', argv, { timeout: 60_000 });
}

afterAll(async () => {
  if (store === '') return;
  await untilNobodyNames(store);
  removeParent(parent);
});

describe('CVE-2024-21626: a command leads through a descriptor', () => {
  test('no descriptor leads the command out', (context) => {
    if (tooSlow !== undefined) skip(context, tooSlow);
    needs(context, 'root', 'command:podman');
    const { host, path } = hostile();
    for (const n of numbers) {
      const ended = podman(leaky(toolPath('ctr-run'), host), path, [`/bin/by-${n}`]);
      expect(ended.stdout).not.toContain(escaped);
      expect(ended.stderr).toContain(`exec: "/bin/by-${n}"`);
    }
  });

  test('control: with nothing closed it leads out', (context) => {
    if (tooSlow !== undefined) skip(context, tooSlow);
    needs(context, 'root', 'command:podman');
    const { host, path } = hostile();
    const ended = podman(leaky(unguarded('descriptors').tool('ctr-run'), host), path, ['/bin/by-5']);
    expect(ended.stdout).toContain(escaped);
  });
});

/*
 * Where else an image's links could lead a mount, podman resolves them and makes what is missing before a runtime hears
 * of it (attacks-paths.host.test.ts and attacks-proc.host.test.ts have these).
 */
describe('CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc of the image is a link', () => {
  function linked(runtime: string): Ended {
    const root = tempDir('root');
    busyboxRoot(root);
    rmSync(`${root}/proc`, { recursive: true });
    mkdirSync(`${root}/evil`);
    symlinkSync('evil', `${root}/proc`);
    return podman(runtime, root, ['echo', 'it runs'], ['--security-opt', 'unmask=ALL']);
  }

  test('the mount is seen to lie elsewhere', (context) => {
    if (tooSlow !== undefined) skip(context, tooSlow);
    needs(context, 'root', 'command:podman');
    expect(linked(toolPath('ctr-run'))).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining('a link led the mount of /proc elsewhere'),
    });
  });

  test('control: the container runs where nobody looks', (context) => {
    if (tooSlow !== undefined) skip(context, tooSlow);
    needs(context, 'root', 'command:podman');
    expect(linked(unguarded('mounts').tool('ctr-run')).stdout).toBe('it runs\n');
  });
});
