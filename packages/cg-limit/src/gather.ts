import { Failure, type Host } from '@ctr-tools/cli';
import { dirname, exists, join, namesIn, readText } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { inUserNamespace, resctrlMount } from '@ctr-tools/sys/proc';
import type { AncestorFacts, Facts, GroupFacts } from './facts.ts';
import { carriedBy, type Hierarchy, hierarchiesOf } from './layout.ts';
import { needsNoGroup, type Options } from './options.ts';
import {
  checkPath,
  checkVariable,
  directoryIn,
  freeName,
  isSystemdPath,
  parentIn,
  variableFor,
  withoutDots,
} from './place.ts';
import type { Abilities } from './setting.ts';
import { currentOf } from './settings.ts';
import {
  chooseManager,
  type OwnUnit,
  ownUnit,
  requireManager,
  unitFor,
  unitGroups,
} from './systemd/choose.ts';
import { View } from './view.ts';

/** Read what the limits of `options`, or of `spec`, need to be decided. */
export function gather(
  options: Options | undefined,
  spec: Spec,
  host: Host,
  /** Those of another process, where it is to be moved. */
  of?: readonly Hierarchy[],
): Facts {
  const view = new View(host.earlier);
  const hierarchies = of ?? hierarchiesOf();
  // An empty one is none, as to Go's reader.
  const path = options?.cgroup ?? (withoutDots(spec.linux?.cgroupsPath ?? '') || undefined);
  const container = host.container !== undefined;
  const variable = container ? undefined : host.env.get('CTR_CGROUP') || undefined;
  if (variable !== undefined) checkVariable(variable);
  const unit = options && ownUnit(hierarchies, view);
  const manager = chooseManager({ path, container: host.container, options, variable, unit, host });
  const chosen = path !== undefined && (path.startsWith('/') || isSystemdPath(path));
  // Who names the place, or runs in a group of an outer cg-limit, knows where the command goes.
  const leaves =
    !chosen && !options?.join && variable === undefined && unit && !unit.delegated && isService(unit);
  const id = host.container?.id ?? `ctr-limit-${host.pid}`;
  const join = options?.join ?? false;
  const base = {
    manager,
    container,
    ...(options?.owner && { owner: options.owner }),
    killLeft: options?.killLeft ?? false,
    ...(options?.timeLimit && { timeLimit: options.timeLimit }),
    person: options !== undefined && !container,
    join,
    lifetime: host.container?.lifetime ?? (options?.keep ? 'kept' : 'command'),
    rootless: host.euid !== 0 || inUserNamespace(),
    id,
    ...(leaves && !needsNoGroup(options!) && { leaves: unit.name }),
    ...resctrlFact(spec),
  } as const;
  if (options && needsNoGroup(options))
    return {
      ...base,
      manager: 'files',
      groups: [],
      abilities: { ...abilitiesOf(hierarchies, [], view), anyVersion: true },
    };
  if (manager === 'systemd') {
    const made = unitFor(path, id, host, container);
    requireManager(made, container);
    const groups = unitGroups(made, hierarchies, view, (hierarchy, directory) =>
      groupFacts({ hierarchy, directory, ours: false }, view),
    );
    const placed = groups.map((g) => ({
      hierarchy: hierarchies.find((h) => h.mountPoint === g.mountPoint)!,
      // What an inner tool makes goes below the group that has the process.
      directory: made.scope && g.bySystemd ? `${g.directory}/${made.scope}` : g.directory,
    }));
    return {
      ...base,
      unit: made,
      groups,
      abilities: { ...abilitiesOf(hierarchies, groups, view), anyVersion: !container },
      ...(!container && placed.length > 0 && { variable: variableFor(placed) }),
    };
  }
  const placed = place(hierarchies, view, { path, variable, id, container, join, unit });
  const groups = placed.map((p) => groupFacts(p, view));
  const there = groups.filter((g) => g.exists);
  return {
    ...base,
    groups,
    ...(container && there.length > 0 && { current: { ...currentOf(there, view), running: false } }),
    abilities: { ...abilitiesOf(hierarchies, groups, view), anyVersion: !container },
    ...(!container && placed.length > 0 && { variable: variableFor(placed) }),
  };
}

interface Placed {
  hierarchy: Hierarchy;
  directory: string;
  ours: boolean;
}

interface Wanted {
  path: string | undefined;
  variable: string | undefined;
  id: string;
  container: boolean;
  join: boolean;
  unit: OwnUnit | undefined;
}

/** A person's own manager is a service too; what runs in its group itself is not a service of theirs. */
const isService = ({ name }: OwnUnit): boolean =>
  name.endsWith('.service') && !/^user@\d+\.service$/.test(name);

function place(hierarchies: readonly Hierarchy[], view: View, wanted: Wanted): Placed[] {
  const { path, variable, id, container, join: joining, unit } = wanted;
  if (path !== undefined && isSystemdPath(path) && !container)
    throw new Failure(
      `"${path}" is a unit of systemd's (slice:prefix:name); making it needs --manager systemd, else give a path`,
    );
  const named = path ?? (joining ? variable : undefined);
  if (path !== undefined) checkPath(path, container ? 'linux.cgroupsPath' : '--cgroup', container);
  if (named?.startsWith('/') || named?.includes('=/'))
    return hierarchies.map((hierarchy) => ({
      hierarchy,
      directory: directoryIn(hierarchy, named),
      ours: false,
    }));
  if (joining && named === undefined)
    throw new Failure('--join needs to know the group: give --cgroup PATH, or set CTR_CGROUP');
  const parents = hierarchies.map((h) =>
    parentIn(h, view, variable, unit?.delegated ? unit.directory : undefined),
  );
  if (variable !== undefined && !hierarchies.some((h) => view.exists(directoryIn(h, variable))))
    throw new Failure(
      `CTR_CGROUP names the group ${variable}, which does not exist; unset it, or name one that does`,
    );
  const directories = parents.map((p) => p.directory);
  const name = path ?? (container ? `ctr-run-${id}` : freeName(id, directories, view));
  return hierarchies.map((hierarchy, i) => ({
    hierarchy,
    directory: join(directories[i]!, name),
    ours: parents[i]!.ours,
  }));
}

function groupFacts({ hierarchy: h, directory, ours }: Placed, view: View): GroupFacts {
  const exists = view.exists(directory);
  const missing: string[] = [];
  let nearest = directory;
  while (!view.exists(nearest) && nearest !== h.mountPoint) {
    if (view.isFile(nearest))
      throw new Failure(
        `make the cgroup ${directory}: ${nearest} is a file of the group above; choose another name`,
      );
    missing.unshift(nearest);
    nearest = dirname(nearest);
  }
  if ((h.version === 2 || h.controllers.includes('freezer')) && view.frozen(nearest, h.version))
    throw new Failure(
      `enter the cgroup ${directory}: ${nearest} is frozen, and so would be who enters; cg-limit --thaw ${nearest} ends that`,
    );
  const above = h.version === 2 ? ancestors(h, exists ? dirname(directory) : nearest, ours, view) : [];
  return {
    version: h.version,
    controllers: h.version === 1 ? carriedBy(h) : availableBelow(above, view),
    mountPoint: h.mountPoint,
    directory,
    exists,
    home: view.joinedBelow(h.mountPoint) ?? h.directory,
    populated: exists && view.populated(directory),
    missing,
    writable: view.writable(nearest),
    above,
    ...(h.controllers.includes('cpuset') && h.version === 1 && cpusets(h, nearest, view)),
  };
}

function ancestors(h: Hierarchy, parent: string, ours: boolean, view: View): AncestorFacts[] {
  const list: AncestorFacts[] = [];
  for (let at = parent; ; at = dirname(at)) {
    const root = !view.isFuture(at) && view.read(`${at}/cgroup.events`) === undefined;
    list.unshift({
      directory: at,
      enabled: view.words(`${at}/cgroup.subtree_control`).map((word) => word.replace(/^\+/, '')),
      root,
      populated: !root && view.populated(at),
      ours: ours && at === parent,
    });
    if (at === h.mountPoint || at === '/') return list;
  }
}

/** Controllers that can reach the group: the topmost has them, and each below has them enabled or lets us do it. */
function availableBelow(above: readonly AncestorFacts[], view: View): string[] {
  const [top] = above;
  if (!top) return [];
  return view
    .words(`${top.directory}/cgroup.controllers`)
    .filter((c) =>
      above.every((a) => a.enabled.includes(c) || view.writable(`${a.directory}/cgroup.subtree_control`)),
    );
}

/** What a v1 cpuset below `from` starts with: that of the nearest group which has some; and which groups above have none. */
function cpusets(h: Hierarchy, from: string, view: View): Pick<GroupFacts, 'inherit' | 'starved'> {
  const groups: string[] = [];
  for (let at = from; ; at = dirname(at)) {
    groups.push(at);
    if (at === h.mountPoint || at === '/') break;
  }
  const held = (at: string, file: string): string | undefined => view.read(`${at}/cpuset.${file}`);
  const nearest = (file: string): string => {
    const holder = groups.find((at) => held(at, file));
    return holder === undefined ? '' : held(holder, file)!;
  };
  const inherit = { cpus: nearest('cpus'), mems: nearest('mems') };
  const starved = groups.toReversed().flatMap((directory) => {
    const lacks = (file: 'cpus' | 'mems'): string => (held(directory, file) === '' ? inherit[file] : '');
    const values = { cpus: lacks('cpus'), mems: lacks('mems') };
    return values.cpus || values.mems ? [{ directory, ...values }] : [];
  });
  return { inherit, ...(starved.length > 0 && { starved }) };
}

/** What these hierarchies can express. Controllers of v1 come before those of v2: a controller is in one only. */
export function abilitiesOf(
  hierarchies: readonly Hierarchy[],
  groups: readonly Pick<GroupFacts, 'version' | 'controllers'>[],
  view: View,
): Abilities {
  const carriers: Record<string, 1 | 2> = {};
  for (const { version, controllers } of groups) {
    for (const name of controllers) carriers[name] = version;
    if (version === 2) carriers.unified = 2;
  }
  const blkio = hierarchies.find((h) => h.controllers.includes('blkio'));
  const unified = hierarchies.find((h) => h.version === 2);
  const blkioFiles = blkio ? view.sample(blkio.mountPoint) : [];
  const ioFiles = unified && carriers.io === 2 ? view.sample(unified.mountPoint) : [];
  return {
    carriers,
    hugePages: hugePageSizes(),
    // Where no group shows it yet: CFQ and its blkio.weight went in Linux 5.0.
    blkioWeightFile: blkioFiles.includes('blkio.weight') ? 'blkio.weight' : 'blkio.bfq.weight',
    ioWeightFile: ioFiles.includes('io.bfq.weight') ? 'io.bfq.weight' : 'io.weight',
  };
}

/** `hugepages-2048kB` as the files are called: `2MB` (hugetlb_cgroup.c, mem_fmt). */
export function hugePageSizes(directory = '/sys/kernel/mm/hugepages'): string[] {
  if (!exists(directory)) return [];
  return namesIn(directory)
    .toSorted()
    .flatMap((name) => {
      const [, kib] = /^hugepages-(\d+)kB$/.exec(name) ?? [];
      if (kib === undefined) return [];
      const n = Number(kib);
      return n >= 1 << 20 ? `${n >> 20}GB` : n >= 1 << 10 ? `${n >> 10}MB` : `${n}KB`;
    });
}

/** Where resctrl is mounted; looked for only if the spec asks for it ("MUST NOT manipulate" otherwise). */
function resctrlFact(spec: Spec): { resctrl?: string; schemata?: string } {
  const rdt = spec.linux?.intelRdt;
  if (!rdt) return {};
  const resctrl = resctrlMount();
  if (resctrl === undefined) return {};
  const file = `${resctrl}/${rdt.closID ?? ''}/schemata`;
  const named = rdt.closID !== undefined && exists(file);
  return { resctrl, ...(named && { schemata: readText(file) }) };
}
