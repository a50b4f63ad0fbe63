/** Images that lead commands, directories and hooks to what the runtime's caller has open, run by podman; each also where the runtime lacks the guard. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { tempDir, toolPath } from '../../../../test/support.ts';
import { unguarded } from '../../../../test/unguarded.ts';
import { escaped, hostile, numbers } from '../hostile.ts';
import { needsPodman, podmanFor, runtimeThrough } from './podman-root.ts';

const podman = podmanFor('leaks');
afterAll(() => podman.end());

/** podman closes what it has open before it calls a runtime: this one is called with a directory of the host as 5. */
const leaky = (runtime: string, host: string): string =>
  runtimeThrough(`exec 5<${host}/leaked\nexec ${runtime} "$@"`);

describe('CVE-2024-21626: a command leads through a descriptor', () => {
  test('no descriptor leads the command out', (context) => {
    needsPodman(context);
    const { host, path } = hostile();
    for (const n of numbers) {
      const ended = podman.first(leaky(toolPath('ctr-run'), host), path, [`/bin/by-${n}`]);
      expect(ended.stdout).not.toContain(escaped);
      expect(ended.stderr).toContain(`exec: "/bin/by-${n}"`);
    }
  });

  test('control: with nothing closed it leads out', (context) => {
    needsPodman(context);
    const { host, path } = hostile();
    const ended = podman.first(leaky(unguarded('descriptors').tool('ctr-run'), host), path, ['/bin/by-5']);
    expect(ended.stdout).toContain(escaped);
  });
});

describe('CVE-2024-21626: the working directory of an exec leads through a descriptor', () => {
  const through = '/proc/self/fd/5/..';
  const read = (runtime: string, host: string, path: string) =>
    podman.among(leaky(runtime, host), path, ['sleep', '1000'], (container) =>
      podman.call(leaky(runtime, host), ['exec', '--workdir', through, container, 'cat', 'secret']),
    );

  test('it is closed, and had it not been, the directory is seen to lie outside', async (context) => {
    needsPodman(context);
    const { host, path } = hostile();
    const ended = await read(toolPath('ctr-run'), host, path);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toContain(`enter the working directory ${through}: No such file or directory`);
    const open = await read(unguarded('descriptors').tool('ctr-run'), host, path);
    expect(open.stdout).toBe('');
    expect(open.stderr).toContain(`${through} lies outside of the container's root`);
  });

  test('control: without either guard a file of the host is read', async (context) => {
    needsPodman(context);
    const { host, path } = hostile();
    const runtime = unguarded('descriptors', 'directory').tool('ctr-run');
    expect((await read(runtime, host, path)).stdout).toBe('of the host\n');
  });
});

describe('descriptors of the caller in hooks', () => {
  const stages = ['createRuntime', 'createContainer', 'poststart'];

  /** What a hook of podman's (oci-hooks(5)) has as 5. Those of poststop podman calls itself. */
  function open(runtime: string): { host: string; seen: string[] } {
    const { host, path } = hostile();
    const directory = tempDir('hooks');
    const lines = `readlink /proc/self/fd/5 >>${directory}/seen; echo "$1" >>${directory}/seen`;
    writeFileSync(`${directory}/hook`, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
    for (const stage of stages)
      writeFileSync(
        `${directory}/${stage}.json`,
        JSON.stringify({
          version: '1.0.0',
          hook: { path: `${directory}/hook`, args: ['hook', stage], env: ['PATH=/usr/bin:/bin'] },
          when: { always: true },
          stages: [stage],
        }),
      );
    const ended = podman.first(leaky(runtime, host), path, ['true'], ['--hooks-dir', directory]);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    return { host, seen: readFileSync(`${directory}/seen`, 'utf8').trimEnd().split('\n') };
  }

  test('there is none', (context) => {
    needsPodman(context);
    const { seen } = open(toolPath('ctr-run'));
    expect(seen).toEqual(stages);
  });

  test('control: with nothing closed each has the directory', (context) => {
    needsPodman(context);
    const { host, seen } = open(unguarded('descriptors').tool('ctr-run'));
    expect(seen).toEqual(stages.flatMap((stage) => [`${host}/leaked`, stage]));
  });
});
