/** Everything that is asked of the machine about a process. It only reads, and asks no file system of a stranger's. */
import { presentModules, readLabels } from '@ctr-tools/aa-confine/looking';
import { lastCapability } from '@ctr-tools/caps-drop/looking';
import { Failure } from '@ctr-tools/cli';
import { decodeBytes, errorCode, exists, readFile, readText } from '@ctr-tools/host';
import { isGone, parseStat } from '@ctr-tools/ns-enter/looking';
import { parseStatus } from '@ctr-tools/sys/proc';
import { type Facts, kernelPaths } from '../facts.ts';
import { gatherDescriptors, gatherDirectory } from './descriptors.ts';
import { gatherGroup } from './group.ts';
import { gatherLimits } from './limits.ts';
import { gatherMaps, gatherNamespaces } from './namespaces.ts';
import { Eyes, maybe } from './quietly.ts';
import { gatherRoot } from './root.ts';

/** Clock ticks in a second, as /proc counts for everybody (time(7), USER_HZ). */
const TICKS = 100;

const SECCOMP_MODES = ['disabled', 'strict', 'filter'] as const;

/** Groups of the machine whose members reach root, by the names that distributions give them. */
const MIGHTY = ['docker', 'lxd', 'incus', 'disk', 'kmem', 'shadow', 'sudo', 'wheel', 'libvirt', 'podman'];

/** Look at a process. `caller` is who asks. Throws a `Failure` where there is no such process. */
export function gatherFacts(pid: number, caller: number, called?: string): Facts {
  const eyes = new Eyes();
  const statusText = required(pid, `/proc/${pid}/status`);
  const status = parseStatus(statusText);
  const statText = required(pid, `/proc/${pid}/stat`);
  const stat = parseStat(statText);
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(statusText)?.[1];
  const namespaces = gatherNamespaces(pid, caller, eyes);
  const ownMounts = namespaces.find(({ type }) => type === 'mnt')?.ofPid1 === false;
  const group = gatherGroup(pid, eyes);
  const root = gatherRoot(pid, ownMounts, eyes);
  const modules = presentModules();
  const labels = eyes.see('the label', () => readLabels(pid, modules));
  const descriptors = gatherDescriptors(pid, ownMounts, root?.mounts ?? [], eyes);
  const cwd = gatherDirectory(pid, ownMounts, root, eyes);
  const age = ageOf(stat.startTime);
  const oom = maybe(() => Number(readText(`/proc/${pid}/oom_score_adj`)));
  const limits = gatherLimits(pid, eyes);
  const maps = gatherMaps(pid, eyes);
  const command = commandLine(pid);
  // Whoever has this PID now may be another process than at the beginning.
  const after = maybe(() => parseStat(readText(`/proc/${pid}/stat`)));
  return {
    pid,
    ...(called !== undefined && { called }),
    command,
    state: stat.state,
    kernelThread: isKernelThread(statText),
    ...(age !== undefined && { ageMs: age }),
    status,
    lastCapability: lastCapability(),
    namespaces,
    maps,
    ...(group && { group }),
    ...(root && { root }),
    seccomp: {
      mode: SECCOMP_MODES[Number(field('Seccomp'))] ?? 'unknown',
      ...(field('Seccomp_filters') !== undefined && { filters: Number(field('Seccomp_filters')) }),
    },
    ...(labels && { labels }),
    modules,
    limits,
    ...(oom !== undefined && { oomScoreAdj: oom }),
    ...(descriptors && { descriptors }),
    ...(cwd && { cwd }),
    mightyGroups: mighty([...status.groups, status.gids[1] ?? -1]),
    tiocsti: maybe(() => readText('/proc/sys/dev/tty/legacy_tiocsti').trim()) !== '0',
    kernelFiles: kernelPaths.filter(exists),
    unseen: eyes.unseen,
    ended: eyes.ended || after === undefined || after.startTime !== stat.startTime,
  };
}

function required(pid: number, path: string): string {
  try {
    return readText(path);
  } catch (error) {
    if (isGone(error)) throw new Failure(`look at process ${pid}: there is no such process, or it has ended`);
    throw new Failure(
      `look at process ${pid}: ${(error as Error).message}${errorCode(error) === 'EACCES' ? '; /proc hides processes of others (hidepid, proc(5))' : ''}`,
    );
  }
}

/** PF_KTHREAD (linux/sched.h) among field 9 of proc_pid_stat(5), counted from behind the name. */
function isKernelThread(text: string): boolean {
  const flags = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[6]);
  return (flags & 0x00200000) !== 0;
}

/** Words are ended by NUL (proc_pid_cmdline(5)); a process may write anything there, of any length. */
const LONGEST = 4096;

function commandLine(pid: number): string {
  const bytes = maybe(() => readFile(`/proc/${pid}/cmdline`));
  if (!bytes) return '';
  return decodeBytes(bytes.subarray(0, LONGEST)).replace(/\0+$/, '').replaceAll('\0', ' ');
}

/** Milliseconds since a process started (proc_uptime(5): seconds since boot). */
function ageOf(startTime: number): number | undefined {
  const up = maybe(() => Number(readText('/proc/uptime').split(' ')[0]));
  return up === undefined ? undefined : Math.max(0, Math.round((up - startTime / TICKS) * 1000));
}

/** Names of mighty groups among these IDs, as the machine's /etc/group has them. */
function mighty(gids: readonly number[]): string[] {
  const text = maybe(() => readText('/etc/group')) ?? '';
  return text.split('\n').flatMap((line) => {
    const [name, , gid] = line.split(':');
    return MIGHTY.includes(name!) && gid !== '' && gids.includes(Number(gid)) ? [name!] : [];
  });
}
