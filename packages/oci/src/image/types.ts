/**
 * The OCI image-spec 1.1: layout, index, manifest, configuration. Names exactly as in the
 * files (image-layout.md, image-index.md, manifest.md, config.md, descriptor.md).
 */

export interface Descriptor {
  mediaType: string;
  /** `sha256:…`, see `digest.ts`. */
  digest: string;
  /** Bytes. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself, base64. */
  data?: string;
  artifactType?: string;
  platform?: Platform;
}

export interface Platform {
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
}

export interface ImageIndex {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

export interface ImageManifest {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  config: Descriptor;
  /** The lowest first. */
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

export interface ImageConfig {
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
  config?: ExecutionConfig;
  rootfs: RootFs;
  history?: History[];
}

export interface RootFs {
  type: 'layers';
  /** Digests of the layers' tar archives, uncompressed; the lowest first. */
  diff_ids: string[];
}

/** How a container of this image is meant to be run. */
export interface ExecutionConfig {
  /** `user`, `uid`, `user:group`, `uid:gid`, and mixtures. */
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  /** Docker's, reserved by image-spec. */
  ArgsEscaped?: boolean;
}

export interface History {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** The file `oci-layout` at the top of an image layout. */
export interface ImageLayout {
  imageLayoutVersion: string;
}
