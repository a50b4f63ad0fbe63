/** `--tree`: images with their layers, and who shares them. */
import { err, formatSize, type Host, out } from '@ctr-tools/cli';
import { platformText } from '@ctr-tools/oci/image';
import { contentsOf, storedImages, storeOf } from '@ctr-tools/ufs-mount/store';

interface Row {
  name: string;
  platform: string;
  layers: { diffId: string; digest: string; size: number; images: number }[];
}

function rowsOf(host: Host): Row[] {
  const store = storeOf(host);
  const rows = storedImages(store)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((image) =>
      contentsOf(store, image).map(({ platform, layers, sizes }) => ({
        name: image.name,
        platform: platformText(platform),
        layers: layers.map(({ diffId, digest }, i) => ({ diffId, digest, size: sizes[i]!, images: 1 })),
      })),
    );
  const users = new Map<string, number>();
  for (const { layers } of rows)
    for (const diffId of new Set(layers.map((one) => one.diffId)))
      users.set(diffId, (users.get(diffId) ?? 0) + 1);
  for (const { layers } of rows) for (const layer of layers) layer.images = users.get(layer.diffId)!;
  return rows;
}

/** A layer's line ends with how many other images have it. */
export function tree(json: boolean, host: Host): number {
  const rows = rowsOf(host);
  if (json) {
    out(`${JSON.stringify(rows)}\n`);
    return 0;
  }
  if (rows.length === 0) err(`no image is in the store ${storeOf(host).path}; img-pull REF brings one\n`);
  for (const { name, platform, layers } of rows) {
    out(`${name}  ${platform}\n`);
    for (const [i, { diffId, size, images }] of layers.entries()) {
      const branch = i === layers.length - 1 ? '└─' : '├─';
      const shared = images > 1 ? `  in ${images} images` : '';
      out(`${branch} ${diffId.slice(0, 19)}  ${formatSize(size).padStart(9)}${shared}\n`);
    }
  }
  return 0;
}
