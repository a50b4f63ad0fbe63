import { Failure } from '@ctr-tools/cli';
import { parseJson, type Spec } from '@ctr-tools/oci';

/**
 * How a spec asks for a root made of layers: this annotation, whose value is JSON. Other
 * runtimes ignore it, and find `root.path` empty; `ctr-run` makes the root itself, inside
 * the container's mount namespace, so that it is gone with it.
 */
export const rootAnnotation = 'org.ctr-tools.root';

export interface RootRequest {
  /** Bottom layer first: directories, `host`, or references to images. */
  sources: readonly string[];
  /** Changes go to a tmpfs and are lost. */
  temp?: boolean;
  /** A directory that keeps the changes. */
  upper?: string;
  readOnly?: boolean;
  /** How layers are united; `auto` if absent. */
  driver?: string;
  /** Of which platform images are, `OS/ARCH[/VARIANT]`; this machine's if absent. */
  platform?: string;
  /** A thin pool of the device mapper, by its name in /dev/mapper. */
  pool?: string;
}

/** The request in a spec, or undefined. Throws a `Failure` for one that makes no sense. */
export function rootRequest(spec: Spec): RootRequest | undefined {
  const text = spec.annotations?.[rootAnnotation];
  if (text === undefined) return undefined;
  const value = parseJson(text, `annotations["${rootAnnotation}"]`);
  const { sources } = (value ?? {}) as Partial<RootRequest>;
  if (!Array.isArray(sources) || sources.length === 0 || !sources.every((s) => typeof s === 'string')) {
    throw new Failure(`annotations["${rootAnnotation}"].sources has to be a list of at least one text`);
  }
  return value as RootRequest;
}

/** The spec with this request for its root. */
export function withRootRequest(spec: Spec, request: RootRequest): Spec {
  const annotations = { ...spec.annotations, [rootAnnotation]: JSON.stringify(request) };
  return { ...spec, root: { ...spec.root, path: 'rootfs' }, annotations };
}
