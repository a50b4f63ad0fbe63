/** Digests: the names of content by what it is (image-spec descriptor.md, Digests). */
import { sha256, sha512 } from '@ctr-tools/host';
import type { Descriptor } from './types.ts';

export interface Digest {
  algorithm: 'sha256' | 'sha512';
  /** Lower case hexadecimal. */
  hex: string;
}

/** A digest that cannot be understood, or content that is not what its descriptor says. */
export class DigestError extends Error {
  override name = 'DigestError';
}

const hashes = { sha256, sha512 };

const registered = { sha256: 64, sha512: 128 } as const;

/**
 * Parse `algorithm:hex`. Only what this returns may become part of a path: its parts hold
 * nothing but letters and digits. Throws `DigestError`.
 */
export function parseDigest(text: string): Digest {
  const [, algorithm, hex] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? [];
  if (!algorithm || !hex)
    throw new DigestError(
      `${JSON.stringify(text)} is not a digest; sha256: and 64 hexadecimal digits were expected`,
    );
  const length = Object.hasOwn(registered, algorithm)
    ? registered[algorithm as keyof typeof registered]
    : undefined;
  if (!length)
    throw new DigestError(`${text}: the algorithm ${algorithm} is not known; sha256 and sha512 are`);
  if (hex.length !== length || !/^[0-9a-f]+$/.test(hex))
    throw new DigestError(`${text}: a digest of ${algorithm} has ${length} hexadecimal digits, lower case`);
  return { algorithm: algorithm as Digest['algorithm'], hex };
}

/** Where the content with this digest lies in an image layout (image-layout.md, Blobs). */
export function blobPath(digest: Digest): string {
  return `blobs/${digest.algorithm}/${digest.hex}`;
}

/** The digest of some content, as text. */
export function digestOf(content: Uint8Array, algorithm: Digest['algorithm'] = 'sha256'): string {
  return `${algorithm}:${hashes[algorithm](content)}`;
}

/** Check content that is in memory as a whole. Throws `DigestError`. */
export function verifyContent(descriptor: Pick<Descriptor, 'digest' | 'size'>, content: Uint8Array): void {
  const expected = parseDigest(descriptor.digest);
  checkSize(descriptor, content.length);
  checkHash(descriptor, expected, hashes[expected.algorithm](content));
}

/** Throws `DigestError` unless the content has as many bytes as its descriptor says. */
export function checkSize({ digest, size }: Pick<Descriptor, 'digest' | 'size'>, received: number): void {
  if (received > size) throw new DigestError(`${digest} should have ${size} bytes, but has more`);
  if (received < size) throw new DigestError(`${digest} should have ${size} bytes, but has ${received}`);
}

/** Throws `DigestError` unless this is the content's hash. */
export function checkHash({ digest }: Pick<Descriptor, 'digest'>, expected: Digest, found: string): void {
  if (found !== expected.hex)
    throw new DigestError(`${digest} has other content than its name says: ${expected.algorithm}:${found}`);
}
