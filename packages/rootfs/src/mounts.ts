import { Failure } from '@ctr-tools/cli';
import { normalize, resolve } from '@ctr-tools/host';
import {
  bindAttributes,
  type IDMapping,
  type Mount,
  type MountOptions,
  parseMountOptions,
  type Spec,
} from '@ctr-tools/oci';
import { type AnyStep, type Int, slot, step } from '@ctr-tools/plan';
import { MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';
import { cgroupMountSteps } from './cgroup.ts';
import { checkDestination, destinationOf, isBind } from './destination.ts';
import { inheritsMounts, type RootfsFacts } from './gather.ts';
import { idmapSteps } from './idmap.ts';

const root = slot('root');

/** What one mount is made from. */
export interface MountContext {
  mount: Mount;
  /** Its place in the spec; names its slots. */
  index: number;
  target: string;
  options: MountOptions;
  spec: Spec;
  facts: RootfsFacts;
}

/** Mounts in the order of the spec. */
export function mountSteps(spec: Spec, facts: RootfsFacts): AnyStep[] {
  return (spec.mounts ?? []).flatMap((mount, index) => {
    checkDestination(mount, facts.procBinds);
    const options = parseMountOptions(mount.options ?? []);
    return oneMount({ mount, index, target: destinationOf(mount), options, spec, facts });
  });
}

function oneMount(context: MountContext): AnyStep[] {
  const { mount } = context;
  if (isBind(mount)) return bindSteps(context);
  if (context.options.idmap || mount.uidMappings || mount.gidMappings) {
    throw new Failure(`mount on ${context.target}: only binds can be idmapped`);
  }
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') return cgroupMountSteps(context);
  if (!mount.type) throw new Failure(`mount on ${context.target}: it has no type, and is no bind`);
  const { target, options } = context;
  return [filesystemStep(context, mount.type), ...afterwards(target, options, options.propagation)];
}

/** Filesystems that cannot carry a label when they are mounted: runc leaves them out too. */
const unlabelled = new Set(['proc', 'sysfs', 'mqueue', 'cgroup', 'cgroup2']);

/** The filesystem's options, with an SELinux label for its files (mount(8), context=). */
function dataOf({ mount, options, spec }: MountContext): string {
  const context = contextOf(spec);
  if (context === undefined || unlabelled.has(mount.type ?? '')) return options.data;
  return [options.data, context].filter((word) => word !== '').join(',');
}

/** The option that gives a filesystem the label of `linux.mountLabel`. */
export function contextOf({ linux }: Spec): string | undefined {
  return linux?.mountLabel ? `context="${linux.mountLabel}"` : undefined;
}

const hints = {
  EPERM:
    'it needs CAP_SYS_ADMIN over the mount namespace; in a user namespace some types are not allowed, or what the host covers in them forbids it',
  ENODEV: 'the kernel does not know this filesystem type',
  EINVAL: "the filesystem does not take these options; the kernel's log may say which",
  EBUSY: 'the source is mounted already, with other options',
  ELOOP: 'links lead in a circle, or where no mount may go',
};

/**
 * What is peculiar to a type. A procfs or sysfs of a user namespace may show no more than those that its mount namespace
 * has already (fs/namespace.c, mount_too_revealing); an overlay is no upper layer of another (overlayfs.rst, "Upper and
 * Lower").
 */
const revealing =
  'where a container in a container has a user namespace, the outer one may mask nothing of it: run that one with --security-opt systempaths=unconfined (Docker) or unmask=ALL (podman), or bind its own';
const hintsOfTypes: Record<string, Record<string, string>> = {
  proc: { EPERM: revealing },
  sysfs: { EPERM: revealing },
  overlay: {
    EINVAL:
      'upperdir and workdir lie on one file system, which can be written and is not an overlay itself: take a volume or a tmpfs',
  },
};

/**
 * What the maps of a user namespace make fail. The kernel makes no file for an ID that the file system's namespace has
 * not (fs/namei.c, may_create: EOVERFLOW), and takes none in an option (fs/devpts, `gid=`: EINVAL).
 */
function hintsOf({ mount, spec, options }: MountContext): Record<string, string> {
  const { uidMappings, gidMappings } = spec.linux ?? {};
  const lacks = (maps: IDMapping[] | undefined, id: number): boolean =>
    !!maps?.length && !maps.some((map) => id >= map.containerID && id < map.containerID + map.size);
  const group = /(?:^|,)gid=(\d+)(?:,|$)/.exec(options.data)?.[1];
  return {
    ...hints,
    ...hintsOfTypes[mount.type ?? ''],
    ...((lacks(uidMappings, 0) || lacks(gidMappings, 0)) && {
      EOVERFLOW:
        'the maps of the user namespace have no ID 0, as which the container is set up: add a mapping with containerID 0 to uidMappings and gidMappings',
    }),
    ...(group !== undefined &&
      lacks(gidMappings, Number(group)) && {
        EINVAL: `gidMappings have no group ${group}, which the option gid=${group} names`,
      }),
  };
}

function filesystemStep(context: MountContext, type: string): AnyStep {
  const { mount, target, options } = context;
  const source = mount.source ?? type;
  const data = dataOf(context);
  const doing = `mount ${type} on ${target}`;
  const hints = hintsOf(context);
  // What is written into it later keeps it writable until then.
  const flags = latelyReadonly(mount) ? options.flags & ~MS.RDONLY : options.flags;
  if (options.tmpcopyup) {
    if (type !== 'tmpfs') throw new Failure(`mount on ${target}: tmpcopyup is for a tmpfs, not for ${type}`);
    return step('mounts', 'tmp_copy_up', { root, target, flags, data }, doing, { hints });
  }
  if (type === 'tmpfs' && !options.remount) {
    return step('mounts', 'tmpfs', { root, target, source, flags, data }, doing, { hints });
  }
  const make = options.remount ? 'nothing' : 'directory';
  return step('mounts', 'mount', { root, target, type, source, flags, data, make }, doing, { hints });
}

/**
 * A bind. Where the container has a user namespace, its root may have no right to the source's
 * path: then the host takes hold of the tree before the container is born.
 *
 * Without flags among its options it keeps those of the source's mount; with any they are the whole
 * set (`bindAttributes`). What is none of our options can only be data, of which a bind has none: the kernel
 * would pass over it, and "RO" leave the bind writable (runc's validator, checkBindOptions).
 */
function bindSteps(context: MountContext): AnyStep[] {
  const { mount, index, target, options, facts } = context;
  if (!mount.source) throw new Failure(`mount on ${target}: a bind needs a source`);
  const source = sourceOf(context, resolve(facts.bundle, mount.source));
  const recursive = options.recursiveBind || mount.type === 'rbind' ? 1 : 0;
  if (options.data !== '') throw new Failure(`mount on ${target}: ${noData(options.data)}`);
  const { set, clear, lift } = bindAttributes(options);
  const doing = `bind ${source} on ${target}`;
  const idmap = idmapSteps(context);
  const early = (facts.openTrees && !facts.lateBinds.includes(index)) || idmap.length > 0;
  const fd: Int = early ? slot(`mount.${index}`) : -1;
  const steps: AnyStep[] = [];
  if (early) {
    steps.push(
      step('descriptors', 'open_tree', { path: source, recursive, fd: slot(`mount.${index}`) }, doing, {
        side: 'host',
        hints: { EPERM: 'this needs CAP_SYS_ADMIN', ENOENT: 'the source is not there' },
      }),
      ...idmap,
    );
  }
  const [first, ...rest] = options.propagation;
  // A tree taken from the host's namespace is still one with the host's: what is mounted in the
  // container would appear there. Elsewhere the whole namespace was made a slave before.
  const propagation = first ?? (early ? MS.SLAVE | (recursive ? MS.REC : 0) : 0);
  const bind = {
    root,
    target,
    source,
    fd,
    recursive,
    set,
    clear,
    lift,
    propagation,
    make: 'like_source',
  } as const;
  steps.push(
    step('mounts', 'bind', bind, doing, {
      hints: {
        ENOENT: 'the source is not there',
        EACCES: "the container's root has no right to the source",
        EPERM:
          'an option would lift what the host locked (rw, suid, dev, exec or an access time), or the source is not ours to bind',
      },
    }),
    ...afterwards(target, options, rest),
  );
  return steps;
}

/** Where a source below the root is to be found once mounts were made there. */
function sourceOf({ index, spec, facts }: MountContext, source: string): string {
  const { inherited, rootPath, lateBinds } = facts;
  if (!inherited || !inheritsMounts(spec) || !lateBinds.includes(index)) return source;
  return source.startsWith(`${rootPath}/`) ? `${inherited.place}${source.slice(rootPath.length)}` : source;
}

/** Why options that are none of ours are refused where no file system takes them. */
export const noData = (data: string): string =>
  `"${data}" is not a mount option, and there is no file system here that it could be for (options are words of a list, in small letters)`;

interface Attributes {
  set?: number;
  clear?: number;
  propagation?: number;
  recursive: number;
}

function attrStep(target: string, attributes: Attributes, doing: string): AnyStep {
  return step(
    'mounts',
    'mount_attr',
    { root, target, set: 0, clear: 0, propagation: 0, ...attributes },
    doing,
    {
      hints: { ENOSYS: 'recursive attributes need mount_setattr(2), Linux 5.12' },
    },
  );
}

/** Recursive attributes and propagation, once something is mounted. */
function afterwards(target: string, options: MountOptions, propagations: readonly number[]): AnyStep[] {
  const { set, clear } = options.recursive;
  const steps: AnyStep[] = [];
  if (set || clear) {
    steps.push(attrStep(target, { set, clear, recursive: 1 }, `set attributes of all mounts at ${target}`));
  }
  for (const flags of propagations) {
    const recursive = flags & MS.REC ? 1 : 0;
    const propagation = flags & ~MS.REC;
    steps.push(attrStep(target, { propagation, recursive }, `set the propagation of ${target}`));
  }
  return steps;
}

/** A tmpfs and whatever is at /dev: nodes, links and mount points are still to be made in them. */
const latelyReadonly = (mount: Mount): boolean =>
  !isBind(mount) && (mount.type === 'tmpfs' || destinationOf(mount) === '/dev');

/** Mounts that become read-only when nothing is to be made in them any more. */
export function readonlyAfterwards(spec: Spec): AnyStep[] {
  return (spec.mounts ?? [])
    .filter((m) => latelyReadonly(m) && parseMountOptions(m.options ?? []).flags & MS.RDONLY)
    .map((m) => {
      const target = normalize(destinationOf(m));
      const args = { root: -1, target, set: MOUNT_ATTR.RDONLY, clear: 0, propagation: 0, recursive: 0 };
      return step('masks', 'mount_attr', args, `make ${target} read-only`);
    });
}
