/** Media types of images, OCI's and Docker's (image-spec media-types.md, "Compatibility Matrix"). */
export const mediaTypes = {
  index: [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
  ],
  manifest: [
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
  ],
  config: ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'],
} as const;

export type Compression = 'none' | 'gzip' | 'zstd';

const layers: Record<string, Compression> = {
  'application/vnd.oci.image.layer.v1.tar': 'none',
  'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
  // Deprecated: layers that may not be given away.
  'application/vnd.oci.image.layer.nondistributable.v1.tar': 'none',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd': 'zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'gzip',
};

export const isIndex = (mediaType: string): boolean =>
  (mediaTypes.index as readonly string[]).includes(mediaType);
export const isManifest = (mediaType: string): boolean =>
  (mediaTypes.manifest as readonly string[]).includes(mediaType);
export const isImageConfig = (mediaType: string): boolean =>
  (mediaTypes.config as readonly string[]).includes(mediaType);

/** How a layer of this media type is compressed; undefined for what is not a file system layer. */
export function layerCompression(mediaType: string): Compression | undefined {
  return Object.hasOwn(layers, mediaType) ? layers[mediaType] : undefined;
}
