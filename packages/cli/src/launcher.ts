/**
 * A launcher as a target. One that stays beside its command is the PID that a caller gets (`$!`), and is itself in
 * the caller's groups and namespaces: who names it means its command.
 */
import { basename, errorCode, monotonic, namesIn, readLink, readText, sleep } from '@ctr-tools/host';
import { Failure } from './errors.ts';
import type { Host } from './host.ts';
import { aliasNames, toolNames } from './tool-names.ts';

const names = new Set<string>(['ctr-launcher', ...toolNames, ...Object.keys(aliasNames)]);

/** How long a launcher may take until its command runs. */
const PATIENCE_MS = 5000;
const LOOK_MS = 5;

/**
 * The process that a PID stands for: with a launcher of ours its command, which is waited for where it is still
 * being started, and with any other process that itself. Throws a `Failure` where no command comes.
 */
export function commandOf(pid: number, host: Pick<Host, 'pid'>): number {
  if (pid === host.pid) return pid;
  const end = monotonic() + PATIENCE_MS;
  for (;;) {
    const found = lookFor(pid);
    if (found !== undefined) return found;
    if (monotonic() > end)
      throw new Failure(`process ${pid} is ${nameOf(pid)} itself, which has not started its command yet`);
    sleep(LOOK_MS);
  }
}

function lookFor(pid: number): number | undefined {
  if (!isLauncher(pid) || waitsForStart(pid)) return pid;
  if (!blocks(pid, SIGHUP) || !blocks(pid, SIGTERM)) return undefined; // no supervisor yet
  const [command] = childrenOf(pid)
    .filter((child) => !isLauncher(child.pid) || blocks(child.pid, SIGTERM))
    .toSorted((a, b) => a.started - b.started || a.pid - b.pid);
  return command && lookFor(command.pid);
}

const SIGHUP = 1;
const SIGTERM = 15;

/**
 * A supervisor blocks every signal that it hands on (native/src/launcher/supervise.c). A holder, its other child, does
 * not block SIGTERM (native/src/launcher/holder.c).
 */
function blocks(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigBlk:\s*([0-9a-f]+)$/m.exec(readAny(`/proc/${pid}/status`)) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Whether a process runs the launcher: its file, or the copy of it in memory or without a name (native/src/launcher/seal.c). */
function isLauncher(pid: number): boolean {
  let file: string;
  try {
    file = readLink(`/proc/${pid}/exe`);
  } catch (error) {
    // A launcher cannot be dumped, so that its own user may not look; its name can be read by everybody.
    return errorCode(error) === 'EACCES' && names.has(nameOf(pid));
  }
  const path = file.replace(/ \(deleted\)$/, '');
  if (path === '/memfd:ctr-launcher') return true;
  return names.has(basename(path)) || (/^#\d+$/.test(basename(path)) && names.has(nameOf(pid)));
}

/** The first process of a created container, which is the launcher until `start`, has the FIFO open. */
function waitsForStart(pid: number): boolean {
  try {
    return namesIn(`/proc/${pid}/fd`).some((fd) => readLink(`/proc/${pid}/fd/${fd}`).endsWith('/start.fifo'));
  } catch {
    return false;
  }
}

/** Those that live. The file `children` is not in every kernel (CONFIG_PROC_CHILDREN), so all are looked through. */
function childrenOf(parent: number): { pid: number; started: number }[] {
  return namesIn('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const text = readAny(`/proc/${name}/stat`);
    // The name in field 2 may hold anything, a parenthesis too; field 3 follows the last one.
    const [state, ppid, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (Number(ppid) !== parent || state === 'Z' || state === 'X') return [];
    return [{ pid: Number(name), started: Number(rest[17]) }];
  });
}

const nameOf = (pid: number): string => readAny(`/proc/${pid}/comm`).trim();

/** Empty where the process has gone. */
function readAny(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}
