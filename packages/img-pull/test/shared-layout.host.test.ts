/** Pulling into a layout that others change meanwhile. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../test/support.ts';
import { layout, tar } from '../../ufs-mount/test/archives.ts';
import { dir, file, root } from '../../ufs-mount/test/layers.ts';
import { front, isBlob, pullerAt, pushed, startRegistry } from './registry.ts';

test('what others collect before an image has its name is fetched again', async (context) => {
  // A layout with another image, which is in use meanwhile.
  const shared = layout([tar([root, dir('z'), file('z/other', 'other')])]);
  const collected: string[] = [];
  let manifests = 0;
  const { host: upstream } = await startRegistry(context);
  pushed(
    context,
    `oci:${layout([tar([root, dir('a'), file('a/file', 'pulled')])])}:3`,
    upstream,
    'team/app:1',
  );
  const { host } = await front(upstream, (request, _response, pass) => {
    if (request.method === 'GET' && request.url!.includes('/manifests/')) manifests++;
    // The manifest is there by now, and no image leads to it.
    if (isBlob({ url: request.url! }) && collected.length === 0)
      collected.push(run('ufs-mount', [`--gc=oci:${shared}`]).stdout);
    pass();
  });
  const { pull, ufs, home } = pullerAt();
  expect(await pull(`${host}/team/app:1`, '--insecure', '--to', `oci:${shared}:mine`)).toMatchObject({
    status: 0,
    stderr: '',
  });
  expect(collected[0]).toMatch(/^1 blob/);
  expect(manifests).toBe(2);
  for (const [tag, name] of [
    ['mine', 'a/file'],
    ['3', 'z/other'],
  ] as const) {
    const tree = join(home, tag);
    expect(await ufs(`oci:${shared}:${tag}`, '--unpack', tree)).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(join(tree, name))).toBe(true);
  }
});
