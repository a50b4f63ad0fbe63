/** Digests: the names of content by what it is (image-spec descriptor.md, Digests). */
import { createHash, type Hash } from 'node:crypto';
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

const registered = { sha256: 64, sha512: 128 } as const;

/**
 * Parse `algorithm:hex`. Only what this returns may become part of a path: its parts hold
 * nothing but letters and digits. Throws `DigestError`.
 */
export function parseDigest(text: string): Digest {
  const [, algorithm, hex] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? [];
  if (!algorithm || !hex)
    throw new DigestError(
      `${JSON.stringify(text)} is no digest; sha256: and 64 hexadecimal digits were expected`,
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
  return `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;
}

/**
 * Checks content against its descriptor as it passes by: feed it with `update`, ask with
 * `verify` at the end. More bytes than the descriptor says are refused at once, so that
 * nothing larger than promised is ever kept.
 */
export class Verifier {
  private readonly hash: Hash;
  private readonly expected: Digest;
  private readonly descriptor: Pick<Descriptor, 'digest' | 'size'>;
  private received = 0;

  constructor(descriptor: Pick<Descriptor, 'digest' | 'size'>) {
    this.descriptor = descriptor;
    this.expected = parseDigest(descriptor.digest);
    this.hash = createHash(this.expected.algorithm);
  }

  update(chunk: Uint8Array): void {
    this.received += chunk.length;
    if (this.received > this.descriptor.size)
      throw new DigestError(
        `${this.descriptor.digest} should have ${this.descriptor.size} bytes, but has more`,
      );
    this.hash.update(chunk);
  }

  verify(): void {
    const { digest, size } = this.descriptor;
    if (this.received !== size)
      throw new DigestError(`${digest} should have ${size} bytes, but has ${this.received}`);
    const found = this.hash.digest('hex');
    if (found !== this.expected.hex)
      throw new DigestError(
        `${digest} has other content than its name says: ${this.expected.algorithm}:${found}`,
      );
  }
}

/** Check content that is in memory as a whole. Throws `DigestError`. */
export function verifyContent(descriptor: Pick<Descriptor, 'digest' | 'size'>, content: Uint8Array): void {
  const verifier = new Verifier(descriptor);
  verifier.update(content);
  verifier.verify();
}
