/** How an archive is compressed, by its first four bytes (RFC 1952, 2.3.1; RFC 8878, 3.1.1). */
export function compressionByMagic(start: Uint8Array): 'gzip' | 'zstd' | 'none' {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  return a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd ? 'zstd' : 'none';
}

/** How a file is to be compressed that is called so; undefined: not at all. */
export function compressionByName(name: string): 'gzip' | 'zstd' | undefined {
  if (/\.(?:gz|tgz)$/.test(name)) return 'gzip';
  return /\.(?:zst|tzst)$/.test(name) ? 'zstd' : undefined;
}
