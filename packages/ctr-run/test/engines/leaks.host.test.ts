/** An image that leads its command out through a descriptor (CVE-2024-21626), run by podman. */
import { chmodSync, writeFileSync } from 'node:fs';
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

function podman(runtime: string, path: string, command: string): Ended {
  store ||= tempDir('podman');
  const own = ['--root', `${store}/root`, '--runroot', `${store}/run`, '--tmpdir', `${store}/tmp`];
  const manner = ['--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', '--events-backend', 'file'];
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
  const words = ['run', '--rm', '--network', 'none', '--cgroup-parent', parent, ...limits, '--rootfs', path];
  return run('podman', [...own, ...manner, '--runtime', runtime, ...words, command], { timeout: 60_000 });
}

afterAll(async () => {
  if (store === '') return;
  await untilNobodyNames(store);
  removeParent(parent);
});

describe('podman', () => {
  test('no descriptor leads the command out', (context) => {
    if (tooSlow !== undefined) skip(context, tooSlow);
    needs(context, 'root', 'command:podman');
    const { host, path } = hostile();
    for (const n of numbers) {
      const ended = podman(leaky(toolPath('ctr-run'), host), path, `/bin/by-${n}`);
      expect(ended.stdout).not.toContain(escaped);
      expect(ended.stderr).toContain(`exec: "/bin/by-${n}"`);
    }
  });

  test('control: with nothing closed it leads out', (context) => {
    if (tooSlow !== undefined) skip(context, tooSlow);
    needs(context, 'root', 'command:podman');
    const { host, path } = hostile();
    const ended = podman(leaky(unguarded('descriptors').tool('ctr-run'), host), path, '/bin/by-5');
    expect(ended.stdout).toContain(escaped);
  });
});
