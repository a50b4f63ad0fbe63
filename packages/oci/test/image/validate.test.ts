import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  blobPath,
  isManifest,
  layerCompression,
  parseDigest,
  readImageConfig,
  readIndex,
  readLayout,
  readManifest,
  SpecError,
  verifyContent,
} from '../../src/image/index.ts';

const digest = `sha256:${'a'.repeat(64)}`;

it('says where a document is wrong', () => {
  const bad = { schemaVersion: 2, manifests: [{ mediaType: 'x', digest: 'no', size: -1 }] };
  expect(() => readIndex(JSON.stringify(bad), 'index.json')).toThrow(
    /index.json: manifests\[0\].digest: found the string "no".*; manifests\[0\].size/,
  );
  expect(() => readManifest('{"schemaVersion":1}', 'm')).toThrow(SpecError);
  expect(() => readImageConfig(`{"rootfs":{"type":"layers","diff_ids":["${digest}"]}}`, 'c')).toThrow(
    'c: architecture: is missing',
  );
  expect(() => readLayout('{"imageLayoutVersion":"2.0.0"}', 'oci-layout')).toThrow('version 1.0.0');
});

it('knows layers by their media type', () => {
  expect(layerCompression('application/vnd.oci.image.layer.v1.tar+zstd')).toBe('zstd');
  expect(layerCompression('application/vnd.docker.image.rootfs.diff.tar.gzip')).toBe('gzip');
  expect(layerCompression('toString')).toBeUndefined();
});

const umoci = (() => {
  try {
    return execFileSync('umoci', ['--version'], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
})();

it.skipIf(!umoci)('reads what umoci writes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ctr-test-image-'));
  try {
    execFileSync('umoci', ['init', '--layout', join(dir, 'img')]);
    execFileSync('umoci', ['new', '--image', join(dir, 'img:t')]);
    const read = (path: string) => readFileSync(join(dir, 'img', path));
    readLayout(read('oci-layout'), 'oci-layout');
    const entry = readIndex(read('index.json'), 'index.json').manifests[0]!;
    expect(isManifest(entry.mediaType)).toBe(true);
    const bytes = read(blobPath(parseDigest(entry.digest)));
    verifyContent(entry, bytes);
    const manifest = readManifest(bytes, 'manifest');
    const config = readImageConfig(read(blobPath(parseDigest(manifest.config.digest))), 'config');
    expect(config.rootfs.diff_ids).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
