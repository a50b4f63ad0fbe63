/** A layout with one image as one file: the layout itself in tar, or what `docker load` reads. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { Failure } from '@ctr-tools/cli';
import type { Platform } from '@ctr-tools/oci/image';
import { directoryBlobs, layoutImage, readPlace } from '@ctr-tools/ufs-mount/store';
import { create } from 'tar';
import type { Layout } from './layout.ts';

/** The file is there whole or not there. `name` is the image's tag, or for Docker its name. */
export async function writeArchive(
  kind: 'oci' | 'docker',
  layout: Layout,
  name: string,
  file: string,
  platform: Platform | undefined,
): Promise<void> {
  const { cwd, entries } =
    kind === 'oci'
      ? { cwd: layout.path, entries: ['oci-layout', 'index.json', 'blobs'] }
      : await dockerTree(layout, name, platform);
  const made = `${layout.path}.tar`;
  try {
    // The same image gives the same bytes: no owners, no times.
    await create({ cwd, file: made, portable: true, noMtime: true }, entries);
    renameSync(made, file);
  } finally {
    rmSync(made, { force: true });
  }
}

/** moby image/spec, "manifest.json": the configuration and the plain archive of each layer. */
async function dockerTree(
  layout: Layout,
  name: string,
  platform: Platform | undefined,
): Promise<{ cwd: string; entries: string[] }> {
  const cwd = `${layout.path}/docker`;
  mkdirSync(cwd);
  const image = layoutImage(directoryBlobs(layout.path, name), name, platform);
  const written = new Set<string>();
  const layers: string[] = [];
  for (const layer of image.layers) {
    const entry = `${layer.diffId.slice(layer.diffId.indexOf(':') + 1)}.tar`;
    layers.push(entry);
    if (written.has(entry)) continue;
    written.add(entry);
    await plainLayer(layer, `${cwd}/${entry}`);
  }
  const { config } = JSON.parse(readFileSync(layout.blob(image.manifest!.digest), 'utf8')) as {
    config: { digest: string };
  };
  const configName = `${config.digest.slice(config.digest.indexOf(':') + 1)}.json`;
  writeFileSync(`${cwd}/${configName}`, layout.read(config.digest));
  const manifest = [{ Config: configName, RepoTags: [name], Layers: layers }];
  writeFileSync(`${cwd}/manifest.json`, JSON.stringify(manifest));
  return { cwd, entries: ['manifest.json', configName, ...written] };
}

async function plainLayer(layer: { path: string; size: number; diffId: string }, to: string): Promise<void> {
  const start = readPlace({ path: layer.path, offset: 0, size: Math.min(4, layer.size) });
  const gzip = start[0] === 0x1f && start[1] === 0x8b;
  const zstd = start[0] === 0x28 && start[1] === 0xb5;
  const hash = createHash('sha256');
  const look = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const from = createReadStream(layer.path);
  const into = createWriteStream(to);
  if (gzip) await pipeline(from, createGunzip(), look, into);
  else if (zstd) await pipeline(from, createZstdDecompress(), look, into);
  else await pipeline(from, look, into);
  const found = `sha256:${hash.digest('hex')}`;
  if (layer.diffId.startsWith('sha256:') && found !== layer.diffId)
    throw new Failure(`the layer ${layer.diffId} has other content than its name says: ${found}`);
}
