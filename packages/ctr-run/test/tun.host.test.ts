/** Images of VPNs make /dev/net/tun themselves; the group lets them open it, as under the peers. */
import { existsSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, skip } from '../../../test/support.ts';
import { testId } from './bundles.ts';
import { beside, call, commonBundle, whileThere } from './peers.ts';

const open = (minor: number) => `mknod /tmp/${minor} c 10 ${minor} && : <>/tmp/${minor} && echo opened`;
const mayMake = (spec: Spec): void => {
  spec.root!.readonly = false;
  for (const set of ['bounding', 'effective', 'permitted'] as const)
    spec.process!.capabilities![set]!.push('CAP_MKNOD');
};

// runc 1.2.0 to 1.2.3 had taken it away; crun got it later.
describe.each(beside({ runc: '1.1', crun: '1.28' }))('in a container of %s', (runtime) => {
  test('that was given no device it can be made and opened, and its neighbour only made', async (context) => {
    needs(context, 'root');
    if (!existsSync('/dev/net/tun')) skip(context, 'the kernel has no tun');
    const made = call(runtime, [
      'run',
      '--bundle',
      commonBundle(['/bin/sh', '-c', open(200)], mayMake),
      testId(),
    ]);
    expect(made).toMatchObject({ status: 0, stdout: 'opened\n' });
    const bundle = commonBundle(['/bin/sleep', '1000'], mayMake);
    await whileThere(runtime, ['run', '--detach', '--bundle', bundle], (id) => {
      const inside = (line: string) => call(runtime, ['exec', id, '/bin/sh', '-c', line]);
      expect(inside(open(200))).toMatchObject({ status: 0, stdout: 'opened\n' });
      expect(inside(open(201)).stderr).toMatch(/[Oo]peration not permitted/);
    });
  });
});
