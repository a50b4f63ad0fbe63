/** An image to a registry (distribution-spec, "Push"): what it lacks, and the manifest at the end. */
import { createReadStream } from 'node:fs';
import { Failure, type Host, out } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import {
  type Descriptor,
  isIndex,
  isManifest,
  parseReference,
  type Reference,
  readIndex,
  readManifest,
  referenceName,
  referenceText,
} from '@ctr-tools/oci/image';
import {
  archiveBlobs,
  type Blobs,
  blob,
  directoryBlobs,
  documentBlob,
  findStored,
  imagesOf,
  readPlace,
  refName,
  splitReference,
  storeOf,
  tarFiles,
} from '@ctr-tools/ufs-mount/store';
import { bars } from './bars.ts';
import { type PullOptions, referenceOf } from './options.ts';
import { together } from './pull.ts';
import type { Registry } from './registry/client.ts';
import { ignoreBody } from './registry/http.ts';
import { registriesOf } from './registry/index.ts';

/** How many blobs go at once. */
const TOGETHER = 3;

/** The exit code. Prints the pinned reference. */
export async function push(from: string, to: string, options: PullOptions, host: Host): Promise<number> {
  const target = referenceOf(to);
  if (target.digest !== undefined)
    throw new Failure(`${to}: an image is pushed to a tag; what its digest is its content says`);
  const { blobs, descriptor } = sourceOf(from, host);
  const registries = registriesOf(options, host);
  try {
    const registry = registries.writable(target);
    await pushTree(
      blobs,
      descriptor,
      target.tag!,
      registry,
      bars(referenceText(target), countOf(blobs, descriptor), host),
    );
    out(`${referenceName(target)}@${descriptor.digest}\n`);
    return 0;
  } finally {
    registries.close();
  }
}

/** What is to be pushed: a layout, an archive of one, or what the store has under a name. */
function sourceOf(text: string, host: Host): { blobs: Blobs; descriptor: Descriptor } {
  const named = splitReference(text);
  if (!named) return storedSource(text, host);
  const path = resolve(host.cwd, named.path);
  if (named.scheme === 'docker-archive')
    throw new Failure(
      `${text}: what docker save writes has no manifest to be pushed; skopeo copy ${text} oci:DIR makes one`,
    );
  const files = named.scheme === 'oci-archive' ? tarFiles(path) : undefined;
  if (named.scheme === 'oci-archive' && !files) throw new Failure(`${text}: ${path} is not a tar archive`);
  const blobs = files ? archiveBlobs(files, text) : directoryBlobs(path, text);
  const place = blobs.file('index.json');
  if (!place) throw new Failure(`${text}: there is no image layout in ${path}`);
  const { manifests } = readIndex(readPlace(place), `${text}: index.json`);
  const fit = manifests.filter(
    (one) => named.tag === undefined || one.annotations?.[refName] === named.tag || one.digest === named.tag,
  );
  if (fit.length === 0) throw new Failure(`${text} has no such image`);
  if (fit.length > 1 && new Set(fit.map(({ digest }) => digest)).size > 1)
    throw new Failure(
      `${text} holds ${fit.length} images; name one by its tag: ${fit.map((one) => one.annotations?.[refName] ?? one.digest).join(', ')}`,
    );
  return { blobs, descriptor: fit[0]! };
}

function storedSource(text: string, host: Host): { blobs: Blobs; descriptor: Descriptor } {
  const reference: Reference | undefined = parseReference(text.replace(/^docker:\/\//, ''));
  const store = storeOf(host);
  const found = reference && findStored(store, reference);
  if (!found)
    throw new Failure(
      `${text} is neither oci:DIR[:TAG], oci-archive:FILE[:TAG] nor an image of the store; img-pull --list shows those`,
    );
  return { blobs: directoryBlobs(imagesOf(store), text), descriptor: found.descriptor };
}

/** Manifests of an index that are there; of a pulled one that is mostly one, and then the index cannot be pushed. */
function childrenOf(blobs: Blobs, descriptor: Descriptor): Descriptor[] {
  const { manifests } = readIndex(documentBlob(blobs, descriptor), descriptor.digest);
  return manifests;
}

function countOf(blobs: Blobs, descriptor: Descriptor): number {
  if (isIndex(descriptor.mediaType))
    return childrenOf(blobs, descriptor).reduce((sum, one) => sum + countOf(blobs, one), 0);
  return readManifest(documentBlob(blobs, descriptor), descriptor.digest).layers.length + 1;
}

async function pushTree(
  blobs: Blobs,
  descriptor: Descriptor,
  name: string,
  registry: Registry,
  progress: ReturnType<typeof bars>,
): Promise<void> {
  const { mediaType, digest } = descriptor;
  const content = documentBlob(blobs, descriptor);
  if (isIndex(mediaType)) {
    for (const child of childrenOf(blobs, descriptor))
      await pushTree(blobs, child, child.digest, registry, progress);
  } else if (isManifest(mediaType)) {
    const { config, layers } = readManifest(content, digest);
    const wanted = new Map([config, ...layers].map((one) => [one.digest, one]));
    try {
      await together([...wanted.values()], TOGETHER, async (one) => {
        progress.at(one.digest, 0, one.size);
        await pushBlob(blobs, one, registry);
        progress.at(one.digest, undefined, one.size);
      });
    } finally {
      progress.end();
    }
  } else throw new Failure(`${blobs.name}: ${digest} is not an image but ${mediaType}`);
  const answer = await registry.send(`manifests/${name}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType, 'content-length': String(content.length) },
    body: () => Buffer.from(content),
  });
  if (answer.status !== 201) throw await registry.refusal(answer, `push ${registry.name} ${name}`);
  ignoreBody(answer);
}

/** distribution-spec, "POST then PUT": in one piece, where it is not there already. */
async function pushBlob(blobs: Blobs, descriptor: Descriptor, registry: Registry): Promise<void> {
  const { digest, size } = descriptor;
  const known = await registry.send(`blobs/${digest}`, { method: 'HEAD' });
  ignoreBody(known);
  if (known.status === 200) return;
  const place = blob(blobs, descriptor);
  const begun = await registry.send('blobs/uploads/', { method: 'POST', headers: { 'content-length': '0' } });
  const { location } = begun.headers;
  if (begun.status !== 202 || !location)
    throw await registry.refusal(begun, `begin to push ${registry.name}`);
  ignoreBody(begun);
  const url = new URL(location, begun.url);
  url.searchParams.append('digest', digest);
  const answer = await registry.send(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
    body: () =>
      size === 0
        ? Buffer.alloc(0)
        : createReadStream(place.path, {
            start: place.offset,
            end: place.offset + size - 1,
            highWaterMark: 1 << 18,
          }),
  });
  if (answer.status !== 201) throw await registry.refusal(answer, `push the blob ${digest}`);
  ignoreBody(answer);
}
