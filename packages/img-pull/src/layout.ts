/** Writing an OCI image layout (image-spec image-layout.md): everything by rename, the index under a lock. */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import { parseJson } from '@ctr-tools/oci';
import { blobPath, type Descriptor, type ImageIndex, parseDigest, readIndex } from '@ctr-tools/oci/image';
import { refName } from '@ctr-tools/ufs-mount/store';
import { hold } from './lock.ts';

/** Who may look into the store's images: as with its layers, its owner (and everybody may pass). */
const DIRECTORY = 0o755;

export class Layout {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    makeDirectories(`${path}/blobs/sha256`, DIRECTORY);
    if (!existsSync(`${path}/oci-layout`)) this.place('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  }

  private place(name: string, data: string | Uint8Array): void {
    const made = `${this.path}/.${name.replaceAll('/', '-')}.${process.pid}`;
    try {
      writeFileSync(made, data);
      renameSync(made, `${this.path}/${name}`);
    } finally {
      rmSync(made, { force: true });
    }
  }

  blob(digest: string): string {
    return `${this.path}/${blobPath(parseDigest(digest))}`;
  }

  /** What is at a blob's place is whole: it was renamed there. */
  has({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): boolean {
    try {
      return statSync(this.blob(digest)).size === size;
    } catch {
      return false;
    }
  }

  /** A file beside the blobs that belongs to a digest and is no blob. */
  beside(digest: string, ending: 'partial' | 'lock'): string {
    return `${this.path}/blobs/.${parseDigest(digest).hex}.${ending}`;
  }

  /** Put content, which the caller has verified, to its digest. */
  write(digest: string, content: Uint8Array): void {
    const path = this.blob(digest);
    makeDirectories(dirname(path), DIRECTORY);
    if (!existsSync(path)) this.place(blobPath(parseDigest(digest)), content);
  }

  read(digest: string): Buffer {
    return readFileSync(this.blob(digest));
  }

  /**
   * Have an image under a name, in the place of one that had it. False, and nothing is done, where one of its `blobs` is
   * gone: until an image has a name, who collects what none leads to (`ufs-mount --gc=oci:`) may take them.
   */
  async name(
    descriptor: Descriptor,
    name: string,
    blobs: readonly Pick<Descriptor, 'digest' | 'size'>[],
  ): Promise<boolean> {
    // As ufs-mount holds it (layout-writer.ts of packages/oci).
    const lock = await hold(this.path, 'exclusive', 'r');
    try {
      if (!blobs.every((blob) => this.has(blob))) return false;
      const path = `${this.path}/index.json`;
      let index: ImageIndex = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [],
      };
      if (existsSync(path)) {
        const bytes = readFileSync(path);
        readIndex(bytes, path);
        index = parseJson(bytes, path) as ImageIndex;
      }
      const { mediaType, digest, size, platform } = descriptor;
      const entry = {
        mediaType,
        digest,
        size,
        ...(platform && { platform }),
        annotations: { [refName]: name },
      };
      const others = index.manifests.filter((one) => one.annotations?.[refName] !== name);
      this.place('index.json', JSON.stringify({ ...index, manifests: [...others, entry] }));
      return true;
    } finally {
      lock.release();
    }
  }
}

/** `DIR[:TAG]` behind `oci:`; the tag begins at the last colon behind the last slash. */
export function placeAndTag(text: string): { path: string; tag?: string } {
  const colon = text.lastIndexOf(':');
  if (colon <= text.lastIndexOf('/')) return { path: text };
  const path = text.slice(0, colon);
  const tag = text.slice(colon + 1);
  if (path === '' || tag === '') throw new Failure(`"${text}": a path, and a tag behind a colon`);
  return { path, tag };
}
