/** Finding what `--target` names, and reading what is asked of it, once. */

import { commandOf, containerPid, engineContainer, Failure, type Host } from '@ctr-tools/cli';
import { errorCode, join, namesIn, readText, resolve, stat, statIfAny } from '@ctr-tools/host';
import { type NamespaceFile, namespaceFlags } from '@ctr-tools/sys/constants';
import { cgroupHierarchies, readStatus } from '@ctr-tools/sys/proc';
import type { CallerFacts, TargetFacts } from './facts.ts';
import type { Options } from './options.ts';
import { isGone, namespaceOf, readEnviron, readStat, type Stat } from './proc.ts';

export interface Pins {
  directory: string;
  files: ReadonlySet<string>;
}

export function findTarget(options: Options, host: Host, caller: CallerFacts): TargetFacts | Pins {
  const { target } = options;
  if (target?.by === 'pins') return findPins(resolve(host.cwd, target.directory), options);
  if (target?.by === 'container')
    return readTarget(containerPid(target.id, host, '--target'), options, caller);
  if (target?.by === 'engine')
    return readTarget(engineContainer(target.word, host, '--target').pid, options, caller);
  // Who knows a process's inode has chosen this very one.
  const { pid, inode } = target!;
  return readTarget(inode === undefined ? commandOf(pid, host) : pid, options, caller, inode);
}

function findPins(directory: string, options: Options): Pins {
  if (options.netSocket !== undefined || options.joinCgroup || options.followContext || options.env)
    throw new Failure(
      `${directory} holds namespaces, and no process to take a socket, a cgroup, a context or variables from`,
    );
  let names: string[];
  try {
    if (!stat(directory).isDirectory())
      throw new Failure(
        `--target ${directory}: a path is a directory made by --pin; a single file is joined with --net=FILE`,
      );
    names = namesIn(directory).toSorted();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `--target ${directory}: ${errorCode(error) === 'ENOENT' ? 'there is no such directory' : (error as Error).message}`,
    );
  }
  return { directory, files: new Set(names.filter((name) => name in namespaceFlags)) };
}

function statOf(pid: number): Stat | undefined {
  try {
    return readStat(pid);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function readTarget(pid: number, options: Options, caller: CallerFacts, inode?: bigint): TargetFacts {
  const stat = statOf(pid);
  if (!stat) throw new Failure(`--target ${pid}: there is no such process`);
  if (stat.state === 'Z' || stat.state === 'X')
    throw new Failure(
      `--target ${pid}: the process has exited and only waits to be reaped by its parent ${stat.ppid}; its namespaces are gone`,
    );
  try {
    const namespaces: Partial<Record<NamespaceFile, number>> = {};
    if (joinsAny(options)) {
      for (const file of Object.keys(namespaceFlags) as NamespaceFile[]) {
        const found = namespaceOf(pid, file);
        if (found !== undefined) namespaces[file] = found;
      }
    }
    const { uids, gids } = readStatus(pid);
    const [uid, gid] = [uids[1]!, gids[1]!];
    const process = processOf(pid);
    return {
      pid,
      ...(process !== pid && { process }),
      startTime: stat.startTime,
      ...(inode !== undefined && { inode }),
      namespaces,
      uid,
      gid,
      ...(options.env && { environ: readEnviron(pid) }),
      ...(options.followContext && { context: selinuxContext(pid) }),
      ...(options.joinCgroup && { cgroups: cgroupFiles(pid) }),
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (isGone(error)) throw new Failure(`--target ${pid}: the process has ended`);
    const denied = ['EACCES', 'EPERM'].includes(errorCode(error) ?? '');
    if (!denied) throw error;
    throw new Failure(
      `look at process ${pid}: permission denied; it belongs to UID ${readStatus(pid).uids[1]} and you are UID ${caller.uid}. ` +
        'It takes root, or the same user and a process that gave up nothing (ptrace(2), PTRACE_MODE_READ)',
    );
  }
}

/** The process that a thread is one of (proc_pid_status(5), Tgid); /proc has every thread by its ID, though it lists none. */
const processOf = (id: number): number =>
  Number(/^Tgid:\s*(\d+)$/m.exec(readText(`/proc/${id}/status`))?.[1] ?? id);

const joinsAny = (o: Options): boolean => o.all || o.userParent || o.join.some((j) => j.file === undefined);

/**
 * The file of each hierarchy by which a process joins the target's group. On v1 it is
 * `tasks`: a single-threaded process that writes 0 there moves only itself, without the
 * grace period that `cgroup.procs` waits for.
 */
function cgroupFiles(pid: number): string[] {
  const { hierarchies } = cgroupHierarchies(pid);
  if (hierarchies.length === 0) throw new Failure(`--join-cgroup: no cgroup hierarchy is mounted here`);
  return hierarchies.map((h) => join(h.directory, h.version === 2 ? 'cgroup.procs' : 'tasks'));
}

function selinuxContext(pid: number): string {
  if (!statIfAny('/sys/fs/selinux/enforce'))
    throw new Failure('--follow-context: SELinux is not enabled on this machine; leave it out');
  return readText(`/proc/${pid}/attr/current`).replace(/\0$/, '');
}
