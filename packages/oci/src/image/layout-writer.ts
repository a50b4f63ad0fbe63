/**
 * Adding images to a layout (image-spec image-layout.md) beside others who do the same, and collecting blobs that no
 * image leads to; on Node.
 *
 * What an image needs is made in a directory of its own, which its maker holds by flock(2). umoci names its own ones
 * `.umoci-*` and holds them so, and what it finds held it leaves (`Clean` in its oci/cas/dir/dir.go): ours have such
 * names too. Only then, with the layout itself locked, blobs go to their places and index.json is replaced. umoci takes
 * no such lock: it can still replace an index.json that somebody else changed in the same moment.
 */
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { flock, tryFlock } from '@ctr-tools/sys';
import { blobPath, digestOf, parseDigest } from './digest.ts';
import { reachedFrom } from './reached.ts';
import type { Descriptor } from './types.ts';
import { readIndex } from './validate.ts';

export const refName = 'org.opencontainers.image.ref.name';

const umocis = '.umoci-';
const ours = `${umocis}ctr-`;

/** Do this while nobody else changes the layout. It takes no longer than a few renames. */
function locked<T>(directory: string, work: () => T): T {
  const fd = openSync(directory, 'r');
  try {
    flock(fd, 'exclusive');
    return work();
  } finally {
    closeSync(fd);
  }
}

/** A new directory in the layout, held by its descriptor: who cleans up leaves it. */
function holdNew(directory: string): { at: string; fd: number } {
  for (;;) {
    const at = mkdtempSync(`${directory}/${ours}`);
    let fd: number | undefined;
    try {
      fd = openSync(at, 'r');
      // Before it was held somebody may have found it abandoned.
      if (tryFlock(fd, 'exclusive') && existsSync(at)) return { at, fd };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (fd !== undefined) closeSync(fd);
  }
}

/** The blobs of an image that is being made. */
export class NewBlobs {
  private readonly directory: string;
  private readonly at: string;
  private readonly made = new Map<string, string>();
  private count = 0;

  constructor(directory: string, at: string) {
    this.directory = directory;
    this.at = at;
  }

  /** `make` writes it to a path and says its digest. */
  async add(make: (path: string) => Promise<string> | string): Promise<Pick<Descriptor, 'digest' | 'size'>> {
    const path = this.next();
    const digest = await make(path);
    this.made.set(digest, path);
    return { digest, size: statSync(path).size };
  }

  async json(mediaType: string, value: unknown): Promise<Descriptor> {
    const data = Buffer.from(JSON.stringify(value));
    const blob = await this.add((path) => {
      writeFileSync(path, data, { flag: 'wx' });
      return digestOf(data);
    });
    return { mediaType, ...blob };
  }

  /** Use a blob of the layout. It is kept whatever is collected meanwhile. False: there is none, or none that can be kept. */
  keep(digest: string): boolean {
    const path = this.next();
    try {
      linkSync(placeOf(this.directory, digest), path);
    } catch {
      return false;
    }
    this.made.set(digest, path);
    return true;
  }

  /** To their places, with the layout locked. */
  settle(): void {
    for (const [digest, path] of this.made) {
      const place = placeOf(this.directory, digest);
      if (!existsSync(dirname(place))) mkdirSync(dirname(place));
      renameSync(path, place);
    }
  }

  private next(): string {
    return `${this.at}/${this.count++}`;
  }
}

const placeOf = (directory: string, digest: string): string =>
  `${directory}/${blobPath(parseDigest(digest))}`;

/**
 * Add the image that `make` makes under this tag, in place of one that has it. The directory is there, with `blobs` in
 * it; the rest of a layout is made.
 */
export async function addImage(
  directory: string,
  tag: string,
  make: (blobs: NewBlobs) => Promise<Descriptor>,
): Promise<Descriptor> {
  const { at, fd } = holdNew(directory);
  try {
    const blobs = new NewBlobs(directory, at);
    const made = await make(blobs);
    const descriptor = { ...made, annotations: { ...made.annotations, [refName]: tag } };
    locked(directory, () => {
      blobs.settle();
      addToIndex(directory, at, descriptor, tag);
    });
    return descriptor;
  } finally {
    rmSync(at, { recursive: true, force: true });
    closeSync(fd);
  }
}

function addToIndex(directory: string, at: string, descriptor: Descriptor, tag: string): void {
  const path = `${directory}/index.json`;
  if (!existsSync(`${directory}/oci-layout`))
    writeFileSync(`${directory}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  const index = existsSync(path)
    ? readIndex(readFileSync(path), path)
    : { schemaVersion: 2 as const, manifests: [] };
  const others = index.manifests.filter((one) => one.annotations?.[refName] !== tag);
  writeFileSync(`${at}/index`, JSON.stringify({ ...index, manifests: [...others, descriptor] }), {
    flag: 'wx',
  });
  renameSync(`${at}/index`, path);
}

/** Who is writing into a layout without its lock. */
export class LayoutInUse extends Error {
  override name = 'LayoutInUse';
}

/** Blobs that no image of the layout leads to go, and what was abandoned half made. How many blobs went. */
export const collectBlobs = (directory: string): number =>
  locked(directory, () => {
    // First what there is, then who writes, then what is used: a blob that comes later is not in the list, and one of
    // umoci's that came before belongs to somebody who still holds a directory, or to an image of index.json.
    const there = blobsOf(directory);
    for (const name of readdirSync(directory).filter((one) => one.startsWith(umocis)))
      if (!isAbandoned(`${directory}/${name}`) && !name.startsWith(ours))
        throw new LayoutInUse(
          `umoci is writing into ${directory}: it holds ${name}; try again when it has ended`,
        );
    const used = reachedFrom(directory);
    const unused = there.filter((path) => !used.has(path));
    for (const path of unused) rmSync(path);
    return unused.length;
  });

function blobsOf(directory: string): string[] {
  const blobs = `${directory}/blobs`;
  if (!existsSync(blobs)) return [];
  return readdirSync(blobs)
    .filter((name) => lstatSync(`${blobs}/${name}`).isDirectory())
    .flatMap((algorithm) =>
      readdirSync(`${blobs}/${algorithm}`)
        .filter((name) => /^[0-9a-f]+$/.test(name))
        .map((name) => `${blobs}/${algorithm}/${name}`),
    );
}

/** Whether nobody holds it; then it is removed, as umoci does. */
function isAbandoned(at: string): boolean {
  let fd: number;
  try {
    fd = openSync(at, 'r');
  } catch {
    return true;
  }
  try {
    if (!tryFlock(fd, 'exclusive')) return false;
    rmSync(at, { recursive: true, force: true });
    return true;
  } finally {
    closeSync(fd);
  }
}
