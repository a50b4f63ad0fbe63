/**
 * The one table of mount options: config.md of runtime-spec 1.3.0, "Linux mount options",
 * which follows mount(8). What is not in it belongs to the file system and becomes data.
 */
import { MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';

export interface MountOptions {
  /** MS_* to set, MS_BIND, MS_REC and MS_REMOUNT among them; no propagation. */
  flags: number;
  /** MS_* that were explicitly taken away (`rw`, `suid`): they matter when a bind inherits them. */
  clear: number;
  bind: boolean;
  recursiveBind: boolean;
  remount: boolean;
  /** MS_SHARED and the like, with MS_REC where recursive, in the order given. */
  propagation: number[];
  /** MOUNT_ATTR_* for the whole tree of mounts (`rro` …), ready for mount_setattr(2). */
  recursive: { set: number; clear: number };
  /** Whether the mount is idmapped, and whether the mounts below it are too. */
  idmap?: 'idmap' | 'ridmap';
  /** Copy what the tmpfs covers into it. */
  tmpcopyup: boolean;
  /** The file system's own options, for the last argument of mount(2). */
  data: string;
}

type Effect =
  | { set: number }
  | { clear: number }
  | { propagation: number }
  /** Recursive attributes: bits on or off, or the access-time field's new value. */
  | { attrSet: number }
  | { attrClear: number }
  | { attrTime: number }
  | { idmap: 'idmap' | 'ridmap' }
  | { tmpcopyup: true };

const table: Record<string, Effect> = {
  async: { clear: MS.SYNCHRONOUS },
  atime: { clear: MS.NOATIME },
  bind: { set: MS.BIND },
  defaults: { set: 0 },
  dev: { clear: MS.NODEV },
  diratime: { clear: MS.NODIRATIME },
  dirsync: { set: MS.DIRSYNC },
  exec: { clear: MS.NOEXEC },
  iversion: { set: MS.I_VERSION },
  lazytime: { set: MS.LAZYTIME },
  loud: { clear: MS.SILENT },
  mand: { set: MS.MANDLOCK },
  noatime: { set: MS.NOATIME },
  nodev: { set: MS.NODEV },
  nodiratime: { set: MS.NODIRATIME },
  noexec: { set: MS.NOEXEC },
  noiversion: { clear: MS.I_VERSION },
  nolazytime: { clear: MS.LAZYTIME },
  nomand: { clear: MS.MANDLOCK },
  norelatime: { clear: MS.RELATIME },
  nostrictatime: { clear: MS.STRICTATIME },
  nosuid: { set: MS.NOSUID },
  nosymfollow: { set: MS.NOSYMFOLLOW },
  rbind: { set: MS.BIND | MS.REC },
  relatime: { set: MS.RELATIME },
  remount: { set: MS.REMOUNT },
  ro: { set: MS.RDONLY },
  rw: { clear: MS.RDONLY },
  silent: { set: MS.SILENT },
  strictatime: { set: MS.STRICTATIME },
  suid: { clear: MS.NOSUID },
  symfollow: { clear: MS.NOSYMFOLLOW },
  sync: { set: MS.SYNCHRONOUS },

  private: { propagation: MS.PRIVATE },
  rprivate: { propagation: MS.PRIVATE | MS.REC },
  rshared: { propagation: MS.SHARED | MS.REC },
  rslave: { propagation: MS.SLAVE | MS.REC },
  runbindable: { propagation: MS.UNBINDABLE | MS.REC },
  shared: { propagation: MS.SHARED },
  slave: { propagation: MS.SLAVE },
  unbindable: { propagation: MS.UNBINDABLE },

  // mount_setattr(2): the access time is a field of three values and can only be replaced
  // whole. Taking one value away leaves the kernel's default, relatime.
  ratime: { attrTime: MOUNT_ATTR.RELATIME },
  rdev: { attrClear: MOUNT_ATTR.NODEV },
  rdiratime: { attrClear: MOUNT_ATTR.NODIRATIME },
  rexec: { attrClear: MOUNT_ATTR.NOEXEC },
  rnoatime: { attrTime: MOUNT_ATTR.NOATIME },
  rnodev: { attrSet: MOUNT_ATTR.NODEV },
  rnodiratime: { attrSet: MOUNT_ATTR.NODIRATIME },
  rnoexec: { attrSet: MOUNT_ATTR.NOEXEC },
  rnorelatime: { attrTime: MOUNT_ATTR.RELATIME },
  rnostrictatime: { attrTime: MOUNT_ATTR.RELATIME },
  rnosuid: { attrSet: MOUNT_ATTR.NOSUID },
  rnosymfollow: { attrSet: MOUNT_ATTR.NOSYMFOLLOW },
  rrelatime: { attrTime: MOUNT_ATTR.RELATIME },
  rro: { attrSet: MOUNT_ATTR.RDONLY },
  rrw: { attrClear: MOUNT_ATTR.RDONLY },
  rstrictatime: { attrTime: MOUNT_ATTR.STRICTATIME },
  rsuid: { attrClear: MOUNT_ATTR.NOSUID },
  rsymfollow: { attrClear: MOUNT_ATTR.NOSYMFOLLOW },

  idmap: { idmap: 'idmap' },
  ridmap: { idmap: 'ridmap' },
  tmpcopyup: { tmpcopyup: true },
};

const effects = new Map(Object.entries(table));

/** Every option that is ours and not a file system's, sorted: for `features`. */
export const mountOptionNames: readonly string[] = Object.keys(table).sort();

/**
 * Words of mount(8) for fstab, which never reach the kernel. "If a custom option string is
 * already recognized by mount(8), the runtime SHOULD follow the behavior of mount(8)."
 */
const fstabWords = new Set(
  '_netdev auto noauto nofail user nouser users nousers owner noowner group nogroup'.split(' '),
);
const fstabOnly = (option: string): boolean =>
  fstabWords.has(option) ||
  option.startsWith('x-') ||
  option.startsWith('X-') ||
  option.startsWith('comment=');

const accessTimes = MS.NOATIME | MS.RELATIME | MS.STRICTATIME;

/**
 * Of several access times the kernel takes strictatime before noatime, and that before relatime, whatever their
 * order (path_mount() of fs/namespace.c, to which runc and crun leave it); mount_setattr(2) would refuse them.
 */
function oneAccessTime(flags: number): number {
  const kept = [MS.STRICTATIME, MS.NOATIME, MS.RELATIME].find((time) => flags & time) ?? 0;
  return (flags & ~accessTimes) | kept;
}

/** Read the options of one mount. Pure; a later option wins over an earlier one that it contradicts (but for access times). */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    flags: 0,
    clear: 0,
    bind: false,
    recursiveBind: false,
    remount: false,
    propagation: [],
    recursive: { set: 0, clear: 0 },
    tmpcopyup: false,
    data: '',
  };
  const data: string[] = [];
  for (const option of options) {
    const effect = effects.get(option);
    if (effect) apply(effect, result);
    else if (option !== '' && !fstabOnly(option)) data.push(option);
  }
  result.flags = oneAccessTime(result.flags);
  result.bind = (result.flags & MS.BIND) !== 0;
  result.recursiveBind = result.bind && (result.flags & MS.REC) !== 0;
  result.remount = (result.flags & MS.REMOUNT) !== 0;
  result.data = data.join(',');
  return result;
}

function apply(effect: Effect, to: MountOptions): void {
  const { recursive } = to;
  if ('set' in effect) {
    to.flags |= effect.set;
    to.clear &= ~effect.set;
  } else if ('clear' in effect) {
    to.flags &= ~effect.clear;
    to.clear |= effect.clear;
  } else if ('propagation' in effect) {
    to.propagation.push(effect.propagation);
  } else if ('attrSet' in effect) {
    recursive.set |= effect.attrSet;
    recursive.clear &= ~effect.attrSet;
  } else if ('attrClear' in effect) {
    recursive.set &= ~effect.attrClear;
    recursive.clear |= effect.attrClear;
  } else if ('attrTime' in effect) {
    recursive.set = (recursive.set & ~MOUNT_ATTR.ATIME) | effect.attrTime;
    recursive.clear |= MOUNT_ATTR.ATIME;
  } else if ('idmap' in effect) {
    to.idmap = effect.idmap;
  } else {
    to.tmpcopyup = effect.tmpcopyup;
  }
}

const attributeOf: readonly (readonly [flag: number, attribute: number])[] = [
  [MS.RDONLY, MOUNT_ATTR.RDONLY],
  [MS.NOSUID, MOUNT_ATTR.NOSUID],
  [MS.NODEV, MOUNT_ATTR.NODEV],
  [MS.NOEXEC, MOUNT_ATTR.NOEXEC],
  [MS.NODIRATIME, MOUNT_ATTR.NODIRATIME],
  [MS.NOSYMFOLLOW, MOUNT_ATTR.NOSYMFOLLOW],
];

/** MS_REMOUNT keeps how access times are kept unless one of these is given (mount(2)). */
const timeFlags = accessTimes | MS.NODIRATIME;

/**
 * The same for a bind, as runc (rootfs_linux.go) and crun have it: where an option names any flag, the options are the
 * whole new set, as of mount(2) with MS_REMOUNT and MS_BIND, and lift what the source's mount forbids beyond them.
 * `clear` was asked for by name; `lift` only follows, and is given up where a user namespace locks some of it.
 */
export function bindAttributes(options: Pick<MountOptions, 'flags' | 'clear'>): {
  set: number;
  clear: number;
  lift: number;
} {
  const named = (options.flags & ~(MS.BIND | MS.REC | MS.REMOUNT)) !== 0 || options.clear !== 0;
  if (!named) return { set: 0, clear: 0, lift: 0 };
  let set = 0;
  let clear = 0;
  let lift = 0;
  for (const [flag, attribute] of attributeOf) {
    if (options.flags & flag) set |= attribute;
    else if (flag === MS.NODIRATIME) continue;
    else if (options.clear & flag) clear |= attribute;
    else lift |= attribute;
  }
  if (options.flags & timeFlags) {
    clear |= MOUNT_ATTR.ATIME;
    if (!(options.flags & MS.NODIRATIME)) clear |= MOUNT_ATTR.NODIRATIME;
    if (options.flags & MS.NOATIME) set |= MOUNT_ATTR.NOATIME;
    else if (options.flags & MS.STRICTATIME) set |= MOUNT_ATTR.STRICTATIME;
  }
  return { set, clear, lift };
}

/**
 * The MS_* of a mount as the attributes of mount_setattr(2), which alone can be given to a
 * bind: flags of the file system itself (sync, dirsync, lazytime …) have no attribute.
 */
export function mountAttributes(options: Pick<MountOptions, 'flags' | 'clear'>): {
  set: number;
  clear: number;
} {
  let set = 0;
  let clear = 0;
  for (const [flag, attribute] of attributeOf) {
    if (options.flags & flag) set |= attribute;
    if (options.clear & flag) clear |= attribute;
  }
  if ((options.flags | options.clear) & accessTimes) {
    clear |= MOUNT_ATTR.ATIME;
    if (options.flags & MS.NOATIME) set |= MOUNT_ATTR.NOATIME;
    else if (options.flags & MS.STRICTATIME) set |= MOUNT_ATTR.STRICTATIME;
  }
  return { set, clear };
}
