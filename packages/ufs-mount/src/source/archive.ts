/**
 * An image in one archive: an OCI archive (a layout in tar), or what `docker save` writes
 * (manifest.json, a configuration and layers). Only headers are read; blobs stay where they are.
 */

import { Failure } from '@ctr-tools/cli';
import { close, decodeBytes, dirname, fstat, latin1, read, resolve, viewOf } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { type Platform, readImageConfig } from '@ctr-tools/oci/image';
import { type Blobs, document, openFile, type Place } from './blobs.ts';
import { checkPlatform, type Image } from './image.ts';

const RECORD = 512;

/** The files of an uncompressed tar archive and where each lies. Undefined where it is none. */
export function tarFiles(path: string): Map<string, Place> | undefined {
  const fd = openFile(path);
  try {
    const { size } = fstat(fd);
    const files = new Map<string, Place>();
    const head = new Uint8Array(RECORD);
    let long: string | undefined;
    let longSize: number | undefined;
    for (let at = 0; at + RECORD <= size; ) {
      read(fd, head, 0, RECORD, at);
      if (head.every((byte) => byte === 0)) break;
      if (!checksumFits(head)) return files.size > 0 ? files : undefined;
      const type = String.fromCharCode(head[156]!);
      const length = type !== 'x' && longSize !== undefined ? longSize : octal(head, 124, 12);
      const offset = at + RECORD;
      at = offset + Math.ceil(length / RECORD) * RECORD;
      if (type === 'L' || type === 'x') {
        const text = new Uint8Array(Math.min(length, 1 << 20));
        read(fd, text, 0, text.length, offset);
        if (type === 'L') long = decodeBytes(text).replace(/\0.*$/s, '');
        else {
          long = paxValue(text, 'path') ?? long;
          const said = paxValue(text, 'size');
          longSize = said === undefined ? undefined : Number(said);
        }
        continue;
      }
      const name = (long ?? nameOf(head)).replace(/^(\.\/)+/, '');
      if (type === '0' || type === '\0') files.set(name, { path, offset, size: length });
      else if (type === '2' || type === '1') alias(files, name, head, type);
      long = undefined;
      longSize = undefined;
    }
    return files;
  } finally {
    close(fd);
  }
}

/** Old `docker save` has a layer that two images share once, and a link to it. */
function alias(files: Map<string, Place>, name: string, head: Uint8Array, type: string): void {
  const target = text(head, 157, 100);
  const full = type === '1' ? target : resolve('/', dirname(name), target).slice(1);
  const place = files.get(full);
  if (place) files.set(name, place);
}

const text = (head: Uint8Array, at: number, n: number): string =>
  decodeBytes(head.subarray(at, at + n)).replace(/\0.*$/s, '');

function octal(head: Uint8Array, at: number, n: number): number {
  if (head[at]! & 0x80) return Number(viewOf(head).getBigUint64(at + n - 8));
  return Number.parseInt(text(head, at, n).trim() || '0', 8);
}

function nameOf(head: Uint8Array): string {
  const posix = latin1(head.subarray(257, 263)) === 'ustar\0';
  const prefix = posix ? text(head, 345, 155) : '';
  return prefix ? `${prefix}/${text(head, 0, 100)}` : text(head, 0, 100);
}

function checksumFits(head: Uint8Array): boolean {
  let sum = 0;
  for (let i = 0; i < RECORD; i++) sum += i >= 148 && i < 156 ? 32 : head[i]!;
  return sum === octal(head, 148, 8);
}

function paxValue(records: Uint8Array, key: string): string | undefined {
  for (let at = 0; at < records.length; ) {
    const space = records.indexOf(0x20, at);
    const length = Number(latin1(records.subarray(at, space)));
    if (space < 0 || !(length > 0)) return undefined;
    const record = decodeBytes(records.subarray(space + 1, at + length - 1));
    if (record.startsWith(`${key}=`)) return record.slice(key.length + 1);
    at += length;
  }
  return undefined;
}

export const archiveBlobs = (files: ReadonlyMap<string, Place>, name: string): Blobs => ({
  name,
  file: (path) => files.get(path),
});

interface SavedImage {
  Config: string;
  RepoTags?: string[] | null;
  Layers: string[];
}

/** The image of a `docker save` archive (moby image/spec, "manifest.json"). */
export function savedImage(blobs: Blobs, tag: string | undefined, platform?: Platform): Image {
  const saved = parseJson(document(blobs, 'manifest.json'), `${blobs.name}: manifest.json`) as SavedImage[];
  const named =
    tag === undefined ? saved : saved.filter((image) => image.RepoTags?.some((name) => matches(name, tag)));
  const tags = saved.flatMap((image) => image.RepoTags ?? []);
  if (named.length !== 1) {
    throw new Failure(
      `${blobs.name} holds ${named.length === 0 ? `no image ${tag ?? ''}` : `${named.length} images`}; name one of ${tags.join(', ')}`,
    );
  }
  const { Config, Layers } = named[0]!;
  const config = readImageConfig(document(blobs, Config), `${blobs.name}: ${Config}`);
  checkPlatform(blobs.name, config, platform);
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== Layers.length)
    throw new Failure(
      `${blobs.name}: ${Layers.length} layers, but the configuration names ${diffIds.length}`,
    );
  return {
    name: blobs.name,
    config,
    layers: Layers.map((path, i) => {
      const place = blobs.file(path);
      if (!place) throw new Failure(`${blobs.name} lacks its layer ${path}`);
      return { ...place, compression: 'guess', digest: '', diffId: diffIds[i]! };
    }),
  };
}

/** `alpine:3` is short for `docker.io/library/alpine:3`, and the tag alone for either. */
const matches = (name: string, tag: string): boolean =>
  name === tag || name.endsWith(`:${tag}`) || name.endsWith(`/${tag}`) || tag.endsWith(`/${name}`);
