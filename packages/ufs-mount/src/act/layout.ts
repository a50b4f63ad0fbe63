/** `--tags`, `--untag` and `--gc` of an image layout (image-spec image-layout.md). */
import { Failure, type Host, out } from '@ctr-tools/cli';
import { exists, lstat, namesIn, readFile, resolve } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import {
  blobPath,
  type ImageIndex,
  parseDigest,
  platformText,
  readIndex,
  readLayout,
} from '@ctr-tools/oci/image';
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { splitReference } from '../source/index.ts';

const side = 'host';
const manner = { tool: 'ufs-mount', exit: 125 };
const end: AnyStep = step('supervise', 'exit', { code: 0 }, 'end', { side });
const refName = 'org.opencontainers.image.ref.name';

interface Layout {
  directory: string;
  tag?: string;
  index: ImageIndex;
  /** index.json as it is, with what this program does not know. */
  document: ImageIndex;
}

/** The layout that `oci:DIR[:TAG]` names. Throws a `Failure`. */
function layoutOf(flag: string, text: string, host: Host): Layout {
  const reference = splitReference(text, (path) => exists(resolve(host.cwd, path)));
  if (reference?.scheme !== 'oci')
    throw new Failure(`--${flag} is "${text}"; an image layout is named oci:DIR`);
  const directory = resolve(host.cwd, reference.path);
  if (!exists(`${directory}/oci-layout`)) throw new Failure(`${text}: ${directory} is not an image layout`);
  readLayout(readFile(`${directory}/oci-layout`), `${directory}/oci-layout`);
  const path = `${directory}/index.json`;
  const content = readFile(path);
  return {
    directory,
    ...(reference.tag !== undefined && { tag: reference.tag }),
    index: readIndex(content, path),
    document: parseJson(content, path) as ImageIndex,
  };
}

/** A line for each image: its tag, or the digest of one that has none. */
export function tags(text: string, json: boolean, host: Host): number {
  const { manifests } = layoutOf('tags', text, host).index;
  if (json) {
    const rows = manifests.map(({ digest, size, mediaType, platform, annotations }) => ({
      ...(annotations?.[refName] !== undefined && { tag: annotations[refName] }),
      digest,
      size,
      mediaType,
      ...(platform && { platform: platformText(platform) }),
    }));
    out(`${JSON.stringify(rows)}\n`);
  } else for (const { digest, annotations } of manifests) out(`${annotations?.[refName] ?? digest}\n`);
  return 0;
}

/** The images of a tag, or the one of a digest, are taken out of the index. */
export function untag(text: string, host: Host): Plan {
  const { directory, tag, document } = layoutOf('untag', text, host);
  if (tag === undefined) throw new Failure(`--untag is "${text}"; which image? oci:DIR:TAG`);
  const kept = document.manifests.filter((one) => one.annotations?.[refName] !== tag && one.digest !== tag);
  if (kept.length === document.manifests.length) throw new Failure(`${text}: there is no image ${tag}`);
  const data = JSON.stringify({ ...document, manifests: kept });
  const path = `${directory}/index.json`;
  return compile(
    [[step('state', 'write_file', { path, data, mode: 0o644 }, `write ${path}`, { side }), end]],
    manner,
  );
}

/** The largest document that is looked into; what is larger is a layer. */
const LARGEST = 4 << 20;

/** Every `digest` in a document, however deep: also in kinds of manifests that are not known here. */
function digestsIn(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'digest' && typeof inner === 'string') found.add(inner);
    else digestsIn(inner, found);
  }
}

/** The files of all blobs that an index leads to. */
function reached(directory: string, document: unknown): Set<string> {
  const pending = new Set<string>();
  digestsIn(document, pending);
  const files = new Set<string>();
  // A set that grows while it is gone through.
  for (const digest of pending) {
    let path: string;
    try {
      path = `${directory}/${blobPath(parseDigest(digest))}`;
    } catch {
      continue;
    }
    files.add(path);
    if (!exists(path) || lstat(path).size > LARGEST) continue;
    try {
      digestsIn(parseJson(readFile(path), path), pending);
    } catch {
      // It is not a document.
    }
  }
  return files;
}

/** Blobs that no image of the layout leads to go. */
export function collectLayout(text: string, host: Host): Plan {
  const { directory, document } = layoutOf('gc', text, host);
  const used = reached(directory, document);
  const blobs = exists(`${directory}/blobs`) ? namesIn(`${directory}/blobs`) : [];
  const unused = blobs
    // What somebody is writing has a name with a dot in front.
    .filter((name) => !name.startsWith('.') && lstat(`${directory}/blobs/${name}`).isDirectory())
    .flatMap((algorithm) =>
      namesIn(`${directory}/blobs/${algorithm}`)
        .filter((name) => /^[0-9a-f]+$/.test(name))
        .map((name) => `${directory}/blobs/${algorithm}/${name}`),
    )
    .filter((path) => !used.has(path))
    .toSorted();
  const told = `${unused.length} ${unused.length === 1 ? 'blob' : 'blobs'} removed`;
  return compile(
    [
      [
        ...unused.map((path) => step('state', 'remove', { path }, `remove ${path}`, { side })),
        step('state', 'print', { fd: 1, text: told }, 'say what was removed', { side }),
        end,
      ],
    ],
    manner,
  );
}
