/** What the images of the store are made of. */
import {
  type Descriptor,
  isIndex,
  isManifest,
  type Platform,
  parseDigest,
  readImageConfig,
  readIndex,
  readManifest,
} from '@ctr-tools/oci/image';
import { type Blobs, directoryBlobs, documentBlob } from './source/blobs.ts';
import { type StackLayer, stackOf } from './stack.ts';
import type { Store } from './store.ts';
import { imagesOf, type StoredImage, storedImages } from './stored-images.ts';

/** An image of one platform, of which the store has all documents. */
export interface ImageContents {
  manifest: Descriptor;
  platform: Platform;
  layers: StackLayer[];
  /** Bytes of each layer's blob, in the same order. */
  sizes: number[];
}

/** Manifests below a descriptor that are in the store: of an index mostly one. */
function manifestsOf(blobs: Blobs, descriptor: Descriptor, depth = 0): Descriptor[] {
  if (depth > 4) return [];
  try {
    if (isManifest(descriptor.mediaType)) {
      documentBlob(blobs, descriptor);
      return [descriptor];
    }
    if (!isIndex(descriptor.mediaType)) return [];
    const { manifests } = readIndex(documentBlob(blobs, descriptor), descriptor.digest);
    return manifests.flatMap((one) => manifestsOf(blobs, one, depth + 1));
  } catch {
    // The store has others of the index.
    return [];
  }
}

/** What a stored image is made of, for each platform that is there. */
export function contentsOf(store: Pick<Store, 'path'>, { descriptor }: StoredImage): ImageContents[] {
  const blobs = directoryBlobs(imagesOf(store), store.path);
  return manifestsOf(blobs, descriptor).flatMap((manifest) => {
    try {
      const { config: at, layers } = readManifest(documentBlob(blobs, manifest), manifest.digest);
      const config = readImageConfig(documentBlob(blobs, at), at.digest);
      const archives = config.rootfs.diff_ids.map((diffId, i) => {
        parseDigest(diffId);
        const { digest, size } = layers[i]!;
        return { path: '', offset: 0, size, compression: 'guess' as const, digest, diffId };
      });
      const image = { name: store.path, layers: archives, config };
      return [
        {
          manifest,
          platform: config,
          layers: stackOf([{ kind: 'image', image }]).layers,
          sizes: layers.map(({ size }) => size),
        },
      ];
    } catch {
      // A configuration or a layer that is not an image's.
      return [];
    }
  });
}

/** Chain IDs of all layers of all images of the store. */
export const imageChains = (store: string): string[] =>
  storedImages({ path: store }).flatMap((image) =>
    contentsOf({ path: store }, image).flatMap(({ layers }) => layers.map(({ chainId }) => chainId)),
  );
