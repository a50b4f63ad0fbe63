import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { blobPath, DigestError, digestOf, parseDigest, verifyContent } from '../../src/image/index.ts';
import { Verifier } from '../../src/image/verifier.ts';

const content = Buffer.from('hello');
const sha256 = `sha256:${createHash('sha256').update(content).digest('hex')}`;

describe('parseDigest', () => {
  it('takes both registered algorithms', () => {
    expect(blobPath(parseDigest(sha256))).toBe(`blobs/sha256/${sha256.slice(7)}`);
    expect(parseDigest(digestOf(content, 'sha512')).algorithm).toBe('sha512');
  });

  it.each([
    'sha256:abc',
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'a'.repeat(63)}/`,
    'sha256:../../etc/passwd',
    `md5:${'a'.repeat(32)}`,
    `__proto__:${'a'.repeat(64)}`,
    `constructor:${'a'.repeat(64)}`,
    '',
    'a'.repeat(64),
  ])('refuses %s', (text) => {
    expect(() => parseDigest(text)).toThrow(DigestError);
  });
});

describe('verification', () => {
  it('accepts what it should', () => {
    expect(() => verifyContent({ digest: sha256, size: 5 }, content)).not.toThrow();
  });

  it('refuses other content, less and more', () => {
    expect(() => verifyContent({ digest: sha256, size: 5 }, Buffer.from('hullo'))).toThrow('other content');
    expect(() => verifyContent({ digest: sha256, size: 6 }, content)).toThrow(
      'should have 6 bytes, but has 5',
    );
  });

  it('refuses more at once, before the end', () => {
    const verifier = new Verifier({ digest: sha256, size: 3 });
    expect(() => verifier.update(content)).toThrow('has more');
  });
});
