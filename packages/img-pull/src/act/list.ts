/** `--list`: the images of the store. */
import { err, formatSize, type Host, out, renderTable } from '@ctr-tools/cli';
import { platformText } from '@ctr-tools/oci/image';
import { contentsOf, storedImages, storeOf } from '@ctr-tools/ufs-mount/store';

export function list(json: boolean, host: Host): number {
  const store = storeOf(host);
  const rows = storedImages(store)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((image) => {
      const contents = contentsOf(store, image);
      const sizes = new Map(
        contents.flatMap((one) => one.layers.map(({ digest }, i) => [digest, one.sizes[i]!])),
      );
      return {
        name: image.name,
        digest: image.descriptor.digest,
        platforms: contents.map(({ platform }) => platformText(platform)),
        layers: contents[0]?.layers.length ?? 0,
        size: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      };
    });
  if (json) {
    out(`${JSON.stringify({ store: store.path, images: rows })}\n`);
    return 0;
  }
  if (rows.length === 0) {
    err(`no image is in the store ${store.path}; img-pull REF brings one\n`);
    return 0;
  }
  const right = 'right' as const;
  out(
    renderTable(
      [
        { title: 'IMAGE', shrink: true, least: 20 },
        { title: 'DIGEST' },
        { title: 'PLATFORM' },
        { title: 'LAYERS', align: right },
        { title: 'SIZE', align: right },
      ],
      rows.map(({ name, digest, platforms, layers, size }) => [
        name,
        digest.slice(0, 19),
        platforms.join(' '),
        String(layers),
        formatSize(size),
      ]),
      host.tty[1] ? { width: host.columns } : {},
    ),
  );
  return 0;
}
