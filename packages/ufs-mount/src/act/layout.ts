/** `--tags`, `--untag` and `--gc` of an image layout (image-spec image-layout.md). */
import { Failure, type Host, out } from '@ctr-tools/cli';
import { exists, readFile, resolve } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { type ImageIndex, platformText, readIndex, readLayout } from '@ctr-tools/oci/image';
import { type AnyStep, compile, type Plan, slot, step } from '@ctr-tools/plan';
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
function layoutOf(flag: string, text: string, cwd: string): Layout {
  const reference = splitReference(text, (path) => exists(resolve(cwd, path)));
  if (reference?.scheme !== 'oci')
    throw new Failure(`--${flag} is "${text}"; an image layout is named oci:DIR`);
  const directory = resolve(cwd, reference.path);
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
  const { manifests } = layoutOf('tags', text, host.cwd).index;
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

/** An index without the images of a tag, or the one of a digest. */
function without({ document }: Layout, tag: string, text: string): ImageIndex {
  const kept = document.manifests.filter((one) => one.annotations?.[refName] !== tag && one.digest !== tag);
  if (kept.length === document.manifests.length) throw new Failure(`${text}: there is no image ${tag}`);
  return { ...document, manifests: kept };
}

/** They are taken out of index.json, which is read once the layout is locked (layout-writer.ts of packages/oci). */
export function untag(text: string, host: Host): Plan {
  const found = layoutOf('untag', text, host.cwd);
  const { directory, tag } = found;
  if (tag === undefined) throw new Failure(`--untag is "${text}"; which image? oci:DIR:TAG`);
  without(found, tag, text);
  const path = `${directory}/index.json`;
  const fd = slot('layout.lock');
  const reply = slot('untag.index');
  const payload = JSON.stringify([text, host.cwd]);
  return compile(
    [
      [
        step('state', 'open', { path: directory, flags: 0o2000000, fd }, `open ${directory}`, { side }),
        step('state', 'lock', { fd }, `lock ${directory}`, { side }),
        step('state', 'ask', { topic: 'ufs-mount/untag', payload, reply, socket: '' }, `read ${path}`, {
          side,
        }),
        step('state', 'write_file', { path, data: reply, mode: 0o644 }, `write ${path}`, { side }),
        end,
      ],
    ],
    manner,
  );
}

/** What index.json is to be. */
export function answerUntag(payload: string): string {
  const [text, cwd] = JSON.parse(payload) as [string, string];
  const found = layoutOf('untag', text, cwd);
  return JSON.stringify(without(found, found.tag!, text));
}

/** Blobs that no image of the layout leads to go. */
export function collectLayout(text: string, host: Host): Plan {
  const { directory } = layoutOf('gc', text, host.cwd);
  const reply = slot('gc.reply');
  return compile(
    [
      [
        step(
          'state',
          'ask',
          { topic: 'ufs-mount/gc-layout', payload: directory, reply, socket: '' },
          `remove what no image of ${directory} leads to`,
          { side },
        ),
        step('state', 'print', { fd: 1, text: reply }, 'say what was removed', { side }),
        end,
      ],
    ],
    manner,
  );
}
