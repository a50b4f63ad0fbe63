import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { err, Failure, type Host, out, type Parsed, printable } from '@ctr-tools/cli';
import { decodeBytes, encodeBytes } from '@ctr-tools/host';
import { getXattr } from '@ctr-tools/sys';
import { readMountinfo } from '@ctr-tools/sys/proc';
import { specNames } from '../capability-list.ts';
import { type FileCapabilities, fileCapabilitiesText, parseFileCapabilities } from '../file-capabilities.ts';
import type { CapsOptions } from '../options.ts';

/** File systems of the kernel itself: endless, and without programs. */
const unreal = new Set(
  'proc sysfs cgroup cgroup2 debugfs tracefs securityfs bpf devpts mqueue pstore configfs'.split(' '),
);

/** `--files DIR`: every file below that grants capabilities. Follows no links. */
export function files(value: string, { json }: CapsOptions, _parsed: Parsed, host: Host): number {
  const top = resolve(host.cwd, value);
  const bytes = Buffer.from(encodeBytes(top));
  try {
    lstatSync(bytes);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(`look below ${value}: ${code === 'ENOENT' ? 'there is no such directory' : message}`);
  }
  const skip = new Set(
    readMountinfo()
      .filter((m) => unreal.has(m.type))
      .map((m) => m.mountPoint),
  );
  const found: { path: string; capabilities: FileCapabilities }[] = [];
  let unread = 0;
  for (const path of walk(bytes, skip, () => unread++)) {
    const attribute = getXattr(path, 'security.capability');
    const capabilities = attribute && parseFileCapabilities(attribute);
    if (!capabilities) continue;
    const name = decodeBytes(path);
    if (json) found.push({ path: name, capabilities });
    else out(`${host.tty[1] ? printable(name) : name} ${fileCapabilitiesText(capabilities)}\n`);
  }
  if (json) out(`${JSON.stringify(found.map(asJson), null, 2)}\n`);
  if (unread > 0) err(`caps-drop: ${unread} directories could not be read\n`);
  return 0;
}

const asJson = ({ path, capabilities: c }: { path: string; capabilities: FileCapabilities }) => ({
  path,
  permitted: specNames(c.permitted),
  inheritable: specNames(c.inheritable),
  effective: c.effective,
  ...(c.rootId !== undefined && { rootId: c.rootId }),
});

/** Regular files below a path, or the path itself; bytes, since names need not be text. */
function* walk(path: Buffer, skip: ReadonlySet<string>, unread: () => void): Generator<Buffer> {
  if (lstatSync(path).isFile()) yield path;
  const pending = [path];
  for (let dir = pending.pop(); dir; dir = pending.pop()) {
    if (skip.has(decodeBytes(dir))) continue;
    for (const entry of entries(dir, unread)) {
      const below = Buffer.concat([
        dir,
        dir.at(-1) === 0x2f ? Buffer.alloc(0) : Buffer.from('/'),
        Buffer.from(entry.name, 'latin1'),
      ]);
      if (entry.isDirectory()) pending.push(below);
      else if (entry.isFile()) yield below;
    }
  }
}

/** Names are bytes, each a character: Bun has no kinds of files beside names that are buffers. */
function entries(dir: Buffer, unread: () => void): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true, encoding: 'latin1' }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') unread();
    else if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    return [];
  }
}
