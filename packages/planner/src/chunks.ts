/**
 * Loading the planner's chunks. A chunk is one file, so that it is always whole: the length
 * of its source, the source, and V8's compiled code of it, made by the build after the
 * code had run. With that a start does not parse or compile anything (9 ms of 18 on
 * the machine where it was measured); a Node of another version rejects the code and
 * compiles the source.
 */
import { readFileSync } from 'node:fs';
import { Script } from 'node:vm';

export interface Chunk {
  name: string;
  source: string;
  script: Script;
}

type Wrapped = (
  exports: object,
  require: (name: string) => unknown,
  module: { exports: object },
  filename: string,
  dirname: string,
) => void;

/** The chunk that holds what all others share, and how they name it (`shared.ts`). */
export const firstChunk = 'planner.chunk';
export const sharedPrefix = './shared/';

const HEADER = 8;
const padded = (length: number): number => Math.ceil(length / 8) * 8;

/** A chunk as a file. The source is ASCII; the code begins at a multiple of 8, where V8 takes it without a copy. */
export function packChunk(source: string, code: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(HEADER + padded(source.length) + code.length);
  bytes.writeUInt32LE(source.length, 0);
  bytes.write(source, HEADER, 'latin1');
  bytes.set(code, HEADER + padded(source.length));
  return bytes;
}

/** What Node has that tells nothing of the machine: whoever uses other modules is not watched (packages/cli/src/observe.ts). */
const tellsNothing = new Set(['node:path', 'node:buffer']);

/** What `require` of a chunk's name gives, for the chunks of one directory. `loaded` is told of each. */
export function chunkLoader(dir: string, loaded?: (chunk: Chunk) => void): (name: string) => unknown {
  const known = new Map<string, { exports: object }>();
  const builtin = process.getBuiltinModule.bind(process);
  // One for all chunks, whose functions may be replaced to watch what is asked (packages/cli/src/observe.ts).
  const files = Object.assign(Object.create(builtin('node:fs')), { observable: true, seen: undefined });
  const load = (name: string): unknown => {
    if (name === 'node:fs') return files;
    if (!name.startsWith('./')) {
      if (!tellsNothing.has(name)) Object.assign(files, { observable: false, seen: undefined });
      return builtin(name);
    }
    if (name.startsWith(sharedPrefix)) {
      const { shared } = load(`./${firstChunk}`) as { shared: Record<string, unknown> };
      return shared[name.slice(sharedPrefix.length)];
    }
    const before = known.get(name);
    if (before) return before.exports;
    const path = `${dir}/${name.slice(2)}`;
    const bytes = readFileSync(path);
    const length = bytes.readUInt32LE(0);
    const source = bytes.toString('latin1', HEADER, HEADER + length);
    const code = bytes.subarray(HEADER + padded(length));
    const script = new Script(source, { filename: path, ...(code.length && { cachedData: code }) });
    const module = { exports: {} };
    known.set(name, module);
    (script.runInThisContext() as Wrapped)(module.exports, load, module, path, dir);
    loaded?.({ name: name.slice(2), source, script });
    return module.exports;
  };
  return load;
}
