/** Archives and images made by hand, so that a test says every byte that matters. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { tempDir } from '../../../test/support.ts';

export interface TarEntry {
  name: string | Buffer;
  /** As in a header: '0' file (the default), '1' link, '2' symlink, '3' char, '4' block, '5' directory, '6' FIFO. */
  type?: string;
  data?: Buffer | string;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  device?: [number, number];
  /** pax records of this entry. */
  pax?: Record<string, string | Buffer>;
}

const octal = (value: number, n: number): string => value.toString(8).padStart(n - 1, '0');

function header(entry: TarEntry, size: number): Buffer {
  const head = Buffer.alloc(512);
  const name = Buffer.isBuffer(entry.name) ? entry.name : Buffer.from(entry.name);
  name.copy(head, 0, 0, 100);
  const { type = '0', mode = type === '5' ? 0o755 : 0o644, uid = 0, gid = 0, mtime = 1_600_000_000 } = entry;
  head.write(octal(mode, 8), 100);
  head.write(octal(uid, 8), 108);
  head.write(octal(gid, 8), 116);
  head.write(octal(size, 12), 124);
  head.write(octal(mtime, 12), 136);
  head.write('        ', 148);
  head.write(type, 156);
  head.write(entry.link ?? '', 157, 100);
  head.write('ustar\u000000', 257, 'latin1');
  head.write(octal(entry.device?.[0] ?? 0, 8), 329);
  head.write(octal(entry.device?.[1] ?? 0, 8), 337);
  head.write(
    `${octal(
      head.reduce((sum, byte) => sum + byte, 0),
      7,
    )}\0`,
    148,
    'latin1',
  );
  return head;
}

const padded = (data: Buffer): Buffer =>
  Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);

function paxRecord(key: string, value: string | Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = body.length;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

/** A tar archive. `end` false: without the two records at its end. */
export function tar(entries: readonly TarEntry[], end = true): Buffer {
  const parts = entries.flatMap((entry) => {
    const data = Buffer.from(entry.data ?? '');
    const all: Buffer[] = [];
    if (entry.pax) {
      const records = Buffer.concat(Object.entries(entry.pax).map(([key, value]) => paxRecord(key, value)));
      all.push(header({ name: 'pax', type: 'x' }, records.length), padded(records));
    }
    all.push(header(entry, data.length), padded(data));
    return all;
  });
  return Buffer.concat(end ? [...parts, Buffer.alloc(1024)] : parts);
}

const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

export interface LayoutOptions {
  tag?: string;
  compression?: 'none' | 'gzip' | 'zstd';
  /** The blob of a layer, where it is not what `compression` makes of it. */
  compressed?: (layer: Buffer) => Buffer;
  config?: object;
  /** What the image says of how its layers were made. */
  history?: readonly object[];
  /** This machine's if absent. */
  architecture?: string;
  /** What the index says beside; `undefined` for a plain one. */
  directory?: string;
}

/** An OCI image layout of these layers (archives, bottom first). Its directory. */
export function layout(layers: readonly Buffer[], options: LayoutOptions = {}): string {
  const {
    tag = '3',
    compression = 'gzip',
    config = {},
    history,
    compressed,
    directory = tempDir('layout'),
  } = options;
  mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
  const put = (mediaType: string, data: Buffer) => {
    const digest = digestOf(data);
    writeFileSync(`${directory}/blobs/sha256/${digest.slice(7)}`, data);
    return { mediaType, digest, size: data.length };
  };
  const json = (mediaType: string, value: unknown) => put(mediaType, Buffer.from(JSON.stringify(value)));
  const suffix = { none: '', gzip: '+gzip', zstd: '+zstd' }[compression];
  const compress = {
    none: (data: Buffer) => data,
    gzip: (d: Buffer) => gzipSync(d),
    zstd: (d: Buffer) => zstdCompressSync(d),
  };
  const blobs = layers.map((layer) =>
    put(`application/vnd.oci.image.layer.v1.tar${suffix}`, (compressed ?? compress[compression])(layer)),
  );
  const { architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64'] } = options;
  const image = json('application/vnd.oci.image.config.v1+json', {
    architecture,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    ...(history && { history }),
  });
  const manifest = json('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: image,
    layers: blobs,
  });
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  writeFileSync(`${directory}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    `${directory}/index.json`,
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  return directory;
}

const applets = [
  'sh',
  'ls',
  'cat',
  'id',
  'ps',
  'stat',
  'env',
  'pwd',
  'find',
  'rm',
  'mkdir',
  'chmod',
  'ln',
  'mv',
];

/** Directories and busybox: enough to run something. */
export const busyboxEntries = (): TarEntry[] => [
  ...['./', 'bin/', 'etc/', 'proc/', 'dev/', 'sys/', 'tmp/'].map((name) => ({ name, type: '5' })),
  { name: 'bin/busybox', data: readFileSync('/bin/busybox'), mode: 0o755 },
  ...applets.map((name) => ({ name: `bin/${name}`, type: '2', link: 'busybox' })),
  { name: 'etc/passwd', data: 'root:x:0:0::/:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n' },
  { name: 'etc/group', data: 'root:x:0:\nweb:x:34:\nlogs:x:50:web\n' },
];
