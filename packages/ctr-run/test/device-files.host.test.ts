/** Devices of linux.devices whose path an image has something else at, beside runc. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { makeBundle } from './bundles.ts';
import { needsRuntime, runBundle, runtimes } from './runtimes.ts';

// runc and crun leave the file in the device's place, without a word.
test.for(runtimes)(
  'a file in the place of a device hinders no container, and stays: %s',
  (runtime, context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/sh', '-c', 'stat -c %t:%T:%a /here; cat /here'], (spec) => {
      spec.root!.readonly = false;
      spec.linux!.devices = [{ type: 'c', path: '/here', major: 1, minor: 3, fileMode: 0o644 }];
    });
    writeFileSync(`${bundle}/rootfs/here`, 'text');
    const stdout = runtime === 'ctr-run' ? '1:3:644\n' : '0:0:644\ntext';
    expect(runBundle(runtime, bundle)).toMatchObject({ status: 0, stdout });
    expect(readFileSync(`${bundle}/rootfs/here`, 'utf8')).toBe('text');
  },
);

test('a directory or a link that is not the device asked for is an error', (context) => {
  needs(context, 'root');
  for (const make of [mkdirSync, (path: string) => symlinkSync('bin/busybox', path)]) {
    const bundle = makeBundle(['/bin/true'], (spec) => {
      spec.root!.readonly = false;
      spec.linux!.devices = [{ type: 'c', path: '/here', major: 1, minor: 3, fileMode: 0o666 }];
    });
    make(`${bundle}/rootfs/here`);
    expect(runBundle('ctr-run', bundle)).toMatchObject({
      status: 1,
      stderr: 'ctr-run: make the device /here: something else is there: File exists\n',
    });
  }
});
