/** A user namespace that is joined by path: maps beside it describe it, and idmapped mounts have its map; beside runc and crun. */
import { writeFileSync } from 'node:fs';
import type { IDMapping, Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, tempDir } from '../../../test/support.ts';
import { searchable, testId } from './bundles.ts';
import { beside, call, commonBundle, type PeerName, whileThere } from './peers.ts';

const map: IDMapping[] = [{ containerID: 0, hostID: 100000, size: 65536 }];
const pieces: IDMapping[] = [
  { containerID: 1000, hostID: 101000, size: 64536 },
  { containerID: 0, hostID: 100000, size: 1000 },
];
const withMaps = (spec: Spec, maps: IDMapping[] | undefined): void => {
  if (maps) Object.assign(spec.linux!, { uidMappings: maps, gidMappings: maps });
};

function bundleOf(args: readonly string[], change: (spec: Spec) => void): string {
  const bundle = commonBundle(args, change);
  run('chown', ['-R', '100000:100000', `${bundle}/rootfs`]);
  searchable(bundle);
  return bundle;
}

/** What a container sees that joins the user namespace of another, as podman's and a pod's do: who owns a file of root's. */
async function joined(runtime: PeerName, maps: IDMapping[] | undefined, idmap: boolean, bound = false) {
  const first = bundleOf(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    withMaps(spec, map);
  });
  const volume = tempDir('volume');
  searchable(volume);
  writeFileSync(`${volume}/file`, '');
  return await whileThere(runtime, ['run', '--detach', '--bundle', first], (id) => {
    const { pid } = JSON.parse(call(runtime, ['state', id]).stdout) as { pid: number };
    const path = bound ? `${tempDir('bound')}/user` : `/proc/${pid}/ns/user`;
    if (bound) {
      writeFileSync(path, '');
      run('mount', ['--bind', `/proc/${pid}/ns/user`, path]);
    }
    try {
      const look = 'tr -s " " </proc/self/uid_map; stat -c %u /volume/file';
      const second = bundleOf(['/bin/sh', '-c', look], (spec) => {
        spec.linux!.namespaces!.push({ type: 'user', path });
        withMaps(spec, maps);
        const options = ['bind', ...(idmap ? ['idmap'] : [])];
        spec.mounts!.push({ destination: '/volume', type: 'bind', source: volume, options });
      });
      return call(runtime, ['run', '--bundle', second, testId()]);
    } finally {
      if (bound) run('umount', [path]);
    }
  });
}

// runc takes a path without maps, and idmap, since 1.2.
describe.each(beside({ runc: '1.3', crun: '1.28' }))('%s joins a user namespace by path', (runtime) => {
  test.each([
    ['with its maps beside it', map],
    ['with its maps in other pieces', pieces],
    ['without maps', undefined],
  ] as const)('%s', async (_, maps) => {
    if (runtime === 'runc' && maps === pieces) return void expect(runtime).toBe('runc'); // it compares them as they are written
    const given = maps && [...maps];
    expect(await joined(runtime, given, false)).toMatchObject({
      status: 0,
      stdout: ' 0 100000 65536\n65534\n',
    });
    expect(await joined(runtime, given, true)).toMatchObject({ status: 0, stdout: ' 0 100000 65536\n0\n' });
  });
});

test('maps that differ from those of the namespace are refused, as by runc', async (context) => {
  needs(context, 'root');
  const other = [{ containerID: 0, hostID: 200000, size: 65536 }];
  for (const bound of [false, true]) {
    const ended = await joined('ctr-run', other, false, bound);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(
      /uidMappings differs from the map of the user namespace \/\S+, which is 0 100000 65536; leave it out/,
    );
  }
  for (const runtime of beside({ runc: '1.3' }).slice(1))
    expect((await joined(runtime, other, false)).stderr).toMatch(/non-matching mapping/);
});

test('a process can be executed in a container that joined one', async (context) => {
  needs(context, 'root');
  const first = bundleOf(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    withMaps(spec, map);
  });
  await whileThere('ctr-run', ['run', '--detach', '--bundle', first], async (id) => {
    const { pid } = JSON.parse(call('ctr-run', ['state', id]).stdout) as { pid: number };
    const second = bundleOf(['/bin/sleep', '1000'], (spec) => {
      spec.linux!.namespaces!.push({ type: 'user', path: `/proc/${pid}/ns/user` });
      withMaps(spec, map);
    });
    await whileThere('ctr-run', ['create', '--bundle', second], (other) => {
      expect(call('ctr-run', ['start', other])).toMatchObject({ status: 0, stderr: '' });
      const inside = call('ctr-run', [
        'exec',
        other,
        '/bin/sh',
        '-c',
        'id -u; tr -s " " </proc/self/uid_map',
      ]);
      expect(inside).toMatchObject({ status: 0, stdout: '0\n 0 100000 65536\n' });
    });
  });
});
