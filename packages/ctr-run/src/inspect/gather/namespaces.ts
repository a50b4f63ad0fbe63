import { namesIn, readLink, readText } from '@ctr-tools/host';
import { inodeOfLink, parseStat } from '@ctr-tools/ns-enter/looking';
import { type NamespaceFile, namespaceFlags } from '@ctr-tools/sys/constants';
import type { IdRange, Maps, NamespaceFact } from '../facts.ts';
import { type Eyes, maybe } from './quietly.ts';

const types = Object.keys(namespaceFlags) as NamespaceFile[];

/** Inodes that the first namespaces have on every machine (linux/proc_ns.h): for who may not look at PID 1. */
const FIRST: Partial<Record<NamespaceFile, number>> = {
  ipc: 0xefffffff,
  uts: 0xeffffffe,
  user: 0xeffffffd,
  pid: 0xeffffffc,
  cgroup: 0xeffffffb,
  time: 0xeffffffa,
};

const inodeOf = (pid: number, type: NamespaceFile): number | undefined => {
  const link = maybe(() => readLink(`/proc/${pid}/ns/${type}`));
  return link === undefined ? undefined : inodeOfLink(link);
};

/**
 * The machine's namespaces are PID 1's. Who may not look at PID 1 (it has a capability that we lack) is told the same
 * by the father of the kernel's threads, whom nobody moves.
 */
function firstOf(type: NamespaceFile): number | undefined {
  const first = inodeOf(1, type);
  if (first !== undefined) return first;
  const isKthreadd = maybe(() => /^Name:\tkthreadd\n/.test(readText('/proc/2/status'))) && parentOf(2) === 0;
  return (isKthreadd ? inodeOf(2, type) : undefined) ?? FIRST[type];
}

const parentOf = (pid: number): number | undefined =>
  maybe(() => parseStat(readText(`/proc/${pid}/stat`)).ppid);

/** The namespaces of a process, and who else is in them. */
export function gatherNamespaces(pid: number, caller: number, eyes: Eyes): NamespaceFact[] {
  const found: NamespaceFact[] = [];
  for (const type of types) {
    const link = eyes.see('namespaces', () => readLink(`/proc/${pid}/ns/${type}`));
    const inode = link === undefined ? undefined : inodeOfLink(link);
    if (inode === undefined) continue;
    const first = firstOf(type);
    found.push({
      type,
      inode,
      ofPid1: first === undefined ? undefined : first === inode,
      ofCaller: inodeOf(caller, type) === inode,
      others: { count: 0, some: [] },
    });
  }
  const own = found.filter(({ ofPid1 }) => ofPid1 !== true);
  return own.length === 0 ? found : withOthers(found, own, pid);
}

/** How many of those who share a namespace are named. */
const NAMED = 3;

/** Every process that we may look at is asked for the namespaces that are not PID 1's. */
function withOthers(all: NamespaceFact[], own: readonly NamespaceFact[], pid: number): NamespaceFact[] {
  const members = new Map(own.map(({ type }) => [type, [] as number[]]));
  const links = own.map(({ type, inode }) => [type, `${type}:[${inode}]`] as const);
  for (const name of maybe(() => namesIn('/proc')) ?? []) {
    const other = Number(name);
    if (!(other > 0) || other === pid) continue;
    // A process that has ended, or is not ours to look at, is so for all its namespaces.
    maybe(() => {
      for (const [type, link] of links)
        if (readLink(`/proc/${name}/ns/${type}`) === link) members.get(type)!.push(other);
    });
  }
  return all.map((fact) => {
    const pids = (members.get(fact.type) ?? []).sort((a, b) => a - b);
    const some = pids.slice(0, NAMED).map((other) => ({
      pid: other,
      name: (maybe(() => readText(`/proc/${other}/comm`)) ?? '?').replace(/\n$/, ''),
    }));
    return { ...fact, others: { count: pids.length, some } };
  });
}

/** Lines of three numbers (user_namespaces(7)). */
export function parseMap(text: string): IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
    return count === undefined ? [] : [{ inside: inside!, outside: outside!, count }];
  });
}

export function gatherMaps(pid: number, eyes: Eyes): Maps {
  const read = (which: 'uid' | 'gid'): IdRange[] =>
    parseMap(eyes.see('ID maps', () => readText(`/proc/${pid}/${which}_map`)) ?? '');
  return { uid: read('uid'), gid: read('gid') };
}
