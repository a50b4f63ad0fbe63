/** The impure step: what the decisions of `amend` and `steps` need to know of the machine. */
import { err, Failure, type Host } from '@ctr-tools/cli';
import { dirname, exists, join, lstatIfAny, namesIn, readText, realPath, stat } from '@ctr-tools/host';
import { type IDMapping, parseId, requireId, type Spec } from '@ctr-tools/oci';
import { capabilitiesAfter } from '@ctr-tools/plan';
import { type NamespaceFile, namespaceFlags } from '@ctr-tools/sys/constants';
import {
  callerPid,
  mountAt,
  mountOf,
  parseSubordinate,
  rangesOf,
  readMountinfo,
  readStatus,
  type SubordinateRange,
} from '@ctr-tools/sys/proc';
import type { CallerFacts, Facts, TargetFacts } from './facts.ts';
import { findTarget } from './find-target.ts';
import { mapsOfJoined } from './joined-maps.ts';
import { fileOf, type Kind, kinds, optionOf } from './kinds.ts';
import { type Block, overlay, parseMapFile } from './maps.ts';
import { etcOf, fileByName, NETNS } from './names.ts';
import { inspectFile } from './namespace-file.ts';
import { isTargets, type MapOption, type Options } from './options.ts';
import { namespaceOf } from './proc.ts';

export function gather(options: Options | undefined, spec: Spec, host: Host): Facts {
  const caller = gatherCaller(host, mapsIds(options, spec));
  const found = options?.target ? findTarget(options, host, caller) : undefined;
  const target = found && 'pid' in found ? found : undefined;
  const joins = options ? joinsOf(options, caller, found) : [];
  checkKinds(options?.create ?? [], spec, caller);
  const inodes: Record<string, number> = {};
  const named = [
    ...joins,
    ...(spec.linux?.namespaces ?? []).flatMap(({ type, path }) => (path ? [{ kind: type, path }] : [])),
  ];
  for (const { kind, path } of named) inodes[path] = inspectFile(kind, path);
  const maps = options ? gatherMaps(options, host, caller) : {};
  const user = spec.linux?.namespaces?.find(({ type }) => type === 'user')?.path;
  const joinedMaps = user && mapsIds(undefined, spec) ? mapsOfJoined(user, inodes[user]) : undefined;
  const root = options?.root;
  return {
    ...(options && { options }),
    caller,
    ...(target && { target }),
    joins,
    inodes,
    ...maps,
    ...(joinedMaps && { joinedMaps }),
    lastCapability: Number(readText('/proc/sys/kernel/cap_last_cap')),
    ...(options && gatherPins(options)),
    ...(options?.netns !== undefined && gatherNetns(options.netns)),
    procInRoot: root !== undefined && !isTargets(root) && isDirectory(join(root, 'proc')),
  };
}

/** What is there of the places of `--pin` and `--new KIND=FILE`; refuses what would hide or destroy somebody's. */
function gatherPins(o: Options): Pick<Facts, 'pinMissing' | 'pinFiles' | 'netnsMounted'> {
  if (o.pin !== undefined) return { pinMissing: missing(o.pin) };
  if (o.pins.length === 0) return {};
  const mounts = readMountinfo();
  for (const { kind, file } of o.pins) {
    const doing = `pin the ${optionOf(kind)} namespace on ${file}`;
    const there = lstatIfAny(file);
    if (!there) continue;
    const path = realPath(file);
    if (mountAt(path, mounts)?.type === 'nsfs')
      throw new Failure(
        `${doing}: a namespace is pinned there already; ns-enter --unpin ${file}${dirname(path) === NETNS ? ', or ip netns del,' : ''} lets it go`,
      );
    if (!there.isFile() || there.size > 0)
      throw new Failure(`${doing}: it is there, and is not an empty file`);
  }
  for (const { kind, file } of o.pins) {
    const above = existing(dirname(file));
    if (kind === 'mount' && mountOf(realPath(above), mounts)?.tags.some((tag) => tag.startsWith('shared:')))
      throw new Failure(
        `pin the mount namespace on ${file}: ${above} lies in a shared mount, where none can be bound (mount_namespaces(7)); --pin DIR makes a private one`,
      );
  }
  return {
    pinMissing: [...new Set(o.pins.flatMap(({ file }) => missing(dirname(file))))],
    pinFiles: o.pins.map(({ file }) => file).filter((file) => exists(file)),
    netnsMounted: mountAt(NETNS, mounts) !== undefined,
  };
}

/** The directories of a path that are not there, the highest first. */
const missing = (path: string): string[] => (exists(path) ? [] : [...missing(dirname(path)), path]);

const existing = (path: string): string => (exists(path) ? path : existing(dirname(path)));

/** As ip-netns(8), which says of a file without a counterpart in /etc that it cannot be bound, and goes on. */
function gatherNetns(name: string): Pick<Facts, 'netnsFiles' | 'sysReadOnly'> {
  const directory = etcOf(name);
  const names = isDirectory(directory) ? namesIn(directory).toSorted() : [];
  const [there, lacking] = [
    names.filter((file) => exists(join('/etc', file))),
    names.filter((file) => !exists(join('/etc', file))),
  ];
  for (const file of lacking)
    err(`ns-enter: ${join(directory, file)} is left out: there is no /etc/${file} to bind it on\n`);
  const sys = mountAt('/sys', readMountinfo());
  return { netnsFiles: there, sysReadOnly: sys?.options.includes('ro') ?? false };
}

/** Who may not look takes it for absent. */
function isThere(path: string, what: 'isFile' | 'isDirectory'): boolean {
  try {
    return stat(path)[what]();
  } catch {
    return false;
  }
}

const isDirectory = (path: string): boolean => isThere(path, 'isDirectory');
const isFile = (path: string): boolean => isThere(path, 'isFile');

/** Whether ranges and helpers can matter. */
function mapsIds(o: Options | undefined, spec: Spec): boolean {
  if (o && (o.mapUsers.length > 0 || o.mapGroups.length > 0)) return true;
  return (spec.linux?.uidMappings ?? spec.linux?.gidMappings) !== undefined;
}

function gatherCaller(host: Host, maps: boolean): CallerFacts {
  const status = capabilitiesAfter(readStatus(callerPid(host.pid)), host.earlier ?? []);
  const namespaces: Partial<Record<NamespaceFile, number>> = {};
  for (const file of Object.keys(namespaceFlags) as NamespaceFile[]) {
    // The planner is the launcher's child, and in the same namespaces.
    const inode = namespaceOf('self', file);
    if (inode !== undefined) namespaces[file] = inode;
  }
  return {
    uid: host.euid,
    gid: host.egid,
    effective: status.effective,
    permitted: status.permitted,
    namespaces,
    subuids: [],
    subgids: [],
    ...(maps && gatherRanges(host)),
    rootfsVariable: host.env.has('CTR_ROOTFS'),
  };
}

type Ranges = Pick<CallerFacts, 'subuids' | 'subgids' | 'newuidmap' | 'newgidmap'>;

function gatherRanges(host: Host): Ranges {
  const name = userName(host.euid);
  const newuidmap = findHelper('newuidmap', host);
  const newgidmap = findHelper('newgidmap', host);
  return {
    subuids: rangesOf(subordinates('/etc/subuid'), host.euid, name),
    // Group ranges belong to users as well (subgid(5)).
    subgids: rangesOf(subordinates('/etc/subgid'), host.euid, name),
    ...(newuidmap && { newuidmap }),
    ...(newgidmap && { newgidmap }),
  };
}

function readIfThere(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}

/**
 * The files alone are read. Where nsswitch.conf(5) names another source (sssd), `getsubids`
 * would know more; then ranges are given with INNER:OUTER:COUNT, and newuidmap(1) checks them.
 */
const subordinates = (path: string): SubordinateRange[] => parseSubordinate(readIfThere(path));

function userName(uid: number): string | undefined {
  return readIfThere('/etc/passwd')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(uid))?.[0];
}

function idByName(flag: 'map-user' | 'map-group', word: string): number {
  const number = parseId(word, `--${flag}`);
  if (number !== undefined) return number;
  const file = flag === 'map-user' ? '/etc/passwd' : '/etc/group';
  const line = readIfThere(file)
    .split('\n')
    .map((text) => text.split(':'))
    .find((fields) => fields[0] === word);
  if (!line) throw new Failure(`--${flag} ${word}: no such name in ${file}; give a number`);
  return requireId(line[2], `--${flag} ${word}: in ${file} its ID`);
}

/** Set-user-ID helpers are taken from the caller's PATH, then from where they usually are. */
function findHelper(name: string, host: Host): string | undefined {
  const path = `${host.env.get('PATH') ?? ''}:/usr/bin:/bin:/usr/local/bin`;
  return path
    .split(':')
    .filter((dir) => dir.startsWith('/'))
    .map((dir) => join(dir, name))
    .find(isFile);
}

/** A kind that this kernel was built without has no file in /proc/self/ns. */
function checkKinds(create: readonly Kind[], spec: Spec, caller: CallerFacts): void {
  const wanted = [...create, ...(spec.linux?.namespaces ?? []).map(({ type }) => type)];
  for (const kind of wanted) {
    if (caller.namespaces[fileOf(kind)] !== undefined) continue;
    const config =
      kind === 'mount'
        ? 'NAMESPACES'
        : `${kind === 'network' ? 'NET' : kind === 'cgroup' ? 'CGROUPS' : kind.toUpperCase()}_NS`;
    throw new Failure(
      `this kernel has no ${optionOf(kind)} namespaces (CONFIG_${config}); leave ${optionOf(kind)} out`,
    );
  }
}

function joinsOf(
  options: Options,
  caller: CallerFacts,
  found: TargetFacts | { directory: string; files: ReadonlySet<string> } | undefined,
): { kind: Kind; path: string }[] {
  const byFile = new Map(
    options.join.map(({ kind, file, name }) => [kind, name === undefined ? file : whereNamed(name, file!)]),
  );
  return kinds.flatMap((kind) => {
    const named = byFile.get(kind);
    if (named !== undefined) return [{ kind, path: named }];
    const file = fileOf(kind);
    if (!found || (!byFile.has(kind) && !options.all) || options.create.includes(kind)) return [];
    if (!('pid' in found)) {
      if (found.files.has(file)) return [{ kind, path: join(found.directory, file) }];
      if (!byFile.has(kind)) return [];
      throw new Failure(
        `no ${optionOf(kind)} namespace is pinned in ${found.directory} (it has ${[...found.files].join(', ') || 'none'})`,
      );
    }
    if (found.namespaces[file] === undefined) {
      if (!byFile.has(kind)) return [];
      throw new Failure(`this kernel has no ${optionOf(kind)} namespaces; leave --${optionOf(kind)} out`);
    }
    if (!byFile.has(kind) && found.namespaces[file] === caller.namespaces[file]) return [];
    return [{ kind, path: `/proc/${found.pid}/ns/${file}` }];
  });
}

function whereNamed(name: string, file: string): string {
  const found = fileByName(name, file);
  if (found !== undefined) return found;
  throw new Failure(
    `join the net namespace ${name}: there is none of this name in ${NETNS} (ip netns list), nor a file ${file}`,
  );
}

/** What the `--map-*` flags come to. */
function gatherMaps(o: Options, host: Host, caller: CallerFacts): Pick<Facts, 'uidMappings' | 'gidMappings'> {
  const one = (flag: 'map-user' | 'map-group', word: string | undefined, own: number) =>
    word === undefined ? undefined : { inner: word === 'current' ? own : idByName(flag, word), outer: own };
  const map = (
    flag: 'map-users' | 'map-groups',
    ranges: readonly MapOption[],
    single: { inner: number; outer: number } | undefined,
  ): readonly IDMapping[] | undefined => {
    if (ranges.length === 0 && !single) return undefined;
    return overlay(
      single,
      ranges.flatMap((range) => blocks(flag, range, host, caller)),
    );
  };
  const uidMappings = map('map-users', o.mapUsers, one('map-user', o.mapUser, host.euid));
  const gidMappings = map('map-groups', o.mapGroups, one('map-group', o.mapGroup, host.egid));
  return { ...(uidMappings && { uidMappings }), ...(gidMappings && { gidMappings }) };
}

function blocks(
  flag: 'map-users' | 'map-groups',
  range: MapOption,
  host: Host,
  caller: CallerFacts,
): Block[] {
  if (typeof range === 'object') return [range];
  const users = flag === 'map-users';
  if (range === 'all')
    // What is inside for us is outside for the new namespace.
    return parseMapFile(readText(`/proc/self/${users ? 'uid' : 'gid'}_map`)).map((m) => ({
      containerID: m.containerID,
      hostID: m.containerID,
      size: m.size,
    }));
  const file = users ? '/etc/subuid' : '/etc/subgid';
  const first = (users ? caller.subuids : caller.subgids)[0];
  if (!first)
    throw new Failure(
      `--${flag} ${range}: ${file} has no range for ${userName(host.euid) ?? `UID ${host.euid}`}; ` +
        `root adds one with usermod --add-sub${users ? 'uids' : 'gids'} 100000-165535 USER`,
    );
  return [
    {
      containerID: range === 'auto' ? 0 : first.start,
      hostID: first.start,
      size: first.count,
      ...(range === 'auto' && { movable: true }),
    },
  ];
}
