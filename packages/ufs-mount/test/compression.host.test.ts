/** How archives are compressed: several frames and members, checksums, and types that lie. */
import { writeFileSync } from 'node:fs';
import { crc32, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isRoot, needs, run, runShell, tempDir } from '../../../test/support.ts';
import { layout, tar } from './archives.ts';
import { file, root, storeAt } from './layers.ts';

const store = storeAt(isRoot ? undefined : '/nonexistent');
const names = Array.from({ length: 40 }, (_, i) => `f${i}`);
const archive = tar([root, ...names.map((name) => file(name, `${name} `.repeat(2000)))]);
/** Not on a record's border. */
const cut = 100_123;
const halves = [archive.subarray(0, cut), archive.subarray(cut)] as const;

/** A skippable frame (RFC 8878, 3.1.2), as pzstd writes before frames and zstd:chunked behind them. */
function skippable(content: string, nibble = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + nibble);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, Buffer.from(content)]);
}

function written(data: Buffer): string {
  const path = `${tempDir('layer')}/layer.tar`;
  writeFileSync(path, data);
  return path;
}

const seen = (source: string) => Object.keys(store.tree(source)).toSorted();
const all = ['', ...names].toSorted();

describe.skipIf(!isRoot)('zstd', () => {
  const zstd = (data: Uint8Array): Buffer => zstdCompressSync(data);

  test.each([
    ['two frames', [zstd(halves[0]), zstd(halves[1])]],
    [
      'a skippable frame between them',
      [zstd(halves[0]), skippable('x'.repeat(300_000), 10), zstd(halves[1])],
    ],
    ['a skippable frame first', [skippable('', 15), zstd(archive)]],
    ['skippable frames last', [zstd(archive), skippable('table of contents'), skippable('footer')]],
    ['an empty frame between them', [zstd(halves[0]), zstd(Buffer.alloc(0)), zstd(halves[1])]],
  ] as const)('%s', (_name, parts) => {
    expect(seen(written(Buffer.concat(parts)))).toEqual(all);
    const whole = Buffer.concat(parts);
    const image = layout([archive], { compression: 'zstd', compressed: () => whole });
    // A store that has this diff ID already would not look at the blob.
    expect(Object.keys(storeAt().tree(`oci:${image}`)).toSorted()).toEqual(all);
  });

  test('a frame by the command, in one piece and cut anywhere', (context) => {
    needs(context, 'command:zstd');
    const path = written(archive);
    expect(runShell(`zstd -q --check -19 ${path} -o ${path}.zst`).status).toBe(0);
    expect(seen(`${path}.zst`)).toEqual(all);
    for (const bytes of [1, 5, 100]) {
      runShell(`head -c -${bytes} ${path}.zst >${path}.cut`);
      expect(store.refused(`${path}.cut`)).toContain('the compressed data end too early');
    }
  });

  test('a wrong checksum, a spoilt frame and rubbish behind the last are errors', (context) => {
    needs(context, 'command:zstd');
    const path = written(archive);
    runShell(
      `zstd -q --check ${path} -o ${path}.zst; head -c -1 ${path}.zst >${path}.bad; printf X >>${path}.bad`,
    );
    expect(store.refused(`${path}.bad`)).toContain('checksum');
    expect(store.refused(written(Buffer.concat([zstd(archive), Buffer.from('rubbish')])))).toContain(
      'the zstd data cannot be decompressed: Unknown frame descriptor',
    );
    expect(run('sh', ['-c', `ls -d ${store.path}/*/*.new`]).stdout).toBe('');
  });

  test('nothing but the tree is written', (context) => {
    needs(context, 'command:strace');
    const own = storeAt();
    const trace = `${tempDir('trace')}/log`;
    const path = written(zstd(archive));
    const line = ['-f', '-qqq', '-o', trace, '-e', 'trace=openat', '-e', 'signal=none'];
    const ended = run('strace', [...line, 'ufs-mount', path, '--temp'], { env: own.env, timeout: 120_000 });
    own.ufs('--unmount', ended.stdout.trimEnd());
    const opened = runShell(
      `grep -E 'O_(WRONLY|RDWR)' ${trace} | grep -o '"[^"]*/tmp/[^"]*"' | grep -v lock`,
    );
    expect(opened.stdout.split('\n').filter((one) => one.includes(`${own.path}/tmp/`))).toEqual([]);
  });
});

describe.skipIf(!isRoot)('gzip', () => {
  const spoilt = (at: number): Buffer => {
    const member = gzipSync(archive);
    member[member.length + at]! ^= 1;
    return member;
  };

  test('checksum and length of each member are looked at, also where the digest of the whole fits', () => {
    expect(gzipSync(archive).readUInt32LE(gzipSync(archive).length - 8)).toBe(crc32(archive));
    for (const [data, words] of [
      [spoilt(-8), 'the checksum of the compressed data is wrong'],
      [spoilt(-1), 'the length of the compressed data is wrong'],
      [Buffer.concat([gzipSync(halves[0]), gzipSync(halves[1])]), ''],
    ] as const) {
      const path = written(data);
      if (words === '') expect(seen(path)).toEqual(all);
      else expect(store.refused(path)).toContain(words);
      // By its blob's digest, and by that of the archive in it, all is well.
      const image = `oci:${layout([archive], { compressed: () => data })}`;
      if (words !== '') expect(storeAt().refused(image)).toContain(words);
    }
    const first = gzipSync(halves[0]);
    first[first.length - 8]! ^= 1;
    expect(store.refused(written(Buffer.concat([first, gzipSync(halves[1])])))).toContain('checksum');
    expect(runShell(`ls -d ${store.path}/*/*.new`).stdout).toBe('');
  });
});

describe.skipIf(!isRoot)('what a descriptor says', () => {
  test.each([
    ['gzip', zstdCompressSync(archive)],
    ['zstd', gzipSync(archive)],
    ['none', gzipSync(archive)],
    ['gzip', archive],
  ] as const)('a layer called %s is what its first bytes are (%#)', (compression, data) => {
    const own = storeAt();
    const image = layout([archive], { compression, compressed: () => data });
    expect(Object.keys(own.tree(`oci:${image}`)).toSorted()).toEqual(all);
  });

  test.for(['bzip2', 'xz'])('%s is named', (command, context) => {
    needs(context, `command:${command}`);
    const path = written(archive);
    runShell(`${command} -c ${path} >${path}.c`);
    expect(store.refused(`${path}.c`)).toContain(
      `it is compressed by ${command}; a layer is a plain archive, or compressed by gzip or zstd`,
    );
  });
});
