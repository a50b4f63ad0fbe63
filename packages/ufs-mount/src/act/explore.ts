/** `--explore`: the layers of an image, what each did, and what of it nobody will ever see. On Node alone. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { err, Failure, formatShare, formatSize, type Host, out, wantsColor } from '@ctr-tools/cli';
import { draw } from '@ctr-tools/cli/screen';
import { Headers } from '../explore/headers.ts';
import { Explorer } from '../explore/live.ts';
import { type ReadLayer, type Sums, shareOf, sumsOf } from '../explore/model.ts';
import { asText } from '../explore/text.ts';
import type { UfsOptions } from '../options.ts';
import { platformOf } from '../platform.ts';
import { readPlace } from '../source/blobs.ts';
import { compressionByMagic } from '../source/compression.ts';
import { type LayerArchive, readSource } from '../source/index.ts';
import { imagesFor } from '../source/registry.ts';

/** Look at SOURCE. Exits 1 where more of it is wasted than `--waste-at-most` allows. */
export async function explore(word: string, options: UfsOptions, host: Host): Promise<number> {
  const { archives, commands } = layersOf(word, options, host);
  const layers: ReadLayer[] = [];
  for (const [i, archive] of archives.entries()) {
    if (host.tty[2]) err(`\r\x1b[Kreading layer ${i + 1} of ${archives.length} …`);
    layers.push(await read(archive, commands[i] ?? '', `${word}: layer ${i}`));
  }
  if (host.tty[2]) err('\r\x1b[K');
  const sums = sumsOf(layers);
  if (options.json) out(`${JSON.stringify({ source: word, ...sums, share: shareOf(sums) })}\n`);
  else if (options.wasteAtMost !== undefined || !host.tty[1])
    out(asText(sums, host.tty[1] ? host.columns : undefined, wantsColor(host, 1)));
  else {
    const explorer = new Explorer(layers, sums, wantsColor(host, 1));
    await draw({
      host,
      json: false,
      still: true,
      own: true,
      frame: (_, width, height) => explorer.frame(width ?? 80, height ?? 24),
      key: (key) => explorer.key(key),
    });
  }
  return judged(word, sums, options.wasteAtMost);
}

/** The line of a CI job. */
function judged(word: string, sums: Sums, most: number | undefined): number {
  if (most === undefined || shareOf(sums) <= most) return 0;
  err(
    `ufs-mount: ${word}: later layers hide ${formatSize(sums.wasted)} of ${formatSize(sums.bytes)}, ${formatShare(shareOf(sums))}; at most ${formatShare(most)} may be\n`,
  );
  return 1;
}

/** The archives of a source, the lowest first, and the command that made each. */
function layersOf(
  word: string,
  { platform }: UfsOptions,
  host: Host,
): { archives: readonly LayerArchive[]; commands: readonly string[] } {
  const wanted = platform === undefined ? undefined : platformOf(platform);
  const source = readSource(word, host.cwd, { platform: wanted, images: imagesFor(host) });
  if (source.kind === 'layer') return { archives: [source.layer], commands: [] };
  if (source.kind !== 'image')
    throw new Failure(
      `--explore ${word}: that is a directory, which has no layers; give an image (oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE) or an archive of a layer`,
    );
  const { layers, config } = source.image;
  const commands = (config.history ?? []).filter((one) => !one.empty_layer);
  // A history that does not fit the layers says nothing of any (image-spec config.md, "history").
  const fits = commands.length === layers.length;
  return { archives: layers, commands: fits ? commands.map((one) => one.created_by ?? '') : [] };
}

async function read(archive: LayerArchive, command: string, name: string): Promise<ReadLayer> {
  const { path, offset, size, digest } = archive;
  const headers = new Headers(name);
  const compression =
    archive.compression === 'guess'
      ? compressionByMagic(readPlace({ path, offset, size: Math.min(size, 4) }))
      : archive.compression;
  async function take(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of source) headers.take(chunk);
  }
  if (size > 0) {
    const bytes = createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: 1 << 20 });
    try {
      if (compression === 'none') await pipeline(bytes, take);
      else
        await pipeline(
          bytes,
          compression === 'gzip' ? createGunzip({ chunkSize: 1 << 18 }) : createZstdDecompress(),
          take,
        );
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure(`${name} cannot be read: ${(error as Error).message}`);
    }
  }
  return { digest: digest || path, packed: size, command, entries: headers.end() };
}
