/** Images by the names that registries have for them, out of the store; what it lacks, img-pull brings. */
import { Failure, type Host } from '@ctr-tools/cli';
import { dirname, exists, join, resolve, runProgram } from '@ctr-tools/host';
import {
  namesRegistry,
  type Platform,
  parseReference,
  platformText,
  type Reference,
  referenceText,
} from '@ctr-tools/oci/image';
import { type Store, storeOf } from '../store.ts';
import { findStored, imagesOf } from '../stored-images.ts';
import { directoryBlobs, lookAt } from './blobs.ts';
import { descriptorImage, type Image } from './image.ts';

const scheme = 'docker://';

/** Where images by name are, and who brings what is not there. */
export interface Images {
  store: Pick<Store, 'path'>;
  /** Throws a `Failure`. */
  pull(reference: string, platform: Platform | undefined): void;
}

/**
 * `docker://REF`, or a name that begins with a registry's host where no such path is there. Undefined for what names no
 * image of a registry. Throws a `Failure` for what does so wrongly.
 */
export function registryReference(text: string, cwd: string): Reference | undefined {
  if (text.startsWith(scheme)) {
    const reference = parseReference(text.slice(scheme.length));
    if (!reference)
      throw new Failure(
        `${text} is not the name of an image; it is docker://[REGISTRY/]NAME[:TAG][@sha256:DIGEST]`,
      );
    return reference;
  }
  if (!namesRegistry(text) || lookAt(resolve(cwd, text))) return undefined;
  return parseReference(text);
}

/** The form in which a source of a registry is kept. */
export const registrySource = (reference: Reference): string => `${scheme}${referenceText(reference)}`;

/** The image, pulled where the store lacks it. Its `pinned` source names the same content for good. */
export function registryImage(
  reference: Reference,
  { store, pull }: Images,
  platform: Platform | undefined,
): { image: Image; pinned: string } {
  const look = (): { image: Image; pinned: string } | undefined => {
    const found = findStored(store, reference);
    if (!found) return undefined;
    const blobs = directoryBlobs(imagesOf(store), referenceText(reference));
    const image = descriptorImage(blobs, found.descriptor, platform);
    return { image, pinned: registrySource({ ...reference, digest: found.descriptor.digest }) };
  };
  // Of an index the store may have another platform's image alone.
  let found: ReturnType<typeof look>;
  try {
    found = look();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
  if (found) return found;
  pull(referenceText(reference), platform);
  const pulled = look();
  if (!pulled)
    throw new Failure(`${referenceText(reference)} was pulled, and is not in the store ${store.path}`);
  return pulled;
}

/** The images of the caller's store; what that lacks is pulled into it. */
export function imagesFor(host: Host): Images & { store: Store } {
  return { store: storeOf(host), pull: (reference, platform) => pullWith(host, reference, platform) };
}

/** Have the tool beside this one pull, with its progress on our stderr. Its own words say what failed. */
function pullWith(
  { launcher, env, argv: own }: Pick<Host, 'launcher' | 'env' | 'argv'>,
  reference: string,
  platform?: Platform,
): void {
  const end = own.indexOf('--');
  if (own.slice(0, end < 0 ? undefined : end).includes('--plan'))
    throw new Failure(
      `the image ${reference} is not in the store, and --plan brings nothing: img-pull ${reference}`,
    );
  const file = join(dirname(launcher), 'img-pull');
  if (launcher === '' || !exists(file))
    throw new Failure(
      `the image ${reference} is not in the store, and img-pull, which would bring it, is not installed beside ${launcher || 'this copy'}`,
    );
  const argv = [file, reference, ...(platform ? ['--platform', platformText(platform)] : [])];
  const { status, error } = runProgram(argv, Object.fromEntries(env), { stderr: 'inherit' });
  if (error) throw new Failure(`${file}: ${error.message}`);
  if (status !== 0) throw new Failure(`the image ${reference} could not be pulled`);
}
