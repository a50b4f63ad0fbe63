/** Where layers come from: layouts, archives, indexes of several platforms, ways to compress, and what verifies them. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { constants, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { isRoot, needs, run, runShell, slower, tempDir } from '../../../test/support.ts';
import { layout, tar } from './archives.ts';
import { dir, file, root, storeAt, white } from './layers.ts';

const store = storeAt(isRoot ? undefined : '/nonexistent');
const lower = tar([root, dir('a'), file('a/x', 'below'), file('a/y')]);
const upper = tar([root, dir('a'), white('a/x'), file('a/z', 'above')]);
const names = ['', 'a', 'a/y', 'a/z'];

/** A document of a layout by its digest. */
const blobPath = (image: string, digest: string) => `${image}/blobs/${digest.replace(':', '/')}`;
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
function put(image: string, value: object, algorithm = 'sha256') {
  const data = Buffer.from(JSON.stringify(value));
  const digest = `${algorithm}:${createHash(algorithm).update(data).digest('hex')}`;
  mkdirSync(`${image}/blobs/${algorithm}`, { recursive: true });
  writeFileSync(blobPath(image, digest), data);
  return { digest, size: data.length };
}

test.for(['none', 'gzip', 'zstd'] as const)(
  'layers compressed by %s, and once more',
  (compression, context) => {
    needs(context, 'root');
    const image = layout([lower, upper], { compression });
    const before = runShell(`cd ${image} && find . -type f | xargs sha256sum`).stdout;
    for (let i = 0; i < 2; i++) expect(Object.keys(store.tree(`oci:${image}`))).toEqual(names);
    expect(Object.keys(store.tree(`oci:${image}`, '--driver', 'vfs'))).toEqual(names);
    expect(runShell(`cd ${image} && find . -type f | xargs sha256sum`).stdout).toBe(before);
    expect(runShell(`ls ${store.path}/tmp`).stdout).toBe('');
  },
);

test('every form of gzip: stored, fixed and dynamic blocks, members one after another, zeros behind', (context) => {
  needs(context, 'root');
  const [bytes, lines] = slower > 1 ? [300_000, 20_000] : [3_000_000, 200_000];
  const noise = randomBytes(bytes);
  const text = Buffer.from(Array.from({ length: lines }, (_, i) => `line ${i % 977} `).join(''));
  const data = tar([root, { name: 'noise', data: noise }, { name: 'text', data: text }, file('tiny')]);
  const half = data.length >> 1;
  const forms = [
    gzipSync(data, { level: 0 }),
    gzipSync(data, { level: 1 }),
    gzipSync(data, { level: 9, memLevel: 1 }),
    gzipSync(data, { strategy: constants.Z_FIXED }),
    gzipSync(data, { strategy: constants.Z_HUFFMAN_ONLY }),
    gzipSync(data, { strategy: constants.Z_RLE }),
    Buffer.concat([gzipSync(data.subarray(0, half)), gzipSync(data.subarray(half)), Buffer.alloc(700)]),
  ];
  for (const form of forms) {
    const at = `${tempDir('gzip')}/layer`;
    writeFileSync(at, form);
    store.within(at, (mounted) => {
      expect(readFileSync(`${mounted}/noise`).equals(noise)).toBe(true);
      expect(readFileSync(`${mounted}/text`).equals(text)).toBe(true);
    });
  }
});

test('digests by sha512, of blobs and of what is in them', (context) => {
  needs(context, 'root');
  const image = layout([lower, upper]);
  const index = readJson(`${image}/index.json`);
  const manifest = readJson(blobPath(image, index.manifests[0].digest));
  const config = readJson(blobPath(image, manifest.config.digest));
  const sha512 = (data: Buffer) => `sha512:${createHash('sha512').update(data).digest('hex')}`;
  mkdirSync(`${image}/blobs/sha512`);
  for (const layer of manifest.layers) {
    const from = blobPath(image, layer.digest);
    layer.digest = sha512(readFileSync(from));
    renameSync(from, blobPath(image, layer.digest));
  }
  config.rootfs.diff_ids = [sha512(lower), sha512(upper)];
  Object.assign(manifest.config, put(image, config, 'sha512'));
  Object.assign(index.manifests[0], put(image, manifest, 'sha512'));
  writeFileSync(`${image}/index.json`, JSON.stringify(index));
  expect(Object.keys(store.tree(`oci:${image}`))).toEqual(names);
  const top = blobPath(image, manifest.layers[1].digest);
  const spoilt = readFileSync(top);
  spoilt[spoilt.length >> 1]! ^= 1;
  writeFileSync(top, spoilt);
  expect(storeAt().refused(`oci:${image}`)).toMatch(/sha512|compressed data/);
});

test('of several platforms the one that fits this machine, through an index in an index', (context) => {
  needs(context, 'root');
  const image = layout([lower]);
  const mine = readJson(`${image}/index.json`).manifests[0];
  const other = readJson(blobPath(image, mine.digest));
  const wrong = put(image, { ...other, layers: [] });
  const machine = readJson(blobPath(image, other.config.digest)).architecture;
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const inner = (manifests: object[]) => ({
    mediaType: 'application/vnd.oci.image.index.v1+json',
    ...put(image, { schemaVersion: 2, manifests }),
    annotations: { 'org.opencontainers.image.ref.name': 'many' },
  });
  const foreign = { mediaType, ...wrong, platform: { os: 'linux', architecture: 's390x' } };
  const windows = { mediaType, ...wrong, platform: { os: 'windows', architecture: machine } };
  const fitting = { ...mine, platform: { os: 'linux', architecture: machine } };
  const write = (manifests: object[]) =>
    writeFileSync(`${image}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
  write([inner([foreign, windows, fitting])]);
  expect(Object.keys(store.tree(`oci:${image}:many`))).toEqual(['', 'a', 'a/x', 'a/y']);
  write([inner([foreign, windows])]);
  expect(store.refused(`oci:${image}:many`)).toContain(`no image for linux/${machine}`);
  expect(store.refused(`oci:${image}:many`)).toContain('linux/s390x');
});

test('archives of skopeo, OCI and docker save, with and without a name', (context) => {
  needs(context, 'root', 'command:skopeo');
  const image = layout([lower, upper]);
  const at = tempDir('archives');
  const copy = (to: string) => {
    const copied = run('skopeo', ['copy', '--quiet', '--insecure-policy', `oci:${image}:3`, to], {
      timeout: 120_000,
    });
    expect(copied).toMatchObject({ stderr: '', status: 0 });
  };
  copy(`oci-archive:${at}/oci.tar:tag`);
  copy(`docker-archive:${at}/docker.tar:example/image:tag`);
  const sources = [
    'oci-archive:AT/oci.tar',
    'oci-archive:AT/oci.tar:tag',
    'AT/oci.tar',
    'AT/docker.tar',
  ].concat(
    ['', ':tag', ':example/image:tag', ':docker.io/example/image:tag'].map(
      (tag) => `docker-archive:AT/docker.tar${tag}`,
    ),
  );
  for (const source of sources) expect(Object.keys(store.tree(source.replace('AT', at)))).toEqual(names);
  expect(store.refused(`oci-archive:${at}/oci.tar:nothing`)).toContain('has no image nothing');
  expect(store.refused(`docker-archive:${at}/docker.tar:nothing`)).toContain('nothing');
  // A byte of a layer in the archive that is another.
  const archive = readFileSync(`${at}/docker.tar`);
  const place = archive.indexOf('above');
  expect(place).toBeGreaterThan(0);
  archive[place] = 0x41;
  writeFileSync(`${at}/spoilt.tar`, archive);
  expect(storeAt().refused(`docker-archive:${at}/spoilt.tar`)).toContain('not what its digest says');
});

test.for<[string, (data: Buffer) => Buffer, string]>([
  ['other content', (data: Buffer) => data.fill(0x41, 40, 44), 'not what its digest says|compressed data'],
  ['less content', (data: Buffer) => data.subarray(0, -100), 'but its descriptor says'],
  ['more content', (data: Buffer) => Buffer.concat([data, Buffer.alloc(5)]), 'but its descriptor says'],
])('a layer of %s than its descriptor says', ([_name, spoil, words], context) => {
  needs(context, 'root');
  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    const data = tar([root, file('x', 'y'.repeat(5000) + Math.random())]);
    const image = layout([data], { compression });
    const { digest } = readJson(blobPath(image, readJson(`${image}/index.json`).manifests[0].digest))
      .layers[0];
    const at = blobPath(image, digest);
    chmodSync(at, 0o644);
    writeFileSync(at, spoil(readFileSync(at)));
    expect(store.refused(`oci:${image}`)).toMatch(new RegExp(compression === 'zstd' ? '.' : words));
    expect(runShell(`find ${store.path} -name '*.new'; ls ${store.path}/tmp`).stdout).toBe('');
  }
});

test('documents and archives in blobs are what their digests say', (context) => {
  needs(context, 'root');
  const image = layout([tar([root, file('once')])]);
  const manifest = readJson(`${image}/index.json`).manifests[0];
  const at = blobPath(image, manifest.digest);
  const { config } = readJson(at);
  const original = readFileSync(at, 'utf8');
  writeFileSync(at, original.replace('"schemaVersion":2', '"schemaVersion":3'));
  expect(store.refused(`oci:${image}`)).toContain('has other content than its name says');
  writeFileSync(at, original);
  // A configuration that is verified itself, but says another archive's digest.
  const said = readJson(blobPath(image, config.digest));
  said.rootfs.diff_ids[0] = `sha256:${'0'.repeat(64)}`;
  const index = readJson(`${image}/index.json`);
  Object.assign(
    index.manifests[0],
    put(image, { ...JSON.parse(original), config: { ...config, ...put(image, said) } }),
  );
  writeFileSync(`${image}/index.json`, JSON.stringify(index));
  expect(store.refused(`oci:${image}`)).toContain('the archive in it is sha256:');
  expect(existsSync(`${store.path}/layers/${'0'.repeat(64)}`)).toBe(false);
});
