import { Failure } from '@ctr-tools/cli';
import { close, errorCode, fstat, open, read, type Stat, type SystemError, statIfAny } from '@ctr-tools/host';
import { blobPath, type Descriptor, parseDigest, verifyContent } from '@ctr-tools/oci/image';

/** Where bytes lie: a whole file, or a part of an archive. */
export interface Place {
  path: string;
  offset: number;
  size: number;
  /** All of the file, however long it is when it is opened: another may take its name by then. */
  whole?: boolean;
}

/** Where an image's blobs and documents come from: a directory, or an archive. */
export interface Blobs {
  /** What a person called it. */
  name: string;
  /** A file by its path in there, or undefined. */
  file(path: string): Place | undefined;
}

/** Documents are small; more than this is refused (bytes). */
const LARGEST_DOCUMENT = 4 << 20;

/** What a path is, or undefined. Throws a `Failure` where we may not look. */
export function lookAt(path: string): Stat | undefined {
  try {
    return statIfAny(path);
  } catch (error) {
    throw new Failure(`${path} cannot be looked at: ${errorCode(error)}`);
  }
}

/** open(2) for reading. Throws a `Failure` in words. */
export function openFile(path: string): number {
  try {
    return open(path);
  } catch (error) {
    const { code } = error as SystemError;
    throw new Failure(
      `${path} cannot be read: ${code === 'EACCES' ? 'it belongs to somebody else (EACCES)' : code}`,
    );
  }
}

export function readPlace({ path, offset, size, whole }: Place): Uint8Array {
  const fd = openFile(path);
  try {
    // Another file may have taken the name since it was looked at.
    const now = whole ? fstat(fd).size : size;
    if (now > Math.max(size, LARGEST_DOCUMENT)) throw new Failure(`${path} has ${now} bytes, too many`);
    return readFrom(fd, { path, offset, size: now });
  } finally {
    close(fd);
  }
}

function readFrom(fd: number, { path, offset, size }: Place): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const n = read(fd, bytes, at, size - at, offset + at);
    if (n === 0) throw new Failure(`${path} ends too early`);
    at += n;
  }
  return bytes;
}

/** A document by its path. Throws a `Failure` where it is not there or too large to be one. */
export function document(blobs: Blobs, path: string): Uint8Array {
  const place = blobs.file(path);
  if (!place) throw new Failure(`${blobs.name} has no ${path}`);
  if (place.size > LARGEST_DOCUMENT)
    throw new Failure(`${blobs.name}: ${path} has ${place.size} bytes, too many`);
  return readPlace(place);
}

/** Where a blob lies, with the size that its descriptor says. */
export function blob(blobs: Blobs, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): Place {
  const place = blobs.file(blobPath(parseDigest(digest)));
  if (!place) throw new Failure(`${blobs.name} lacks the blob ${digest}; the image was not copied whole`);
  if (place.size !== size)
    throw new Failure(
      `${blobs.name}: the blob ${digest} has ${place.size} bytes, but its descriptor says ${size}`,
    );
  return place;
}

/** A document by its descriptor, verified. */
export function documentBlob(blobs: Blobs, descriptor: Descriptor): Uint8Array {
  const place = blob(blobs, descriptor);
  if (place.size > LARGEST_DOCUMENT)
    throw new Failure(`${blobs.name}: ${descriptor.digest} has ${place.size} bytes, too many for a document`);
  const content = readPlace(place);
  try {
    verifyContent(descriptor, content);
  } catch (error) {
    throw new Failure(`${blobs.name}: ${(error as Error).message}`);
  }
  return content;
}

/** The files of a directory. */
export const directoryBlobs = (path: string, name: string): Blobs => ({
  name,
  file(at) {
    const found = lookAt(`${path}/${at}`);
    return found?.isFile() ? { path: `${path}/${at}`, offset: 0, size: found.size, whole: true } : undefined;
  },
});
