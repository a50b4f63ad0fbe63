/**
 * Images in the store: `images/` is an OCI image layout, where each has its whole name as the annotation
 * `org.opencontainers.image.ref.name`. img-pull writes it; whoever mounts finds an image there by its name.
 */
import { exists, readFile } from '@ctr-tools/host';
import {
  type Descriptor,
  parseReference,
  type Reference,
  readIndex,
  referenceName,
  referenceText,
} from '@ctr-tools/oci/image';
import type { Store } from './store.ts';

export const refName = 'org.opencontainers.image.ref.name';

/** The layout's directory. */
export const imagesOf = (store: Pick<Store, 'path'>): string => `${store.path}/images`;

export interface StoredImage {
  /** The whole name. */
  name: string;
  descriptor: Descriptor;
}

/** All images of a store that have a name. Throws where its index cannot be understood. */
export function storedImages(store: Pick<Store, 'path'>): StoredImage[] {
  const path = `${imagesOf(store)}/index.json`;
  if (!exists(path)) return [];
  return readIndex(readFile(path), path).manifests.flatMap((descriptor) => {
    const name = descriptor.annotations?.[refName];
    return name === undefined ? [] : [{ name, descriptor }];
  });
}

/** An image by its reference; a digest names it whatever its tag is. */
export function findStored(store: Pick<Store, 'path'>, reference: Reference): StoredImage | undefined {
  const images = storedImages(store);
  const { digest } = reference;
  if (digest === undefined) return images.find(({ name }) => name === referenceText(reference));
  const repository = referenceName(reference);
  return images.find(({ name, descriptor }) => {
    const found = parseReference(name);
    return descriptor.digest === digest && found !== undefined && referenceName(found) === repository;
  });
}
