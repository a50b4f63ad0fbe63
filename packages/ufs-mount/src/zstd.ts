/** Layers compressed by zstd: Node decompresses them into the store while the launcher waits. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, rmSync, writeFileSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { Failure } from '@ctr-tools/cli';
import { Verifier } from '@ctr-tools/oci/verifier';
import { isWhole } from './store.ts';

interface Question {
  path: string;
  offset: number;
  size: number;
  digest: string;
  store: string;
  /** Where the layer will be. */
  place: string;
}

/**
 * Answer the step `ufs-mount/zstd`: the path of the archive, decompressed and its blob verified.
 * It is a file of its own in any case, for it is removed when the layer has been made of it.
 */
export async function decompress(payload: string): Promise<string> {
  const { path, offset, size, digest, store, place } = JSON.parse(payload) as Question;
  const name = createHash('sha256').update(`${digest}${process.pid}`).digest('hex').slice(0, 16);
  const plain = `${store}/tmp/${name}.tar`;
  if (isWhole(place)) {
    writeFileSync(plain, ''); // nothing will be read
    return plain;
  }
  const verifier = digest ? new Verifier({ digest, size }) : undefined;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      verifier?.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(
      createReadStream(path, { start: offset, end: offset + size - 1 }),
      check,
      createZstdDecompress(),
      createWriteStream(plain, { mode: 0o600 }),
    );
    verifier?.verify();
    return plain;
  } catch (error) {
    rmSync(plain, { force: true });
    throw new Failure(`${path}: ${(error as Error).message}`);
  }
}
