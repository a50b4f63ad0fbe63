import { describe, expect, test } from 'vitest';
import { lookUpUser, withImageConfig } from '../src/image-config.ts';
import { splitReference } from '../src/source/index.ts';
import { stackOf } from '../src/stack.ts';

const files: Record<string, string> = {
  'etc/passwd': 'root:x:0:0::/:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n',
  'etc/group': 'root:x:0:\nweb:x:34:\nlogs:x:50:web,other\n',
};
const file = (path: string) => files[path];

test.each([
  ['web', { uid: 33, gid: 34, additionalGids: [50] }],
  ['33', { uid: 33, gid: 34, additionalGids: [50] }],
  ['web:logs', { uid: 33, gid: 50 }],
  ['web:7', { uid: 33, gid: 7 }],
  ['1234', { uid: 1234, gid: 0 }],
  ['1234:5', { uid: 1234, gid: 5 }],
])('the user %s', (text, found) => {
  expect(lookUpUser(text, file)).toEqual(found);
});

test('a user or group that the image does not have', () => {
  expect(() => lookUpUser('nobody', file)).toThrow('no such user');
  expect(() => lookUpUser('web:nobody', file)).toThrow('no such group');
});

test.each([
  ['4294967295', 'is more than an ID can be'],
  ['web:4294967296', 'is more than an ID can be'],
  ['18446744073709551616', 'is more than an ID can be'],
])('the user %s is not an ID', (text, words) => {
  expect(() => lookUpUser(text, file)).toThrow(words);
});

/** What an image has there is a stranger's: nothing of it may come to 0, which is root. */
test.each([
  ['-1', 'is not a number'],
  ['', 'is not a number'],
  ['abc', 'is not a number'],
  ['4294967295', 'is more than an ID can be'],
  ['4294967296', 'is more than an ID can be'],
])('an ID %j in an image is refused', (id, words) => {
  const bad = (path: string) =>
    path === 'etc/passwd'
      ? `u:x:${id}:5::/:/bin/sh\ng:x:5:${id}::/:/bin/sh\nm:x:6:6::/:/bin/sh\n`
      : `named:x:${id}:\nof:x:${id}:m\n`;
  for (const user of ['u', 'g', 'm', '5:named']) expect(() => lookUpUser(user, bad)).toThrow(words);
});

test('what a spec itself says stays', () => {
  const rootfs = { type: 'layers' as const, diff_ids: [] };
  const config = {
    architecture: 'amd64',
    os: 'linux',
    rootfs,
    config: { Env: ['A=image', 'B=image'], WorkingDir: '/srv' },
  };
  const spec = {
    ociVersion: '1.2.0',
    process: { cwd: '/own', env: ['A=own'], args: ['own'], user: { uid: 5, gid: 6 } },
  };
  expect(withImageConfig(spec, { config, user: { uid: 1, gid: 2 } }).process).toEqual({
    cwd: '/own',
    env: ['B=image', 'A=own'],
    args: ['own'],
    user: { uid: 5, gid: 6 },
  });
});

describe('references', () => {
  test.each([
    ['oci:./alpine:3', { scheme: 'oci', path: './alpine', tag: '3' }],
    ['oci:/a:b/c', { scheme: 'oci', path: '/a:b/c' }],
    ['docker-archive:x.tar:name', { scheme: 'docker-archive', path: 'x.tar', tag: 'name' }],
    ['./oci:x', undefined],
    ['host', undefined],
  ])('%s', (text, parts) => {
    expect(splitReference(text)).toEqual(parts);
  });
});

test('a layer upon others has a chain ID of its own (image-spec config.md)', () => {
  const layer = (diffId: string) =>
    ({
      kind: 'layer',
      layer: { path: '/x', offset: 0, size: 1, compression: 'gzip', digest: '', diffId },
    }) as const;
  const [a, b] = stackOf([layer('sha256:aa'), layer('sha256:bb')]).layers;
  expect(a!.chainId).toBe('sha256:aa');
  // printf 'sha256:aa sha256:bb' | sha256sum
  expect(b!.chainId).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(b!.chainId).not.toBe(stackOf([layer('sha256:bb')]).layers[0]!.chainId);
});
