/**
 * The kernel's own record of capability checks, in a tracing instance of our own
 * (Documentation/trace/ftrace.rst, "Instances"): the event capability:cap_capable of Linux
 * 6.14, or else a probe on the same function (Documentation/trace/kprobetrace.rst).
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '@ctr-tools/cli';
import { mount, umount } from '@ctr-tools/sys';
import { MNT } from '@ctr-tools/sys/constants';

/** One check: who asked for what, and what the kernel answered. */
export interface CapabilityCheck {
  pid: number;
  /** The name of the thread (comm). */
  name: string;
  capability: number;
  granted: boolean;
  /** The user namespace in which it is asked for, as an opaque word. */
  namespace: string;
  /** Kernel functions that led to it, innermost first. */
  stack: string[];
}

export type TraceEvent =
  | ({ kind: 'check' } & CapabilityCheck)
  | { kind: 'exec'; pid: number }
  | { kind: 'fork'; pid: number; child: number }
  /** What a process wrote into the record itself. */
  | { kind: 'mark'; pid: number; text: string };

const entry = /^\s*(.+)-(\d+)\s+\[\d+\]\s+\S+\s+[\d.]+: (.*)$/;
const checkText = /^cap_capable: .*target_ns (\S+), .*cap (\d+), ret (-?\d+)/;
const probeText = /^ctr_cap: .* ns=(\S+) cap=(\d+)/;
const forkText = /^sched_process_fork: comm=.* pid=\d+ child_comm=.* child_pid=(\d+)/;
const markText = /^tracing_mark_write: (.*)$/;
const returnText = /^ctr_ret: .* ret=(-?\d+)/;

/** Read the text of a `trace` file. A check's stack is an entry of its own, of the same process. */
export function parseTrace(text: string): TraceEvent[] {
  const events: TraceEvent[] = [];
  /** The last check of each process, whose stack or result is still to come. */
  const latest = new Map<number, CapabilityCheck>();
  let stack: string[] | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith(' => ')) {
      stack?.push(line.slice(4).trim());
      continue;
    }
    stack = undefined;
    const [, name = '', pidText, what = ''] = entry.exec(line) ?? [];
    if (pidText === undefined) continue;
    const pid = Number(pidText);
    const check = checkText.exec(what) ?? probeText.exec(what);
    const result = returnText.exec(what);
    if (check) {
      const [, namespace, capability, answer] = check;
      // A probe learns the answer only when the function returns.
      const granted = answer === '0';
      const event = {
        kind: 'check' as const,
        pid,
        name,
        namespace: namespace!,
        capability: Number(capability),
        granted,
        stack: [],
      };
      events.push(event);
      latest.set(pid, event);
    } else if (what.startsWith('<stack trace>')) {
      stack = latest.get(pid)?.stack;
      // The stack of what follows, of a return or an exec, is nobody's.
      if (stack && stack.length > 0) stack = undefined;
    } else if (result) {
      const event = latest.get(pid);
      if (event) event.granted = result[1] === '0';
      latest.delete(pid);
    } else {
      latest.delete(pid);
      const [, child] = forkText.exec(what) ?? [];
      const [, text] = markText.exec(what) ?? [];
      if (what.startsWith('sched_process_exec:')) events.push({ kind: 'exec', pid });
      else if (child !== undefined) events.push({ kind: 'fork', pid, child: Number(child) });
      else if (text !== undefined) events.push({ kind: 'mark', pid, text });
    }
  }
  return events;
}

/** Who wrote this mark into the record. */
export const markOwner = (record: string, mark: string): number | undefined =>
  parseTrace(record).find((event) => event.kind === 'mark' && event.text === mark)?.pid;

/** The mark by which a process says its number in the record. */
const SELF = 'ctr-learn';

/** A tracing instance that records the checks of one process and of all that it starts. */
export class CapabilityTrace {
  private readonly root: string;
  private readonly directory: string;
  private readonly mounted: string | undefined;
  /** Our probes, where the kernel has no event of its own. */
  private probes: string | undefined;
  private readonly events: string[];

  /** Records marks alone until it is told whom to follow. Throws `Failure` where the kernel offers nothing. */
  constructor() {
    ({ root: this.root, mounted: this.mounted } = tracefs());
    this.directory = join(this.root, 'instances', `ctr-learn-${process.pid}`);
    try {
      this.events = [...this.source(), 'sched/sched_process_exec', 'sched/sched_process_fork'];
      mkdirSync(this.directory);
      this.write('tracing_on', '0');
      this.write('buffer_size_kb', '8192');
      // What comes after the end of the buffer is lost and counted; what came first stays.
      this.write('options/overwrite', '0');
      this.write('options/event-fork', '1');
      this.write('options/stacktrace', '1');
      this.write('tracing_on', '1');
    } catch (error) {
      this.close();
      throw error instanceof Failure ? error : new Failure(`learn capabilities: ${(error as Error).message}`);
    }
  }

  /** The file into which a process writes a mark. */
  get marker(): string {
    return join(this.directory, 'trace_marker');
  }

  /** From here on record this process, as the record numbers it, and everything that it forks. */
  follow(pid: number): void {
    this.write('set_event_pid', String(pid));
    for (const event of this.events) this.write(`events/${event}/enable`, '1');
  }

  /** The number of whoever wrote a mark: by the first PID namespace, whichever we are in. */
  owner(mark: string): number | undefined {
    return markOwner(readFileSync(join(this.directory, 'trace'), 'utf8'), mark);
  }

  /** Follow this process itself. Its number. */
  followSelf(): number {
    this.write('trace_marker', SELF);
    const pid = this.owner(SELF);
    if (pid === undefined) throw new Failure(`learn capabilities: ${this.directory} records nothing`);
    this.follow(pid);
    return pid;
  }

  /** The events to be recorded: the kernel's own, or probes made for this. */
  private source(): string[] {
    if (existsSync(join(this.root, 'events/capability/cap_capable'))) return ['capability/cap_capable'];
    const list = join(this.root, 'kprobe_events');
    if (!existsSync(list))
      throw new Failure(
        'learn capabilities: this kernel offers neither the event capability:cap_capable (Linux 6.14) ' +
          'nor probes (CONFIG_KPROBE_EVENTS)',
      );
    const group = `ctr_${process.pid}`;
    // int cap_capable(const struct cred *, struct user_namespace *, int cap, unsigned int opts)
    appendFileSync(list, `p:${group}/ctr_cap cap_capable ns=$arg2:x64 cap=$arg3:s32\n`);
    this.probes = group;
    appendFileSync(list, `r:${group}/ctr_ret cap_capable ret=$retval:s32\n`);
    return [`${group}/ctr_cap`, `${group}/ctr_ret`];
  }

  private write(file: string, value: string): void {
    writeFileSync(join(this.directory, file), value);
  }

  /** Stop, and give what was recorded with the number of entries that found no room. */
  read(): { events: TraceEvent[]; lost: number } {
    this.write('tracing_on', '0');
    let lost = 0;
    const cpus = join(this.directory, 'per_cpu');
    for (const cpu of readdirSync(cpus)) {
      const stats = readFileSync(join(cpus, cpu, 'stats'), 'latin1');
      for (const [, n] of stats.matchAll(/^(?:overrun|dropped events): (\d+)$/gm)) lost += Number(n);
    }
    return { events: parseTrace(readFileSync(join(this.directory, 'trace'), 'utf8')), lost };
  }

  close(): void {
    // Probes cannot go while an instance has them enabled; they go with the instance's use of them.
    if (existsSync(this.directory)) removeInstance(this.directory);
    if (this.probes !== undefined)
      appendFileSync(
        join(this.root, 'kprobe_events'),
        `-:${this.probes}/ctr_cap\n-:${this.probes}/ctr_ret\n`,
      );
    if (this.mounted === undefined) return;
    umount(this.mounted, MNT.DETACH);
    rmdirSync(this.mounted);
  }
}

/** An instance goes once nobody has a file of it open, such as the launcher that has just failed (milliseconds). */
const PATIENCE = 2000;

function removeInstance(directory: string): void {
  for (const end = Date.now() + PATIENCE; ; ) {
    try {
      rmdirSync(directory);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** Where tracefs is; mounted in a place of our own for as long as it is needed where it is nowhere. */
function tracefs(): { root: string; mounted: string | undefined } {
  for (const root of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'])
    if (existsSync(join(root, 'instances'))) return { root, mounted: undefined };
  const root = mkdtempSync(join(tmpdir(), 'ctr-tracefs-'));
  try {
    mount('tracefs', root, 'tracefs');
  } catch (error) {
    rmdirSync(root);
    throw new Failure(
      `learn capabilities: mount tracefs: ${(error as Error).message}; this takes root and CONFIG_TRACING`,
    );
  }
  return { root, mounted: root };
}
