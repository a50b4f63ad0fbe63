/** An image from a registry, into the store or elsewhere. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Failure, type Host, kernelWords, out } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import {
  choosePlatform,
  type Descriptor,
  hostPlatform,
  type ImageManifest,
  isIndex,
  layerCompression,
  type Platform,
  platformFit,
  platformText,
  type Reference,
  readImageConfig,
  readIndex,
  readManifest,
  referenceName,
  referenceText,
  verifyContent,
} from '@ctr-tools/oci/image';
import { findStored, imagesOf, storeOf } from '@ctr-tools/ufs-mount/store';
import { writeArchive } from './archive.ts';
import { bars } from './bars.ts';
import { download } from './download.ts';
import { Layout, placeAndTag } from './layout.ts';
import { hold } from './lock.ts';
import type { PullOptions } from './options.ts';
import { type Registries, registriesOf } from './registry/index.ts';
import { type Applying, applying } from './store-layers.ts';

/** How many layers arrive at once: as many as ctr-layers applies at once (native/layers/jobs.c, WORKERS). */
const TOGETHER = 4;
/** A configuration is a document; more than this is none (bytes). */
const LARGEST_CONFIG = 4 << 20;

/** Pull all that was asked for; the exit code. */
export async function pull(options: PullOptions, host: Host): Promise<number> {
  const registries = registriesOf(options, host);
  try {
    for (const reference of options.references) {
      const digest = await pullOne(reference, options, registries, host);
      out(`${referenceName(reference)}@${digest}\n`);
    }
    return 0;
  } catch (error) {
    throw inWords(error, host);
  } finally {
    registries.close();
  }
}

/** What the file system answered, as a `Failure`; anything else as it is. */
function inWords(error: unknown, host: Host): unknown {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (error instanceof Failure || code === undefined || syscall === undefined) return error;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? '; the store belongs to somebody else, and CTR_STORE names another'
      : full
        ? `; the file system is full, and CTR_STORE says where the store is`
        : '';
  return new Failure(`${syscall} ${path ?? storeOf(host).path}: ${kernelWords(error)}${hint}`);
}

async function pullOne(
  reference: Reference,
  options: PullOptions,
  registries: Registries,
  host: Host,
): Promise<string> {
  const { to } = options;
  if (to === undefined) return intoStore(reference, options, registries, host);
  const [, kind, rest] = /^(oci|oci-archive|docker-archive):(.+)$/s.exec(to) ?? [];
  if (kind === undefined || rest === undefined)
    throw new Failure(
      `--to is "${to}"; it is oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME]`,
    );
  if (options.references.length > 1 && kind !== 'oci')
    throw new Failure(`--to ${kind}: takes one image; pull each for itself`);
  if (kind === 'oci') {
    const { path, tag } = placeAndTag(rest);
    const layout = new Layout(resolve(host.cwd, path));
    return intoLayout(reference, tag ?? reference.tag ?? 'latest', layout, options, registries, host);
  }
  const { path, tag } = kind === 'oci-archive' ? placeAndTag(rest) : nameOfArchive(rest);
  const file = resolve(host.cwd, path);
  makeDirectories(dirname(file));
  const work = mkdtempSync(join(realpathSync(dirname(file)), `.${basename(file)}.`));
  try {
    const name = tag ?? (kind === 'oci-archive' ? (reference.tag ?? 'latest') : familiarName(reference));
    const layout = new Layout(work);
    const digest = await intoLayout(reference, name, layout, options, registries, host);
    await writeArchive(kind === 'oci-archive' ? 'oci' : 'docker', layout, name, file, options.platform);
    return digest;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** `FILE[:NAME[:TAG]]`: a name has colons and slashes of its own, so the file ends at the first colon. */
function nameOfArchive(rest: string): { path: string; tag?: string } {
  const colon = rest.indexOf(':');
  return colon < 0 ? { path: rest } : { path: rest.slice(0, colon), tag: rest.slice(colon + 1) };
}

/** As docker-images(1) shows it. */
const familiarName = (reference: Reference): string =>
  `${referenceName(reference).replace(/^docker\.io\/(?:library\/)?/, '')}:${reference.tag ?? 'latest'}`;

async function intoStore(
  reference: Reference,
  options: PullOptions,
  registries: Registries,
  host: Host,
): Promise<string> {
  const store = storeOf(host);
  for (const name of ['', '/layers', '/chains', '/roots', '/tmp', '/mnt', '/empty'])
    makeDirectories(`${store.path}${name}`, 0o711);
  // Blobs have names that anybody may know, and their contents are not for everybody.
  makeDirectories(imagesOf(store), 0o700);
  // Shared with whoever mounts and pulls; --gc waits.
  const lock = await hold(`${store.path}/lock`, 'shared');
  try {
    const layout = new Layout(imagesOf(store));
    const apply = applying(store, layout, host);
    const known = findStored(store, reference);
    if (known && (await isCurrent(known.descriptor, reference, registries))) {
      // It may have been pulled for another platform alone, or layers of it collected.
      if (await apply.isThere(known.descriptor, options.platform)) return known.descriptor.digest;
    }
    return await intoLayout(reference, referenceText(reference), layout, options, registries, host, apply);
  } finally {
    lock.release();
  }
}

/** Whether a name still means what the store has under it. What is named by a digest always does. */
async function isCurrent(
  { digest }: Descriptor,
  reference: Reference,
  registries: Registries,
): Promise<boolean> {
  if (reference.digest !== undefined) return true;
  const found = await registries.first(reference, (registry) => registry.digestOf(reference.tag!));
  return found === digest;
}

/** How often what others collected meanwhile is fetched once more. */
const ROUNDS = 5;

/** Everything of one image into a layout, and its name in the index at the end. The digest that the reference has. */
async function intoLayout(
  reference: Reference,
  name: string,
  layout: Layout,
  options: PullOptions,
  registries: Registries,
  host: Host,
  apply?: Applying,
): Promise<string> {
  for (let round = 0; round < ROUNDS; round++) {
    const { descriptor, blobs } = await fetched(reference, layout, options, registries, host, apply);
    if (await layout.name(descriptor, name, blobs)) return descriptor.digest;
  }
  throw new Failure(
    `${layout.path}: blobs of the image were removed before it had its name, ${ROUNDS} times; does somebody run ufs-mount --gc there?`,
  );
}

interface Fetched {
  descriptor: Descriptor;
  /** All that has to be there when it is named. */
  blobs: Pick<Descriptor, 'digest' | 'size'>[];
}

/** Bring everything of one image that is not there. */
async function fetched(
  reference: Reference,
  layout: Layout,
  { platform }: PullOptions,
  registries: Registries,
  host: Host,
  apply?: Applying,
): Promise<Fetched> {
  const shown = referenceText(reference);
  const top = await registries.first(reference, (registry) =>
    registry.manifest(reference.digest ?? reference.tag!),
  );
  layout.write(top.digest, top.bytes);
  const descriptor = { mediaType: top.mediaType, digest: top.digest, size: top.bytes.length };
  const manifest = await manifestFor(reference, top, layout, platform, registries);
  const { bytes: configBytes, parsed } = await contentsOf(reference, manifest, layout, registries);
  const config = readImageConfig(configBytes, `${shown}: ${parsed.config.digest}`);
  if (platform && platformFit(platform, config) === 0)
    throw new Failure(
      `${shown} has no image for ${platformText(platform)}; it is for ${platformText(config)}`,
    );
  const layers = layersOf(shown, parsed, config.rootfs.diff_ids);
  const progress = bars(shown, layers.length, host);
  const ordered = registries.of(reference);
  try {
    await together(layers, TOGETHER, async ({ descriptor: layer, diffIds }) => {
      await download({
        descriptor: layer,
        layout,
        registries: ordered,
        receive: () => apply?.receiver(layer, diffIds),
        progress: (done) => progress.at(layer.digest, done, layer.size),
      });
      progress.at(layer.digest, undefined, layer.size);
    });
  } finally {
    progress.end();
  }
  await apply?.rest(parsed, config.rootfs.diff_ids);
  const own = { digest: manifest.digest, size: manifest.bytes.length };
  return { descriptor, blobs: [descriptor, own, parsed.config, ...(apply ? [] : parsed.layers)] };
}

/** The manifest for a platform, by way of an index where there is one. */
async function manifestFor(
  reference: Reference,
  top: { mediaType: string; digest: string; bytes: Buffer },
  layout: Layout,
  asked: Platform | undefined,
  registries: Registries,
): Promise<{ digest: string; bytes: Buffer }> {
  let document = top;
  for (let depth = 0; isIndex(document.mediaType); depth++) {
    const shown = referenceText(reference);
    if (depth > 4) throw new Failure(`${shown}: indexes lie within one another too deep`);
    const { manifests } = readIndex(document.bytes, `${shown}: ${document.digest}`);
    const wanted = asked ?? hostPlatform();
    const fit = choosePlatform(manifests, wanted);
    if (!fit) {
      const offered = manifests.map((one) => (one.platform ? platformText(one.platform) : 'any'));
      throw new Failure(
        `${shown} has no image for ${platformText(wanted)}; it has ${[...new Set(offered)].filter((one) => one !== 'unknown/unknown').join(', ')}`,
      );
    }
    document = await registries.first(reference, (registry) => registry.manifest(fit.digest));
    layout.write(document.digest, document.bytes);
  }
  return document;
}

/** A manifest and the configuration that it names, verified. */
async function contentsOf(
  reference: Reference,
  { digest, bytes }: { digest: string; bytes: Buffer },
  layout: Layout,
  registries: Registries,
): Promise<{ parsed: ImageManifest; bytes: Buffer }> {
  const shown = `${referenceText(reference)}: ${digest}`;
  const parsed = readManifest(bytes, shown);
  const { config } = parsed;
  if (config.size > LARGEST_CONFIG)
    throw new Failure(`${shown}: its configuration has ${config.size} bytes, too many for a document`);
  if (!layout.has(config))
    await download({ descriptor: config, layout, registries: registries.of(reference), progress: () => {} });
  const content = layout.read(config.digest);
  verifyContent(config, content);
  return { parsed, bytes: content };
}

interface Layer {
  descriptor: Descriptor;
  /** Where it stands in the image, and its diff ID there; an empty layer may stand there more than once. */
  diffIds: { index: number; diffId: string }[];
}

function layersOf(shown: string, { layers }: ImageManifest, diffIds: readonly string[]): Layer[] {
  if (layers.length !== diffIds.length)
    throw new Failure(
      `${shown}: the manifest has ${layers.length} layers, but the configuration ${diffIds.length}`,
    );
  const byDigest = new Map<string, Layer>();
  for (const [index, descriptor] of layers.entries()) {
    if (layerCompression(descriptor.mediaType) === undefined)
      throw new Failure(
        `${shown}: the layer ${descriptor.digest} is of a type that is not a file system: ${descriptor.mediaType}`,
      );
    const layer = byDigest.get(descriptor.digest) ?? { descriptor, diffIds: [] };
    layer.diffIds.push({ index, diffId: diffIds[index]! });
    byDigest.set(descriptor.digest, layer);
  }
  return [...byDigest.values()];
}

/** Some at once, in order. The first failure ends it, once those that run have ended. */
export async function together<T>(
  items: readonly T[],
  most: number,
  each: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed: { error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      try {
        await each(items[next++]!);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (failed) throw failed.error;
}
