/** What a person can name as a source, and what layers it comes to. */

import { Failure } from '@ctr-tools/cli';
import { readLink, resolve, sha256OfFile } from '@ctr-tools/host';
import type { Platform } from '@ctr-tools/oci/image';
import { archiveBlobs, savedImage, tarFiles } from './archive.ts';
import { directoryBlobs, lookAt, readPlace } from './blobs.ts';
import { compressionByMagic } from './compression.ts';
import { type Image, type LayerArchive, layoutImage } from './image.ts';
import { type Images, registryImage, registryReference } from './registry.ts';

export type { Image, LayerArchive } from './image.ts';

/** A part of a root: directories as they are, layers' archives, or the machine's own root. */
export type Source =
  | { kind: 'host' }
  | { kind: 'directory'; path: string }
  /** Contents of files that a layer above only describes (overlayfs.rst, "Data-only lower layers"). */
  | { kind: 'data'; path: string }
  /** `pinned` names the same content for good, where the name that was given may come to mean another. */
  | { kind: 'image'; image: Image; pinned?: string }
  | { kind: 'layer'; layer: LayerArchive };

const schemes = ['oci', 'oci-archive', 'docker-archive'] as const;

/**
 * `SCHEME:PATH[:TAG]`. Names of `docker save` have slashes and colons of their own, and so may a
 * path: the path is what is there up to a colon; else the tag begins at the last one behind the last slash.
 */
export function splitReference(
  text: string,
  isThere: (path: string) => boolean = () => false,
): { scheme: string; path: string; tag?: string } | undefined {
  const [, scheme, rest] = /^([a-z-]+):(.+)$/s.exec(text) ?? [];
  if (!scheme || !rest || !(schemes as readonly string[]).includes(scheme)) return undefined;
  const colons = [...rest.matchAll(/:/g)].map(({ index }) => index);
  const last = colons.find((index) => index > rest.lastIndexOf('/'));
  const colon = isThere(rest) ? undefined : (colons.find((index) => isThere(rest.slice(0, index))) ?? last);
  return colon === undefined
    ? { scheme, path: rest }
    : { scheme, path: rest.slice(0, colon), tag: rest.slice(colon + 1) };
}

/**
 * Who reads layers has none of the caller's descriptors, so what is named by one (`/dev/fd/3`) is read by the name of
 * its file. A pipe has none.
 */
function withName(text: string, path: string): string {
  if (!/^\/dev\/(?:fd\/\d+|stdin)$|^\/proc\/(?:thread-)?self\/fd\/\d+$/.test(path)) return path;
  const found = lookAt(path);
  if (!found) return path;
  if (found.isFifo())
    throw new Failure(`${text} is a pipe, and an archive is read more than once: write it to a file first`);
  const name = readLink(path.replace('/dev/stdin', '/proc/self/fd/0'));
  const named = lookAt(name);
  if (named?.dev !== found.dev || named.ino !== found.ino)
    throw new Failure(
      `${text} is a file that was removed: there is no name by which its layers could be read`,
    );
  return name;
}

/** Find out what a source is; of an image the one for `platform`, this machine's if absent. Throws a `Failure` for what is not there or none. */
export function readSource(
  text: string,
  cwd: string,
  { platform, images }: { platform?: Platform | undefined; images: Images },
): Source {
  if (text === 'host') return { kind: 'host' };
  if (text.startsWith('data:')) return dataOnly(text, cwd);
  const reference = splitReference(text, (path) => lookAt(resolve(cwd, path)) !== undefined);
  if (reference) return { kind: 'image', image: image(text, reference, cwd, platform) };
  const named = registryReference(text, cwd);
  if (named) return { kind: 'image', ...registryImage(named, images, platform) };
  const path = withName(text, resolve(cwd, text));
  const found = lookAt(path);
  if (!found) {
    const hint = /^[a-z-]+:/.test(text)
      ? `; of images there are ${schemes.map((s) => `${s}:PATH[:TAG]`).join(', ')}, docker://NAME[:TAG]`
      : '';
    throw new Failure(`no source ${text}: there is no ${path}${hint}`);
  }
  if (found.isDirectory()) return { kind: 'directory', path };
  if (!found.isFile()) throw new Failure(`${text} is neither a directory nor an archive`);
  const files = tarFiles(path);
  if (files?.has('manifest.json') || files?.has('oci-layout'))
    return { kind: 'image', image: image(text, { scheme: 'oci-archive', path }, cwd, platform) };
  return { kind: 'layer', layer: layerFile(path, found.size) };
}

function dataOnly(text: string, cwd: string): Source {
  const path = resolve(cwd, text.slice('data:'.length));
  if (!lookAt(path)?.isDirectory()) throw new Failure(`${text}: there is no directory ${path}`);
  return { kind: 'data', path };
}

function image(
  name: string,
  { scheme, path, tag }: { scheme: string; path: string; tag?: string },
  cwd: string,
  platform: Platform | undefined,
): Image {
  const at = resolve(cwd, path);
  const found = lookAt(at);
  if (!found) throw new Failure(`no image ${name}: there is no ${at}`);
  if (scheme === 'oci') {
    if (!found.isDirectory())
      throw new Failure(`${name}: ${at} is not a directory; for an archive write oci-archive:${path}`);
    return layoutImage(directoryBlobs(at, name), tag, platform);
  }
  const files = tarFiles(at);
  if (!files) throw new Failure(`${name}: ${at} is not a uncompressed tar archive`);
  const blobs = archiveBlobs(files, name);
  return files.has('oci-layout') ? layoutImage(blobs, tag, platform) : savedImage(blobs, tag, platform);
}

/** A layer's archive by itself: nobody says its digest, so it is named by what it is found to be. */
function layerFile(path: string, size: number): LayerArchive {
  const compression = compressionByMagic(readPlace({ path, offset: 0, size: Math.min(size, 4) }));
  const digest = `sha256:${sha256OfFile(path)}`;
  return { path, offset: 0, size, compression, digest, diffId: '' };
}
