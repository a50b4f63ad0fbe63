/** The headers of a tar archive that comes in pieces; contents are passed over. Nothing in it is believed but its shape. */
import { Failure } from '@ctr-tools/cli';
import { decodeBytes } from '@ctr-tools/host';

export type Kind = 'file' | 'directory' | 'link' | 'symlink' | 'device' | 'fifo';

export interface Entry {
  /** Without leading, doubled and trailing slashes; empty for the root itself. */
  path: string;
  kind: Kind;
  /** Bytes of a file's content. */
  size: number;
  mode: number;
  uid: number;
  gid: number;
  /** Where a link leads. */
  target?: string;
}

const RECORD = 512;
/** Names in records of their own are no longer than that: Linux takes no path above 4096 bytes (PATH_MAX, limits.h). */
const LONGEST = 1 << 20;

const kinds: Readonly<Record<string, Kind>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
  // Of GNU tar: a file with holes, whose content is its map and what is between them.
  S: 'file',
};

/** What a record before an entry says of it (pax(1), "pax Header Block"; GNU's types L and K). */
interface Said {
  path?: string;
  target?: string;
  size?: number;
  uid?: number;
  gid?: number;
}

const text = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return decodeBytes(end < 0 ? bytes : bytes.subarray(0, end));
};

function number(head: Uint8Array, at: number, n: number): number {
  // Of GNU tar: what eight digits do not hold is binary, marked by the highest bit.
  if (head[at]! & 0x80) {
    let value = head[at]! & 0x7f;
    for (let i = at + 1; i < at + n; i++) value = value * 256 + head[i]!;
    return value;
  }
  return Number.parseInt(text(head.subarray(at, at + n)).trim() || '0', 8) || 0;
}

const clean = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

export class Headers {
  readonly entries: Entry[] = [];
  private readonly name: string;
  private readonly block = new Uint8Array(RECORD);
  private filled = 0;
  /** Bytes of a content, and of what fills its last record, that are still to come. */
  private left = 0;
  /** A content that says something of the next entry. */
  private record: { type: string; data: Uint8Array; filled: number } | undefined;
  private said: Said = {};
  private ended = false;

  /** `name` is what messages call the archive. */
  constructor(name: string) {
    this.name = name;
  }

  /** The next bytes. Throws a `Failure` where they are no archive. */
  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.ended; ) {
      if (this.left > 0) {
        const n = Math.min(this.left, chunk.length - at);
        this.keep(chunk.subarray(at, at + n));
        this.left -= n;
        at += n;
        if (this.left === 0) this.recordEnds();
        continue;
      }
      const n = Math.min(RECORD - this.filled, chunk.length - at);
      this.block.set(chunk.subarray(at, at + n), this.filled);
      this.filled += n;
      at += n;
      if (this.filled === RECORD) {
        this.filled = 0;
        this.header();
      }
    }
  }

  /** All bytes have come. */
  end(): readonly Entry[] {
    if (this.left > 0 || this.filled > 0) throw new Failure(`${this.name} ends too early`);
    return this.entries;
  }

  private keep(bytes: Uint8Array): void {
    const { record } = this;
    if (!record) return;
    const part = bytes.subarray(0, record.data.length - record.filled);
    record.data.set(part, record.filled);
    record.filled += part.length;
  }

  private header(): void {
    const head = this.block;
    if (head.every((byte) => byte === 0)) {
      this.ended = true;
      return;
    }
    const sum = head.reduce((all, byte, i) => all + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (sum !== number(head, 148, 8)) throw new Failure(`${this.name} is not a tar archive`);
    const type = String.fromCharCode(head[156]!);
    const extended = 'xgLK'.includes(type);
    const size = (extended ? undefined : this.said.size) ?? number(head, 124, 12);
    if (!Number.isSafeInteger(size)) throw new Failure(`${this.name} has an entry of ${size} bytes`);
    const kind = kinds[type];
    const hasContent = extended || kind === 'file' || kind === undefined;
    this.left = hasContent ? Math.ceil(size / RECORD) * RECORD : 0;
    if (extended) {
      if (size > LONGEST) throw new Failure(`${this.name} has a name of ${size} bytes`);
      this.record = { type, data: new Uint8Array(size), filled: 0 };
      if (this.left === 0) this.recordEnds();
      return;
    }
    if (kind !== undefined) this.entries.push(this.entry(head, kind, size));
    this.said = {};
  }

  private entry(head: Uint8Array, kind: Kind, size: number): Entry {
    const prefix = text(head.subarray(257, 263)) === 'ustar' ? text(head.subarray(345, 500)) : '';
    const short = text(head.subarray(0, 100));
    const path = this.said.path ?? (prefix === '' ? short : `${prefix}/${short}`);
    const target = this.said.target ?? text(head.subarray(157, 257));
    return {
      path: clean(path),
      // Before POSIX a directory was a file whose name ends in a slash.
      kind: kind === 'file' && path.endsWith('/') ? 'directory' : kind,
      size: kind === 'file' ? size : 0,
      mode: number(head, 100, 8) & 0o7777,
      uid: this.said.uid ?? number(head, 108, 8),
      gid: this.said.gid ?? number(head, 116, 8),
      ...((kind === 'link' || kind === 'symlink') && { target }),
    };
  }

  private recordEnds(): void {
    const { record } = this;
    this.record = undefined;
    if (!record) return;
    if (record.type === 'L') this.said.path = text(record.data);
    else if (record.type === 'K') this.said.target = text(record.data);
    else if (record.type === 'x') this.paxRecords(record.data);
  }

  /** `LENGTH KEY=VALUE\n`, the length that of the whole. */
  private paxRecords(data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const space = data.indexOf(0x20, at);
      const length = space < 0 ? Number.NaN : Number(decodeBytes(data.subarray(at, space)));
      if (!Number.isInteger(length) || length <= space - at || at + length > data.length) return;
      const record = decodeBytes(data.subarray(space + 1, at + length - 1));
      const equals = record.indexOf('=');
      const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
      if (key === 'path') this.said.path = value;
      else if (key === 'linkpath') this.said.target = value;
      else if ((key === 'size' || key === 'uid' || key === 'gid') && /^\d+$/.test(value))
        this.said[key] = Number(value);
      at += length;
    }
  }
}
