/** Layers compressed by zstd: Node decompresses them into the store while the launcher waits. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, rmSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { Failure } from '@ctr-tools/cli';
import { Verifier } from '@ctr-tools/oci/image';

interface Question {
  path: string;
  offset: number;
  size: number;
  digest: string;
  store: string;
  target: string;
}

/** Answer the step `ufs-mount/zstd`: the path of the archive, decompressed and its blob verified. */
export async function decompress(payload: string): Promise<string> {
  const { path, offset, size, digest, store, target } = JSON.parse(payload) as Question;
  if (existsSync(target)) return path; // there already: nothing is read
  const name = createHash('sha256').update(`${digest}${process.pid}`).digest('hex').slice(0, 16);
  const plain = `${store}/tmp/${name}.tar`;
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
