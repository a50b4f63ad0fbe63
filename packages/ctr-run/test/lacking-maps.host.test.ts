/** ID maps without an ID that setting the container up takes: refused as by runc, in words that name the ID. */
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import type { IDMapping } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { makeBundle } from './bundles.ts';
import { needsRuntime, runBundle, runtimes } from './runtimes.ts';

const lacking: [string, IDMapping, number, RegExp][] = [
  [
    'no 0',
    { containerID: 1000, hostID: 101_000, size: 10 },
    1000,
    /^ctr-run: mount devpts on \/dev\/pts: .*the maps of the user namespace have no ID 0/,
  ],
  [
    'no group of terminals',
    { containerID: 0, hostID: 100_000, size: 3 },
    0,
    /^ctr-run: mount devpts on \/dev\/pts: .*gidMappings have no group 5, which the option gid=5 names/,
  ],
];

describe.each(runtimes)('%s', (runtime) => {
  test.for(lacking)('maps with %s', ([, map, id, words], context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/true'], (spec) => {
      delete spec.process!.capabilities!.ambient;
      spec.process!.user = { uid: id, gid: id };
      spec.linux!.namespaces!.push({ type: 'user' });
      spec.linux!.uidMappings = [map];
      spec.linux!.gidMappings = [map];
    });
    // Root of the user namespace goes through them.
    for (const path of [bundle, dirname(bundle)]) chmodSync(path, 0o755);
    const { status, stderr } = runBundle(runtime, bundle);
    expect(status).toBe(1);
    if (runtime === 'ctr-run') expect(stderr).toMatch(words);
  });
});
