/** Reading an image's documents. Each throws `JsonError` or `SpecError`, naming the document. */
import { parseJson } from '../json.ts';
import { array, boolean, type Check, integer, object, record, string, text } from '../schema/check.ts';
import { strings } from '../schema/common.ts';
import { checkDocument } from '../schema/document.ts';
import type {
  Descriptor,
  ExecutionConfig,
  History,
  ImageConfig,
  ImageIndex,
  ImageLayout,
  ImageManifest,
  Platform,
  RootFs,
} from './types.ts';

const digest = text('a digest such as sha256:...', /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/);
const two = integer(2, 2) as Check<2>;
const nothing = object<object>({});

const platform = object<Platform>(
  { architecture: string, os: string, 'os.version': string, 'os.features': strings, variant: string },
  ['architecture', 'os'],
);

const descriptor = object<Descriptor>(
  {
    mediaType: string,
    digest,
    size: integer(0, Number.MAX_SAFE_INTEGER),
    urls: strings,
    annotations: record(string),
    data: string,
    artifactType: string,
    platform,
  },
  ['mediaType', 'digest', 'size'],
);

const index = object<ImageIndex>(
  {
    schemaVersion: two,
    mediaType: string,
    artifactType: string,
    manifests: array(descriptor),
    subject: descriptor,
    annotations: record(string),
  },
  ['schemaVersion', 'manifests'],
);

const manifest = object<ImageManifest>(
  {
    schemaVersion: two,
    mediaType: string,
    artifactType: string,
    config: descriptor,
    layers: array(descriptor),
    subject: descriptor,
    annotations: record(string),
  },
  ['schemaVersion', 'config', 'layers'],
);

const execution = object<ExecutionConfig>({
  User: string,
  ExposedPorts: record(nothing),
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  Volumes: record(nothing),
  WorkingDir: string,
  Labels: record(string),
  StopSignal: string,
  ArgsEscaped: boolean,
});

const config = object<ImageConfig>(
  {
    created: string,
    author: string,
    architecture: string,
    os: string,
    'os.version': string,
    'os.features': strings,
    variant: string,
    config: execution,
    rootfs: object<RootFs>(
      {
        type: text('the word layers', /^layers$/) as Check<string> as Check<'layers'>,
        diff_ids: array(digest),
      },
      ['type', 'diff_ids'],
    ),
    history: array(
      object<History>({
        created: string,
        created_by: string,
        author: string,
        comment: string,
        empty_layer: boolean,
      }),
    ),
  },
  ['architecture', 'os', 'rootfs'],
);

const layout = object<ImageLayout>({ imageLayoutVersion: text('the version 1.0.0', /^1\./) }, [
  'imageLayoutVersion',
]);

const reader =
  <T>(shape: Check<T>) =>
  (input: Uint8Array | string, document: string): T =>
    checkDocument(parseJson(input, document), document, shape, true).value;

/** `index.json` of a layout, or an image index. */
export const readIndex = reader(index);
export const readManifest = reader(manifest);
export const readImageConfig = reader(config);
/** The file `oci-layout`. */
export const readLayout = reader(layout);
