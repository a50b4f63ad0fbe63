/** Who makes the group: this tool by files, or systemd, which undoes what others do in its own tree. */
import { type ContainerContext, Failure, type Host } from '@ctr-tools/cli';
import { attribute, basename, dirname, exists, join, readText, statIfAny } from '@ctr-tools/host';
import { namespacesOf } from '@ctr-tools/plan';
import { CLONE } from '@ctr-tools/sys/constants';
import type { GroupFacts, UnitFacts } from '../facts.ts';
import { carriedBy, type Hierarchy } from '../layout.ts';
import type { Options } from '../options.ts';
import { isSystemdPath } from '../place.ts';
import type { View } from '../view.ts';

interface Choice {
  path: string | undefined;
  container: ContainerContext | undefined;
  options: Options | undefined;
  variable: string | undefined;
  /** The unit in which the caller is. */
  unit: OwnUnit | undefined;
  host: Host;
}

/** A unit of systemd's whose group has the caller. */
export interface OwnUnit {
  name: string;
  /** The unit's group, where the caller is in it or below. */
  directory: string;
  /** Whether what is below the group is left to who runs in it (Delegate=yes). */
  delegated: boolean;
}

/**
 * - A container of ctr-run: as it was asked (`--systemd-cgroup`), because an engine knows best.
 * - `--manager`: as it says. `slice:prefix:name`: systemd.
 * - Any other path, `--join`, or a group inside a group (CTR_CGROUP): files; systemd delegates below its scopes.
 * - Files in a unit that is delegated: below its group, where its limits hold and its end ends all.
 * - Else systemd where it runs as PID 1 (sd_booted(3)), we may ask it and our PIDs mean the same to it; else files.
 *
 * Throws a `Failure` where systemd is asked for by name, but would take our PIDs for other processes.
 */
export function chooseManager({
  path,
  container,
  options,
  variable,
  unit,
  host,
}: Choice): 'files' | 'systemd' {
  if (container) return container.systemdCgroup ? bySystemd(host) : 'files';
  if (options?.manager) return options.manager === 'systemd' ? bySystemd(host) : 'files';
  if (path !== undefined && isSystemdPath(path)) return bySystemd(host);
  if (path !== undefined || options?.join || variable !== undefined || unit?.delegated) return 'files';
  if (options === undefined || !exists('/run/systemd/system') || !sharesPids(host)) return 'files';
  return exists(managerOf(host).socket) ? 'systemd' : 'files';
}

function bySystemd(host: Host): 'systemd' {
  const way = host.container ? 'leave out --systemd-cgroup' : 'use --manager files';
  if (!exists('/run/systemd/system')) {
    // A user's own manager may be reached where the system's directory is not (sd_booted(3) asks for no other).
    if (exists(managerOf(host).socket)) return 'systemd';
    throw new Failure(
      `have systemd make the group: systemd does not run here (there is no /run/systemd/system); ${way}`,
    );
  }
  const first = firstProcess();
  if (!isSystemd(first))
    throw new Failure(
      `have systemd make the group: PID 1 is "${first}" here and not systemd, which is of another PID namespace or of another boot and would take our PIDs for others; ${way}`,
    );
  if (!sharesPids(host))
    throw new Failure(
      `have systemd make the group: it counts processes in another PID namespace and would take another for this one; ${way}`,
    );
  return 'systemd';
}

const firstProcess = (): string => (text('/proc/1/comm') ?? 'systemd').trim();
const isSystemd = (name: string): boolean => /^(systemd|init)$/.test(name);

/**
 * The unit that the caller is in: the nearest group above it with a unit's name. systemd marks the group of a unit that
 * is delegated (Delegate= of systemd.resource-control(5)) by an attribute: `user.delegate`, or `trusted.delegate` before 251
 * and to root alone (systemd's CGROUP_DELEGATION.md).
 */
export function ownUnit(hierarchies: readonly Hierarchy[], view: View): OwnUnit | undefined {
  for (const h of [...hierarchies.filter((h) => h.version === 2), ...hierarchies]) {
    if (h.version === 1 && h.name !== 'systemd') continue;
    const own = view.joinedBelow(h.mountPoint) ?? h.directory;
    for (let at = own; at.startsWith(`${h.mountPoint}/`); at = dirname(at)) {
      const name = basename(at);
      if (!/.\.(?:service|scope)$/.test(name) || view.isFuture(at)) continue;
      const marks = ['user.delegate', 'trusted.delegate'].map((mark) => attributeOf(at, mark));
      return { name, directory: at, delegated: marks.includes('1') };
    }
  }
  return undefined;
}

function attributeOf(path: string, name: string): string | undefined {
  try {
    return attribute(path, name);
  } catch {
    return undefined;
  }
}

/**
 * Whether a PID of ours is the same process to systemd: the PID 1 of our /proc is systemd, and we
 * have no other PID behind the one there (proc_pid_status(5), NSpid). Where /proc hides it
 * (hidepid), it is believed to be.
 */
function sharesPids({ earlier }: Host): boolean {
  if (earlier?.some((step) => namespacesOf(step) & BigInt(CLONE.NEWPID))) return false;
  const [, pids] = /^NSpid:\s+(.*)$/m.exec(text('/proc/self/status') ?? '') ?? [];
  if (pids?.includes('\t')) return false;
  return isSystemd(firstProcess());
}

function text(path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}

const systemSocket = '/run/systemd/private';

/**
 * Which manager answers us, by its private socket: the system's is root's, and nobody else may
 * connect to it. Root of a user namespace is somebody else, who sees another owner of it.
 */
export function managerOf(host: Pick<Host, 'env' | 'euid'>): { user: boolean; socket: string } {
  const owner = statIfAny(systemSocket)?.uid;
  if (host.euid === 0 && (owner === undefined || owner === 0)) return { user: false, socket: systemSocket };
  const runtime = host.env.get('XDG_RUNTIME_DIR') || `/run/user/${host.euid}`;
  return { user: true, socket: join(runtime, 'systemd/private') };
}

/** Refuse before anything is made what a manager that does not run cannot do. Throws a `Failure`. */
export function requireManager(
  { user, socket }: Pick<UnitFacts, 'user' | 'socket'>,
  container: boolean,
): void {
  if (!user || exists(socket)) return;
  const way = container ? 'leave out --systemd-cgroup' : 'use --manager files';
  throw new Failure(
    `have systemd make the group: this user has no session, and so no systemd of their own (there is no ${socket}); log in, have root run loginctl enable-linger, or ${way}`,
  );
}

/**
 * `slice:prefix:name` → unit and slice; without a path, a scope of its own under the default slice.
 * A name that ends in .slice is a slice, as with runc (its getUnitName); a container has a scope. A container's scope has the
 * dash also where there is nothing before it (`-web.scope`), as with runc and crun, so that all mean the same unit.
 */
export function unitFor(path: string | undefined, id: string, host: Host, container: boolean): UnitFacts {
  const manager = managerOf(host);
  const standard = manager.user ? 'user.slice' : 'system.slice';
  if (path === undefined)
    return { name: `${container ? 'ctr-run-' : ''}${escapeUnit(id)}.scope`, slice: standard, ...manager };
  if (!isSystemdPath(path))
    throw new Failure(
      `with systemd a cgroupsPath is slice:prefix:name (as system.slice:ctr:web), not "${path}"`,
    );
  const [slice, prefix, name] = path.split(':') as [string, string, string];
  if (slice !== '' && !slice.endsWith('.slice'))
    throw new Failure(`"${slice}" is not a slice; its name ends in .slice`);
  if (name.endsWith('.slice')) {
    if (container)
      throw new Failure(`"${name}" is a slice, which holds units and no processes; give another name`);
    return { ...sliceFor(name, slice, prefix), scope: `${escapeUnit(id)}.scope`, ...manager };
  }
  return {
    name: unitName(`${prefix || container ? `${prefix}-` : ''}${name}.scope`),
    slice: slice || standard,
    ...manager,
  };
}

function unitName(name: string): string {
  if (!/^[\w:.\\@-]+$/.test(name))
    throw new Failure(`"${name}" is not a name for a unit; letters, digits and :-_.\\@ are`);
  if (name.length > 255) throw new Failure(`"${name}" is longer than the 255 letters of a unit's name`);
  return name;
}

/** A slice lies where its name says (systemd.slice(5)); whoever says it twice must say the same. */
function sliceFor(name: string, slice: string, prefix: string): { name: string; slice: string } {
  const above = dirname(slicePath(unitName(name)));
  const parent = above === '.' ? '-.slice' : basename(above);
  if (name === '-.slice')
    throw new Failure(`"${name}" is the slice of the whole machine; name one of your own`);
  if (prefix !== '' || (slice !== '' && slice !== parent))
    throw new Failure(
      `the slice "${name}" lies in ${parent}, as the dashes of its name say; give it as ::${name}`,
    );
  return { name, slice: parent };
}

const escapeUnit = (text: string): string =>
  text.replace(/[^\w:.@-]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** `a-b.slice` lies in `a.slice`: systemd.slice(5). `-.slice` is the root. */
export function slicePath(slice: string): string {
  if (slice === '-.slice') return '';
  const name = slice.slice(0, -'.slice'.length);
  if (name === '' || name.startsWith('-') || name.endsWith('-') || name.includes('--'))
    throw new Failure(`"${slice}" is not a slice; dashes part its levels, one by one`);
  const parts = name.split('-');
  return parts.map((_, i) => `${parts.slice(0, i + 1).join('-')}.slice`).join('/');
}

/** The group of a slice, as a path from the root: the system's, or the caller's own manager's. */
export function sliceGroup(name: string, hierarchies: readonly Hierarchy[], host: Host): string {
  const { user, socket } = managerOf(host);
  return join('/', user ? userManagerPath(hierarchies, socket) : '', slicePath(name));
}

/** Whether systemd has a group for each of its units there: in v2, and in the v1 hierarchies that it manages. */
const managed = (h: Hierarchy): boolean =>
  h.version === 2 || h.name === 'systemd' || h.controllers.some((c) => systemdControllers.has(c));

/**
 * The groups of the unit, which systemd will make. The v1 hierarchies that it leaves alone
 * (cpuset, freezer, net_cls and others) get a group at the same place by files, as with runc.
 */
export function unitGroups(
  unit: UnitFacts,
  hierarchies: readonly Hierarchy[],
  view: View,
  byFiles: (h: Hierarchy, directory: string) => GroupFacts,
): GroupFacts[] {
  const manager = unit.user ? userManagerPath(hierarchies, unit.socket) : '';
  const below = join(manager, unit.scope ? slicePath(unit.name) : join(slicePath(unit.slice), unit.name));
  return hierarchies.map((h) => {
    const directory = join(h.mountPoint, below);
    if (!managed(h)) return byFiles(h, directory);
    const delegated = `${join(h.mountPoint, manager)}/cgroup.controllers`;
    return {
      version: h.version,
      controllers: h.version === 1 ? carriedBy(h) : view.words(delegated),
      mountPoint: h.mountPoint,
      directory,
      exists: view.exists(directory),
      populated: view.exists(directory) && view.populated(directory),
      missing: [],
      writable: true,
      bySystemd: true,
      above: [],
    };
  });
}

/** Those in which systemd 252 makes a unit's group on v1 (CGROUP_MASK_V1); cpuacct only as a part of cpu's hierarchy. */
const systemdControllers = new Set(['cpu', 'blkio', 'memory', 'devices', 'pids']);

/** The group of the user's manager: user@UID.service above the caller, or beside the session that it has logged in to. */
function userManagerPath(hierarchies: readonly Hierarchy[], socket: string): string {
  const own = hierarchies.find((h) => h.version === 2)?.path ?? '';
  for (let at = own; at.length > 1; at = dirname(at)) if (/\/user@\d+\.service$/.test(at)) return at;
  const [, uid] = /^\/run\/user\/(\d+)\//.exec(socket) ?? [];
  if (uid === undefined)
    throw new Failure(
      `find the group of the user's systemd: ${socket} does not say whose it is, and ${own || 'the caller'} is not below it; set XDG_RUNTIME_DIR to /run/user/UID`,
    );
  return `/user.slice/user-${uid}.slice/user@${uid}.service`;
}
