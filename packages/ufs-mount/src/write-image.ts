/** A new image: the layers it was made of, and one more (image-spec). */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, renameSync, rmSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { Failure } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import { type Descriptor, hostPlatform, type ImageConfig } from '@ctr-tools/oci/image';
import { addImage, collectBlobs, LayoutInUse, type NewBlobs } from '@ctr-tools/oci/layout';
import { Verifier } from '@ctr-tools/oci/verifier';
import type { CommitQuestion } from './answer.ts';
import { platformOf } from './platform.ts';
import { readPlace } from './source/blobs.ts';
import { compressionByMagic, compressionByName } from './source/compression.ts';
import { type LayerArchive, readSource } from './source/index.ts';

const types = {
  layer: 'application/vnd.oci.image.layer.v1.tar',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
} as const;

/** The digest of the new manifest. */
export async function writeImage({
  plain,
  out,
  sources,
  ids,
  platform,
  store,
  squash,
  change,
}: CommitQuestion): Promise<string> {
  const [, directory, tag] = /^oci:(.+):([^:/]+)$/.exec(out) ?? [];
  if (!directory || !tag) throw new Failure(`${out} is no oci:DIR:TAG`);
  const read = sources.map((text) =>
    readSource(text, '/', {
      platform: platform === undefined ? undefined : platformOf(platform),
      images: { store: { path: store }, pull: notThere },
    }),
  );
  if (!squash && read.some((source) => source.kind === 'directory'))
    throw new Failure(
      'a root of directories is not an image; commit it to a file, as a layer, or whole with --squash',
    );
  const images = read.flatMap((source) => (source.kind === 'image' ? [source.image] : []));
  const archives = read.flatMap((source) =>
    source.kind === 'image' ? source.image.layers : source.kind === 'layer' ? [source.layer] : [],
  );
  const now = archives.map(({ diffId, digest }) => diffId || digest);
  if (!squash && now.join() !== ids.join())
    throw new Failure(
      `${sources.join(' ')} has other layers now than the root was made of, as where a tag was moved: commit it to a file, as a layer, or whole with --squash`,
    );
  const base: ImageConfig = images.at(-1)?.config ?? {
    ...hostPlatform(),
    rootfs: { type: 'layers', diff_ids: [] },
  };
  makeDirectories(`${directory}/blobs/sha256`);
  const { digest } = await addImage(directory, tag, async (blobs) => {
    const below: NewLayer[] = [];
    for (const archive of squash ? [] : archives) below.push(await oldLayer(blobs, archive));
    const top = await newLayer(blobs, plain);
    const config: ImageConfig = {
      ...changed(base, change),
      rootfs: { type: 'layers', diff_ids: [...below.map((one) => one.diffId), top.diffId] },
      history: [
        ...(squash ? [] : (base.history ?? [])),
        {
          created_by: `ufs-mount --commit${squash ? ' --squash' : ''}`,
          ...(change.author !== undefined && { author: change.author }),
          ...(change.message !== undefined && { comment: change.message }),
        },
      ],
    };
    return blobs.json(types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: await blobs.json(types.config, config),
      layers: [...below.map((one) => one.descriptor), top.descriptor],
    });
  });
  return digest;
}

interface NewLayer {
  descriptor: Descriptor;
  diffId: string;
}

/** Blobs that no image leads to go; how many, in words. */
export function collectLayoutBlobs(directory: string): string {
  try {
    const removed = collectBlobs(directory);
    return `${removed} ${removed === 1 ? 'blob' : 'blobs'} removed`;
  } catch (error) {
    throw error instanceof LayoutInUse ? new Failure(error.message) : error;
  }
}

/** While the launcher waits nothing is brought over the network. */
function notThere(reference: string): never {
  throw new Failure(
    `the image ${reference}, of which the root was made, is not in the store any more; img-pull brings it`,
  );
}

const nameOf = (entry: string): string => entry.split('=', 1)[0]!;

/** Pure. A configuration with what `--commit` was told to say in it. */
export function changed(base: ImageConfig, change: CommitQuestion['change']): ImageConfig {
  const { author, entrypoint, cmd, env, labels, workdir, user, platform } = change;
  const { variant: _, ...rest } = base;
  const others = (base.config?.Env ?? []).filter(
    (entry) => !env?.some((one) => nameOf(one) === nameOf(entry)),
  );
  const said = labels?.map((text) => [nameOf(text), text.slice(nameOf(text).length + 1)]);
  const config = {
    ...base.config,
    ...(entrypoint && { Entrypoint: entrypoint }),
    ...(cmd && { Cmd: cmd }),
    ...(env && { Env: [...others, ...env] }),
    ...(said && { Labels: { ...base.config?.Labels, ...Object.fromEntries(said) } }),
    ...(workdir !== undefined && { WorkingDir: workdir }),
    ...(user !== undefined && { User: user }),
  };
  return {
    ...(platform === undefined ? base : { ...rest, ...platformOf(platform) }),
    ...(author !== undefined && { author }),
    ...(Object.keys(config).length > 0 && { config }),
  } as ImageConfig;
}

/** The archive compressed, there whole or not there. What is said is nothing. */
export async function writeArchive({ plain, out }: CommitQuestion): Promise<string> {
  const made = `${out}.new-${process.pid}`;
  try {
    const compress = compressionByName(out) === 'zstd' ? createZstdCompress() : createGzip();
    await pipeline(createReadStream(plain), compress, createWriteStream(made, { flags: 'wx' }));
    renameSync(made, out);
    return '';
  } finally {
    rmSync(made, { force: true });
  }
}

/** The new layer, compressed by gzip without a name or a time: the same layer gives the same blob. */
async function newLayer(blobs: NewBlobs, plain: string): Promise<NewLayer> {
  const before = createHash('sha256');
  const after = createHash('sha256');
  const blob = await blobs.add(async (path) => {
    await pipeline(
      createReadStream(plain),
      observed((chunk) => before.update(chunk)),
      createGzip(),
      observed((chunk) => after.update(chunk)),
      createWriteStream(path),
    );
    return `sha256:${after.digest('hex')}`;
  });
  return {
    descriptor: { mediaType: `${types.layer}+gzip`, ...blob },
    diffId: `sha256:${before.digest('hex')}`,
  };
}

/** What passes by is looked at. */
const observed = (look: (chunk: Buffer) => void): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        look(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });

/** A layer of the image below, copied as it is and verified on the way. */
async function oldLayer(blobs: NewBlobs, archive: LayerArchive): Promise<NewLayer> {
  const { path, offset, size, digest, diffId } = archive;
  if (!diffId) throw new Failure(`${path} is a layer by itself; commit to a file, as a layer`);
  const mediaType = suffixed(compressionOf(archive));
  if (digest && blobs.keep(digest)) return { descriptor: { mediaType, digest, size }, diffId };
  const verifier = digest ? new Verifier({ digest, size }) : undefined;
  const hash = createHash('sha256');
  const blob = await blobs.add(async (to) => {
    await pipeline(
      createReadStream(path, { start: offset, end: offset + size - 1 }),
      observed((chunk) => (verifier ? verifier.update(chunk) : hash.update(chunk))),
      createWriteStream(to),
    );
    verifier?.verify();
    return digest || `sha256:${hash.digest('hex')}`;
  });
  return { descriptor: { mediaType, ...blob }, diffId };
}

/** Of a layer in an archive of `docker save` nobody says it. */
function compressionOf({ path, offset, size, compression }: LayerArchive): string {
  if (compression !== 'guess') return compression;
  return compressionByMagic(readPlace({ path, offset, size: Math.min(size, 4) }));
}

const suffixed = (compression: string): string =>
  compression === 'none' ? types.layer : `${types.layer}+${compression}`;
