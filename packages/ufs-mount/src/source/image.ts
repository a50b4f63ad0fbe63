/** From an image layout to the layers and the configuration of one image (image-spec). */
import { Failure } from '@ctr-tools/cli';
import {
  choosePlatform,
  type Descriptor,
  hostPlatform,
  type ImageConfig,
  isIndex,
  isManifest,
  layerCompression,
  type Platform,
  platformFit,
  platformText,
  readImageConfig,
  readIndex,
  readLayout,
  readManifest,
} from '@ctr-tools/oci/image';
import { type Blobs, blob, document, documentBlob, type Place } from './blobs.ts';

/** One layer's archive. */
export interface LayerArchive extends Place {
  compression: 'none' | 'gzip' | 'zstd' | 'guess';
  /** Digest of the blob; empty: nobody says. */
  digest: string;
  /** Digest of the archive in it; empty: nobody says. */
  diffId: string;
}

/** An image, resolved for one platform. */
export interface Image {
  name: string;
  /** Bottom first. */
  layers: LayerArchive[];
  config: ImageConfig;
  manifest?: Descriptor;
}

/** Throws a `Failure` where a platform was asked for and the image is for another. */
export function checkPlatform(name: string, config: ImageConfig, asked: Platform | undefined): void {
  if (asked && platformFit(asked, config) === 0)
    throw new Failure(`${name} has no image for ${platformText(asked)}; it is for ${platformText(config)}`);
}

const refName = 'org.opencontainers.image.ref.name';

/** The image of a layout that `tag` names, or its only one. */
export function layoutImage(blobs: Blobs, tag: string | undefined, asked?: Platform): Image {
  const platform = asked ?? hostPlatform();
  readLayout(document(blobs, 'oci-layout'), `${blobs.name}: oci-layout`);
  const { manifests } = readIndex(document(blobs, 'index.json'), `${blobs.name}: index.json`);
  return descriptorImage(blobs, chooseTag(blobs, manifests, tag, platform), asked);
}

/** The image that a descriptor leads to, which the caller has found. */
export function descriptorImage(blobs: Blobs, descriptor: Descriptor, asked?: Platform): Image {
  const image = fromDescriptor(blobs, descriptor, asked ?? hostPlatform(), 0);
  checkPlatform(blobs.name, image.config, asked);
  return image;
}

function chooseTag(
  blobs: Blobs,
  manifests: readonly Descriptor[],
  tag: string | undefined,
  platform: Platform,
): Descriptor {
  const tags = [
    ...new Set(manifests.map((m) => m.annotations?.[refName]).filter((name) => name !== undefined)),
  ];
  const named =
    tag === undefined
      ? manifests
      : manifests.filter((m) => m.annotations?.[refName] === tag || m.digest === tag);
  if (named.length === 0) {
    const has = tags.length > 0 ? `it has ${tags.join(', ')}` : 'its images have no tags';
    throw new Failure(
      tag === undefined ? `${blobs.name} holds no image` : `${blobs.name} has no image ${tag}; ${has}`,
    );
  }
  if (named.length === 1) return named[0]!;
  const fit = choosePlatform(named, platform);
  const distinct = new Set(named.map((m) => m.annotations?.[refName] ?? ''));
  if (distinct.size > 1 || !fit)
    throw new Failure(`${blobs.name} holds ${named.length} images; name one by its tag: ${tags.join(', ')}`);
  return fit;
}

function fromDescriptor(blobs: Blobs, descriptor: Descriptor, platform: Platform, depth: number): Image {
  const { mediaType, digest } = descriptor;
  const content = documentBlob(blobs, descriptor);
  const name = `${blobs.name}: ${digest}`;
  if (isIndex(mediaType)) {
    if (depth > 4) throw new Failure(`${blobs.name}: indexes lie within one another too deep`);
    const { manifests } = readIndex(content, name);
    const fit = choosePlatform(manifests, platform);
    if (fit) return fromDescriptor(blobs, fit, platform, depth + 1);
    const offered = manifests.map((m) => (m.platform ? platformText(m.platform) : 'any')).join(', ');
    throw new Failure(`${blobs.name} has no image for ${platformText(platform)}; it has ${offered}`);
  }
  if (!isManifest(mediaType)) throw new Failure(`${blobs.name}: ${digest} is not an image but ${mediaType}`);
  const manifest = readManifest(content, name);
  const config = readImageConfig(
    documentBlob(blobs, manifest.config),
    `${blobs.name}: ${manifest.config.digest}`,
  );
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== manifest.layers.length)
    throw new Failure(
      `${blobs.name}: the manifest has ${manifest.layers.length} layers, but the configuration ${diffIds.length}`,
    );
  return {
    name: blobs.name,
    config,
    manifest: descriptor,
    layers: manifest.layers.map((layer, i) => {
      const compression = layerCompression(layer.mediaType);
      if (!compression)
        throw new Failure(
          `${blobs.name}: the layer ${layer.digest} is of a type that is not a file system: ${layer.mediaType}`,
        );
      return {
        ...blob(blobs, layer),
        compression,
        digest: layer.digest,
        diffId: diffIds[i]!,
      };
    }),
  };
}
