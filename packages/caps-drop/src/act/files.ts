import { err, Failure, type Host, kernelWords, out, type Parsed, printable } from '@ctr-tools/cli';
import { attribute, type Entry, encodeBytes, entriesIn, errorCode, lstat, resolve } from '@ctr-tools/host';
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
  const isFile = look(value, top);
  const skip = new Set(
    readMountinfo()
      .filter((m) => unreal.has(m.type))
      .map((m) => m.mountPoint),
  );
  const found: { path: string; capabilities: FileCapabilities }[] = [];
  let unread = 0;
  for (const path of isFile ? [top] : walk(top, skip, () => unread++)) {
    const capabilities = capabilitiesOf(path);
    if (!capabilities) continue;
    if (json) found.push({ path, capabilities });
    else out(`${host.tty[1] ? printable(path) : path} ${fileCapabilitiesText(capabilities)}\n`);
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

/** Whether it is a regular file. */
function look(value: string, path: string): boolean {
  try {
    return lstat(path).isFile();
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'there is no such directory' : kernelWords(error);
    throw new Failure(`look below ${value}: ${why}`);
  }
}

/** What a file grants; nothing where it is gone meanwhile. */
function capabilitiesOf(path: string): FileCapabilities | undefined {
  try {
    const found = attribute(path, 'security.capability');
    return found === undefined ? undefined : parseFileCapabilities(encodeBytes(found));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Failure(`ask what ${path} grants: ${kernelWords(error)}`);
  }
}

/** Regular files below a directory. */
function* walk(top: string, skip: ReadonlySet<string>, unread: () => void): Generator<string> {
  const pending = [top];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    if (skip.has(dir)) continue;
    for (const { name, type } of entries(dir, unread)) {
      const below = dir === '/' ? `/${name}` : `${dir}/${name}`;
      if (type === 'directory') pending.push(below);
      else if (type === 'file') yield below;
    }
  }
}

function entries(dir: string, unread: () => void): Entry[] {
  try {
    return entriesIn(dir);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EACCES' || code === 'EPERM') unread();
    else if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    return [];
  }
}
