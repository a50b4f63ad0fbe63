/**
 * The mount namespace that a container has not: none in its spec, or the caller's own by its path. Everything runs in a mount
 * namespace of the test's own, for runc leaves its mounts there, and changes the root of everybody.
 */
import { readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { killOne, needs, run, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { leftoversOf, makeBundle, testId } from './bundles.ts';
import { callOf, beside as peersSince } from './peers.ts';

const peers = peersSince({ runc: '1.1', crun: '1.8' });

/** A mount namespace and processes of the test's own, whose first process `line` is; `"$@"` calls the runtime. */
const apart = (name: (typeof peers)[number], line: string, flags: readonly string[] = []) =>
  run('unshare', ['--mount', '--propagation', 'private', ...flags, 'sh', '-c', line, 'sh', ...callOf(name)], {
    timeout: 60_000,
  });

function inherits(spec: Spec): void {
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'mount');
  // "unable to restrict sys entries without a private MNT namespace": runc makes none of these.
  delete spec.linux!.maskedPaths;
  delete spec.linux!.readonlyPaths;
  spec.ociVersion = '1.0.2';
  delete spec.process!.capabilities!.ambient;
}

const mountsOf = (text: string, bundle: string): string[] =>
  text.split('\n').filter((line) => line.includes(bundle));

describe('no mount namespace in the spec', () => {
  const look =
    'readlink /proc/self/ns/mnt; echo $(ls /); ls /dev | grep -c null; cat /proc/self/status | grep -c Name';

  test.each(peers)('is the one of who makes it, with the mounts that the spec has: %s', (name) => {
    const bundle = makeBundle(['/bin/sh', '-c', look], inherits);
    const id = testId();
    const ended = apart(
      name,
      `readlink /proc/self/ns/mnt; "$@" run --bundle ${bundle} ${id}; echo; cat /proc/self/mountinfo`,
    );
    const [own, inside, root, nulls, names, ...after] = ended.stdout.split('\n');
    // crun's is the namespace in which it sees no second hierarchy (peers.ts).
    if (name !== 'crun') expect(inside).toBe(own);
    expect(root).toContain('bin dev etc');
    expect([nulls, names]).toEqual(['1', '1']);
    // runc leaves all of them to the machine.
    const left = mountsOf(after.join('\n'), bundle).length;
    if (name === 'runc') expect(left).toBeGreaterThan(0);
    if (name === 'ctr-run') expect({ left, traces: leftoversOf(id) }).toEqual({ left: 0, traces: [] });
  });

  test('is entered by exec with its root, and delete takes the mounts, after kill -9 of who ran it too', async (context) => {
    needs(context, 'root');
    const id = testId();
    const bundle = makeBundle(['/bin/sleep', '300'], (spec) => {
      inherits(spec);
      spec.linux!.maskedPaths = ['/etc'];
      spec.linux!.readonlyPaths = ['/tmp'];
    });
    const mounts = () => mountsOf(readFileSync('/proc/self/mountinfo', 'utf8'), id).length;
    const container = start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]);
    try {
      await until('it runs', () =>
        run(toolPath('ctr-run'), ['state', id]).stdout.includes('"status": "running"'),
      );
      const line = 'ls / /etc; touch /tmp/x; echo $$; exit 3';
      const inside = run(toolPath('ctr-run'), ['exec', id, '/bin/sh', '-c', line]);
      expect(inside.stdout).toMatch(/bin\ndev\netc\n[^/]*\n\/etc:\n\d+\n/);
      expect(inside).toMatchObject({ status: 3, stderr: expect.stringMatching(/Read-only file system/) });
      // Nothing shows below the root's own path.
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(` ${bundle}/rootfs/proc `);
      expect(mounts()).toBeGreaterThan(3);
      killOne(container.child.pid!);
      await until('it is dead', () => container.child.signalCode !== null);
    } finally {
      expect(run(toolPath('ctr-run'), ['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' });
    }
    expect({ mounts: mounts(), traces: leftoversOf(id) }).toEqual({ mounts: 0, traces: [] });
    // What was mounted was a copy: the root itself is untouched.
    expect(run('ls', [`${bundle}/rootfs/bin/sh`]).status).toBe(0);
  });

  test.each([
    ['create', /no-such-command/],
    ['run', /no-such-command/],
  ])('leaves nothing where %s fails', (subcommand, words) => {
    const id = testId();
    const bundle = makeBundle(['/no-such-command'], inherits);
    const ended = run(toolPath('ctr-run'), [subcommand, '--bundle', bundle, id]);
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringMatching(words) });
    expect(mountsOf(readFileSync('/proc/self/mountinfo', 'utf8'), id)).toEqual([]);
    expect(leftoversOf(id)).toEqual([]);
  });

  test('is refused with a user namespace, whose root may mount nothing there', (context) => {
    needs(context, 'root');
    const bundle = makeBundle(['/bin/true'], (spec) => {
      inherits(spec);
      spec.linux!.namespaces!.push({ type: 'user' });
      for (const map of ['uidMappings', 'gidMappings'] as const)
        spec.linux![map] = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    });
    const ended = run(toolPath('ctr-run'), ['run', '--bundle', bundle, testId()]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/root of a user namespace may mount nothing outside/);
  });
});

describe('a mount namespace by a path that is the caller’s own', () => {
  const bundleOf = (path: string): string =>
    makeBundle(['/bin/true'], (spec) => {
      inherits(spec);
      spec.linux!.namespaces!.push({ type: 'mount', path });
    });
  /** What the first process of that namespace has at `/` afterwards. */
  const after = 'echo "status $?"; [ -e /usr ] && echo untouched';
  const flags = ['--pid', '--fork', '--mount-proc'];

  test.each(peers)('%s', (name) => {
    const bundle = bundleOf('/proc/1/ns/mnt');
    const id = testId();
    const ended = apart(name, `"$@" run --bundle ${bundle} ${id}; ${after}`, flags);
    // A peer that has changed the root of all no longer finds what it made.
    for (const path of leftoversOf(id).toReversed()) rmdirSync(path);
    for (const state of ['/run/runc', '/run/crun'])
      rmSync(`${state}/${id}`, { recursive: true, force: true });
    if (name !== 'ctr-run') return expect(ended.stdout).not.toContain('untouched');
    expect(ended.stdout).toBe('status 1\nuntouched\n');
    expect(ended.stderr).toMatch(/the mount namespace \/proc\/1\/ns\/mnt is the caller's own/);
  });

  test('is refused by run and create, under any name, and of process 1 from another', (context) => {
    needs(context, 'root');
    const bound = `${tempDir('bound')}/ns`;
    writeFileSync(bound, '');
    for (const subcommand of ['run', 'create'])
      for (const [path, before] of [
        ['/proc/self/ns/mnt', ':'],
        ['/proc/1/task/1/ns/mnt', ':'],
        ['/proc/1/ns/mnt', 'true; exec unshare --mount sh -c'],
      ] as const) {
        const id = testId();
        const bundle = bundleOf(path);
        const line = `"$@" ${subcommand} --bundle ${bundle} ${id}; ${after}`;
        const ended =
          before === ':'
            ? apart('ctr-run', line, flags)
            : apart('ctr-run', `unshare --mount sh -c '${line}' sh "$@"`, flags);
        expect(ended.stdout).toBe('status 1\nuntouched\n');
        expect(ended.stderr).toMatch(/the mount namespace .* is (the caller's own|that of process 1)/);
        expect(leftoversOf(id)).toEqual([]);
      }
  });
});
