/** Every namespace of the machine, and who holds it open: read from /proc, asked by ioctl_ns(2). */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { decodeBytes } from '@ctr-tools/host';
import {
  inodeAndClose,
  kindOfNamespace,
  namespaceOfSocket,
  netnsId,
  ownerUid,
  owningUserNamespace,
  parentNamespace,
} from '@ctr-tools/sys';
import { type NamespaceFile, namespaceFlags } from '@ctr-tools/sys/constants';
import { parseMountinfo, readStatus } from '@ctr-tools/sys/proc';
import { inodeOfLink, readStat } from '../proc.ts';

export interface ProcessInfo {
  pid: number;
  ppid: number;
  /** Effective. */
  uid: number;
  command: string;
}

/** Who keeps a namespace alive beside its own processes. */
export type Holder =
  /** A bind mount, as process `pid` sees it. */
  | { by: 'mount'; path: string; pid: number }
  | { by: 'descriptor'; pid: number; fd: number }
  /** A thread that has left its process's namespace. */
  | { by: 'thread'; pid: number; tid: number }
  /** A socket of the network namespace in a process of another one. */
  | { by: 'socket'; pid: number; fd: number }
  /** A process whose children will be in it. */
  | { by: 'children'; pid: number }
  /** Another namespace: its child, or one that it owns. */
  | { by: 'namespace'; ns: number };

export interface Namespace {
  type: NamespaceFile;
  ns: number;
  /** Ascending. */
  processes: ProcessInfo[];
  holders: Holder[];
  /** The user namespace that owns it; for a user namespace, its parent. Undefined where it is out of our sight. */
  owner?: number;
  /** Of PID and user namespaces. */
  parent?: number;
  /** Of user namespaces: who made it. */
  ownerUid?: number;
  /** Of network namespaces: what ours calls it. */
  netnsId?: number;
}

export interface Machine {
  /** By inode. */
  namespaces: Map<number, Namespace>;
  /** Processes whose namespaces we may not see. */
  hidden: number;
}

export const files = Object.keys(namespaceFlags) as NamespaceFile[];
const LINK = /^(\w+):\[(\d+)\]$/;

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // A process that ended meanwhile, or is not ours to look at.
    return undefined;
  }
}

export function processInfo(pid: number): ProcessInfo | undefined {
  return quietly(() => {
    const stat = readStat(pid);
    const line = decodeBytes(readFileSync(`/proc/${pid}/cmdline`))
      .replace(/\0+$/, '')
      .replaceAll('\0', ' ');
    return { pid, ppid: stat.ppid, uid: readStatus(pid).uids[1]!, command: line || `[${stat.command}]` };
  });
}

export const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

class Collector {
  readonly namespaces = new Map<number, Namespace>();
  hidden = 0;

  get(type: NamespaceFile, ns: number): Namespace {
    let found = this.namespaces.get(ns);
    if (!found) {
      found = { type, ns, processes: [], holders: [] };
      this.namespaces.set(ns, found);
    }
    return found;
  }

  /** A namespace seen through a file: ask for its relations, and for theirs, up to where our sight ends. */
  relate(type: NamespaceFile, path: string): void {
    const fd = quietly(() => openSync(path, 'r'));
    if (fd === undefined) return;
    try {
      this.relateOpen(type, fd);
    } finally {
      closeSync(fd);
    }
  }

  private relateOpen(type: NamespaceFile, fd: number): void {
    const ns = inodeAndClose(quietly(() => openSync(`/proc/self/fd/${fd}`, 'r')));
    if (ns === undefined) return;
    const namespace = this.get(type, ns);
    if (namespace.owner !== undefined || namespace.parent !== undefined) return;
    if (type === 'user') {
      const uid = quietly(() => ownerUid(fd));
      if (uid !== undefined) namespace.ownerUid = uid;
    }
    if (type === 'net') {
      const id = quietly(() => netnsId(fd));
      if (id !== undefined) namespace.netnsId = id;
    }
    const owner = this.climb('user', namespace, owningUserNamespace(fd));
    if (owner !== undefined) namespace.owner = owner;
    if (type !== 'user' && type !== 'pid') return;
    const parent = this.climb(type, namespace, parentNamespace(fd));
    if (parent !== undefined) namespace.parent = parent;
  }

  private climb(type: NamespaceFile, from: Namespace, fd: number | undefined): number | undefined {
    if (fd === undefined) return undefined;
    const known = this.namespaces.has(inodeOfFd(fd) ?? -1);
    if (!known) this.relateOpen(type, fd);
    const ns = inodeAndClose(fd);
    if (ns !== undefined && this.get(type, ns).processes.length === 0)
      this.holder(ns, { by: 'namespace', ns: from.ns });
    return ns;
  }

  holder(ns: number, holder: Holder): void {
    this.namespaces.get(ns)?.holders.push(holder);
  }
}

const inodeOfFd = (fd: number): number | undefined =>
  inodeAndClose(quietly(() => openSync(`/proc/self/fd/${fd}`, 'r')));

export function collect(): Machine {
  const found = new Collector();
  const seen: number[] = [];
  for (const pid of pids()) {
    const info = processInfo(pid);
    if (!info) continue;
    if (addProcess(found, info)) seen.push(pid);
    else found.hidden++;
  }
  for (const namespace of [...found.namespaces.values()])
    found.relate(namespace.type, `/proc/${namespace.processes[0]!.pid}/ns/${namespace.type}`);
  addMounts(found);
  const sockets = new Set<string>();
  for (const pid of seen) {
    addThreads(found, pid);
    addHeld(found, pid, sockets);
  }
  return { namespaces: found.namespaces, hidden: found.hidden };
}

function addProcess(found: Collector, info: ProcessInfo): boolean {
  let any = false;
  for (const type of files) {
    const ns = inodeOfLink(quietly(() => readlinkSync(`/proc/${info.pid}/ns/${type}`)) ?? '');
    if (ns === undefined) continue;
    any = true;
    found.get(type, ns).processes.push(info);
  }
  return any;
}

/** Bind mounts of namespaces, in every mount namespace that a process is in. */
function addMounts(found: Collector): void {
  for (const mounts of [...found.namespaces.values()].filter(
    ({ type, processes }) => type === 'mnt' && processes.length > 0,
  )) {
    const { pid } = mounts.processes[0]!;
    const text = quietly(() => readFileSync(`/proc/${pid}/mountinfo`, 'utf8')) ?? '';
    if (!text.includes(' nsfs ')) continue;
    for (const { type, root, mountPoint } of parseMountinfo(text)) {
      const match = type === 'nsfs' ? LINK.exec(root) : null;
      if (!match || !(match[1]! in namespaceFlags)) continue;
      const path = `/proc/${pid}/root${mountPoint}`;
      hold(found, match[1] as NamespaceFile, Number(match[2]), path, { by: 'mount', path: mountPoint, pid });
    }
  }
}

/** Kinds that a thread can leave alone: setns(2) and unshare(2) of the others want a single-threaded process, or are for children. */
const ofThreads = ['mnt', 'net', 'ipc', 'uts', 'cgroup'] as const;

function addThreads(found: Collector, pid: number): void {
  const tids = quietly(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  if (tids.length < 2) return;
  for (const type of ofThreads) {
    const own = quietly(() => readlinkSync(`/proc/${pid}/ns/${type}`));
    for (const tid of tids) {
      const path = `/proc/${pid}/task/${tid}/ns/${type}`;
      const link = quietly(() => readlinkSync(path));
      if (link === undefined || link === own) continue;
      hold(found, type, inodeOfLink(link)!, path, { by: 'thread', pid, tid: Number(tid) });
    }
  }
}

/** Note who holds a namespace, and ask for its relations where it is a new one to us. */
function hold(found: Collector, type: NamespaceFile, ns: number, path: string, holder: Holder): void {
  const known = found.namespaces.has(ns);
  found.get(type, ns);
  if (!known) found.relate(type, path);
  found.holder(ns, holder);
}

/** A socket stays in the network namespace that it was made in, wherever it is handed to. */
function addSocket(found: Collector, pid: number, fd: number): void {
  const network = quietly(() => namespaceOfSocket(pid, fd));
  if (network === undefined) return;
  try {
    const path = `/proc/self/fd/${network}`;
    const ns = inodeOfLink(quietly(() => readlinkSync(path)) ?? '');
    if (ns === undefined || found.namespaces.get(ns)?.processes.some((p) => p.pid === pid)) return;
    hold(found, 'net', ns, path, { by: 'socket', pid, fd });
  } finally {
    closeSync(network);
  }
}

/**
 * A descriptor that was opened through a file which has been unmounted since: its link no longer says what it is, but
 * the root of a mount that nobody sees (proc_pid_fd(5)).
 */
function addUnmounted(found: Collector, pid: number, number: number, path: string): void {
  if (quietly(() => statSync(path).isFile()) !== true) return;
  const fd = quietly(() => openSync(path, 'r'));
  if (fd === undefined) return;
  const kind = quietly(() => kindOfNamespace(fd));
  const ns = inodeAndClose(fd);
  const type = files.find((file) => namespaceFlags[file] === kind);
  if (type !== undefined && ns !== undefined)
    hold(found, type, ns, path, { by: 'descriptor', pid, fd: number });
}

/** Descriptors of a process that are namespaces, and the namespaces that its children would be in. */
function addHeld(found: Collector, pid: number, sockets: Set<string>): void {
  for (const type of ['pid', 'time'] as const) {
    const path = `/proc/${pid}/ns/${type}_for_children`;
    const ns = inodeOfLink(quietly(() => readlinkSync(path)) ?? '');
    if (ns === undefined || found.namespaces.get(ns)?.processes.some((p) => p.pid === pid)) continue;
    hold(found, type, ns, path, { by: 'children', pid });
  }
  for (const fd of quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
    const path = `/proc/${pid}/fd/${fd}`;
    const link = quietly(() => readlinkSync(path)) ?? '';
    if (link.startsWith('socket:') && !sockets.has(link)) {
      sockets.add(link);
      addSocket(found, pid, Number(fd));
    }
    if (link === '/') addUnmounted(found, pid, Number(fd), path);
    const match = LINK.exec(link);
    if (!match || !(match[1]! in namespaceFlags)) continue;
    hold(found, match[1] as NamespaceFile, Number(match[2]), path, { by: 'descriptor', pid, fd: Number(fd) });
  }
}
