/** Checking content while it is read as a stream, which only Node does. */
import { createHash, type Hash } from 'node:crypto';
import { checkHash, checkSize, type Digest, parseDigest } from './digest.ts';
import type { Descriptor } from './types.ts';

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

  /** Throws `DigestError` once there is more than the descriptor says. */
  update(chunk: Uint8Array): void {
    this.received += chunk.length;
    if (this.received > this.descriptor.size) checkSize(this.descriptor, this.received);
    this.hash.update(chunk);
  }

  /** Throws `DigestError` unless all of the content has passed by. */
  verify(): void {
    checkSize(this.descriptor, this.received);
    checkHash(this.descriptor, this.expected, this.hash.digest('hex'));
  }
}
