import { Failure } from '@ctr-tools/cli';
import { basename, join } from '@ctr-tools/host';
import { mountAttributes } from '@ctr-tools/oci';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';
import { type CgroupHierarchy, cgroupRoot } from '@ctr-tools/sys/proc';
import { type MountContext, noData } from './mounts.ts';

const root = slot('root');
const guarded = MS.NOEXEC | MS.NOSUID | MS.NODEV;

/**
 * A mount of type `cgroup` is whatever this host has for cgroups: a cgroup2, or, on a v1 or
 * hybrid host, a tmpfs with a directory for each v1 hierarchy, as programs expect it. With a
 * cgroup namespace the container mounts its own view; without one its groups are bound, and
 * nothing above them is to be seen.
 */
export function cgroupMountSteps(context: MountContext): AnyStep[] {
  const { mode } = context.facts.cgroups;
  return mode === 'v2' || context.mount.type === 'cgroup2' ? unified(context) : legacy(context);
}

const hasNamespace = ({ spec }: MountContext, type: string): boolean =>
  spec.linux?.namespaces?.some((n) => n.type === type) ?? false;

function unified(context: MountContext): AnyStep[] {
  const { mount, target, options, facts } = context;
  if (facts.userNamespace && !hasNamespace(context, 'cgroup')) {
    // The cgroup namespace is the host's and so not ours to mount from (cgroup_namespaces(7)).
    const hierarchy = facts.cgroups.hierarchies.find((h) => h.version === 2);
    return [bindStep(context, hierarchy?.mountPoint ?? cgroupRoot, target)];
  }
  const source = mount.source ?? 'cgroup2';
  const args = {
    root,
    target,
    type: 'cgroup2',
    source,
    flags: options.flags,
    data: options.data,
    make: 'directory',
  } as const;
  return [step('mounts', 'mount', args, `mount cgroup2 on ${target}`)];
}

function legacy(context: MountContext): AnyStep[] {
  const { target, facts, options } = context;
  if (options.data !== '') throw new Failure(`mount on ${target}: ${noData(options.data)}`);
  const hierarchies = facts.cgroups.hierarchies.filter((h) => h.version === 1);
  const places = hierarchies.map((h) => basename(h.mountPoint));
  const own = hasNamespace(context, 'cgroup');
  return [
    step(
      'mounts',
      'tmpfs',
      { root, target, source: 'tmpfs', flags: guarded, data: 'mode=755' },
      `mount a tmpfs for the cgroups on ${target}`,
    ),
    ...hierarchies.map((hierarchy, i) => {
      const place = join(target, places[i]!);
      return own
        ? ownView(context, hierarchy, place)
        : bindStep(context, facts.cgroupDirectories[hierarchy.id] ?? hierarchy.directory, place);
    }),
    // Controllers that share a hierarchy are found by each one's name.
    ...places
      .filter((place) => place.includes(','))
      .flatMap((place) => place.split(',').map((name) => linkStep(target, name, place))),
    ...(options.flags & MS.RDONLY ? [readonlyStep(target)] : []),
  ];
}

function ownView({ options }: MountContext, hierarchy: CgroupHierarchy, target: string): AnyStep {
  const { name, controllers } = hierarchy;
  const data = [...controllers, ...(name === undefined ? [] : [`name=${name}`])].join(',');
  const flags = guarded | (options.flags & MS.RDONLY);
  const args = {
    root,
    target,
    type: 'cgroup',
    source: name ?? 'cgroup',
    flags,
    data,
    make: 'directory',
  } as const;
  return step('mounts', 'mount', args, `mount the cgroups of ${data} on ${target}`);
}

function bindStep({ options }: MountContext, source: string, target: string): AnyStep {
  const { set, clear } = mountAttributes(options);
  const args = {
    root,
    target,
    source,
    recursive: 1,
    set,
    clear,
    make: 'like_source',
  } as const;
  return step('mounts', 'bind', args, `bind the cgroup ${source} on ${target}`);
}

/** The tmpfs around them, once everything is in it: what is asked for read-only is so as a whole, as with runc. */
function readonlyStep(target: string): AnyStep {
  const args = { root, target, set: MOUNT_ATTR.RDONLY, clear: 0, propagation: 0, recursive: 0 };
  return step('mounts', 'mount_attr', args, `make ${target} read-only`);
}

function linkStep(directory: string, name: string, target: string): AnyStep {
  const path = join(directory, name);
  return step('mounts', 'link_in', { root, path, target }, `link ${path} to ${target}`, {
    unless: ['EEXIST'],
  });
}
