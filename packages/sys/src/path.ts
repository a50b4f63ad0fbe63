/** A path: text, or its bytes where they are not UTF-8. */
export type Path = string | Uint8Array;

/** A path as C takes it. Throws an `Error` for a NUL inside, where C would stop reading. */
export function cPath(path: Path): Buffer {
  const bytes = typeof path === 'string' ? Buffer.from(path, 'utf8') : path;
  if (bytes.includes(0)) throw new Error(`a NUL byte in the path ${JSON.stringify(String(path))}`);
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

/** A path as messages show it. */
export const showPath = (path: Path): string =>
  typeof path === 'string' ? path : Buffer.from(path).toString('utf8');
