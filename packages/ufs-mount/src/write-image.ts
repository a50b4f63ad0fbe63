/** A new image: the layers it was made of, and one more (image-spec). */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Failure } from '@ctr-tools/cli';
import { type Descriptor, hostPlatform, type ImageConfig, readIndex } from '@ctr-tools/oci/image';
import type { CommitQuestion } from './answer.ts';
import { readPlace } from './source/blobs.ts';
import { type LayerArchive, readSource } from './source/index.ts';

const refName = 'org.opencontainers.image.ref.name';
const types = {
  layer: 'application/vnd.oci.image.layer.v1.tar',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
} as const;

/** The digest of the new manifest. */
export async function writeImage({ plain, out, sources }: CommitQuestion): Promise<string> {
  const [, directory, tag] = /^oci:(.+):([^:/]+)$/.exec(out) ?? [];
  if (!directory || !tag) throw new Failure(`${out} is no oci:DIR:TAG`);
  mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
  const read = sources.map((text) => readSource(text, '/'));
  if (read.some((source) => source.kind === 'directory'))
    throw new Failure('a root of directories is no image; commit it to a file, as a layer');
  const images = read.flatMap((source) => (source.kind === 'image' ? [source.image] : []));
  const archives = read.flatMap((source) =>
    source.kind === 'image' ? source.image.layers : source.kind === 'layer' ? [source.layer] : [],
  );
  const below: { descriptor: Descriptor; diffId: string }[] = [];
  for (const archive of archives) below.push(await oldLayer(directory, archive));
  const diffId = await hashFile(plain);
  const layer = await compressed(directory, plain);
  const base: ImageConfig = images.at(-1)?.config ?? {
    ...hostPlatform(),
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const config: ImageConfig = {
    ...base,
    rootfs: { type: 'layers', diff_ids: [...below.map((one) => one.diffId), diffId] },
    history: [...(base.history ?? []), { created_by: 'ufs-mount --commit' }],
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: json(directory, types.config, config),
    layers: [...below.map((one) => one.descriptor), layer],
  };
  const descriptor = json(directory, types.manifest, manifest);
  addToIndex(directory, { ...descriptor, annotations: { [refName]: tag } }, tag);
  return descriptor.digest;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

const blobAt = (directory: string, digest: string): string => `${directory}/blobs/sha256/${digest.slice(7)}`;

function put(directory: string, mediaType: string, data: Buffer): Descriptor {
  const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  if (!existsSync(blobAt(directory, digest))) writeFileSync(blobAt(directory, digest), data);
  return { mediaType, digest, size: data.length };
}

const json = (directory: string, mediaType: string, value: unknown): Descriptor =>
  put(directory, mediaType, Buffer.from(JSON.stringify(value)));

/** gzip without a name or a time: the same layer gives the same blob. */
async function compressed(directory: string, plain: string): Promise<Descriptor> {
  const made = `${directory}/blobs/sha256/.${process.pid}`;
  await pipeline(createReadStream(plain), createGzip(), createWriteStream(made));
  const digest = await hashFile(made);
  renameSync(made, blobAt(directory, digest));
  return { mediaType: `${types.layer}+gzip`, digest, size: statSync(blobAt(directory, digest)).size };
}

/** A layer of the image below, copied as it is. */
async function oldLayer(
  directory: string,
  archive: LayerArchive,
): Promise<{ descriptor: Descriptor; diffId: string }> {
  const { path, offset, size, digest, diffId, compression } = archive;
  if (!diffId) throw new Failure(`${path} is a layer by itself; commit to a file, as a layer`);
  if (digest && offset === 0) {
    if (!existsSync(blobAt(directory, digest))) copyFileSync(path, blobAt(directory, digest));
    return { descriptor: { mediaType: suffixed(compression), digest, size }, diffId };
  }

  const data = readPlace({ path, offset, size });
  const gzip = data[0] === 0x1f && data[1] === 0x8b;
  return {
    descriptor: put(
      directory,
      suffixed(gzip ? 'gzip' : compression === 'guess' ? 'none' : compression),
      data,
    ),
    diffId,
  };
}

const suffixed = (compression: string): string =>
  compression === 'none' ? types.layer : `${types.layer}+${compression}`;

/** The image's entry in index.json, in place of one with the same tag. */
function addToIndex(directory: string, descriptor: Descriptor, tag: string): void {
  const path = `${directory}/index.json`;
  if (!existsSync(`${directory}/oci-layout`))
    writeFileSync(`${directory}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  const index = existsSync(path)
    ? readIndex(readFileSync(path), path)
    : { schemaVersion: 2 as const, manifests: [] };
  const others = index.manifests.filter((one) => one.annotations?.[refName] !== tag);
  writeFileSync(`${path}.new`, JSON.stringify({ ...index, manifests: [...others, descriptor] }));
  renameSync(`${path}.new`, path);
}
