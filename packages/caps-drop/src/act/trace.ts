/**
 * The kernel's own record of capability checks: the event capability:cap_capable, in a
 * tracing instance of our own (Documentation/trace/ftrace.rst, "Instances").
 */
import {
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
  capability: number;
  granted: boolean;
  /** The user namespace in which it is asked for, as an opaque word. */
  namespace: string;
  /** Kernel functions that led to it, innermost first. */
  stack: string[];
}

export type TraceEvent = ({ kind: 'check' } & CapabilityCheck) | { kind: 'exec'; pid: number };

const entry = /^\s*.+-(\d+)\s+\[\d+\]\s+\S+\s+[\d.]+: (.*)$/;
const checkText = /^cap_capable: .*target_ns (\S+), .*cap (\d+), ret (-?\d+)/;

/** Read the text of a `trace` file. A check's stack is an entry of its own, of the same process. */
export function parseTrace(text: string): TraceEvent[] {
  const events: TraceEvent[] = [];
  const latest = new Map<number, CapabilityCheck>();
  let stack: string[] | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith(' => ')) {
      stack?.push(line.slice(4).trim());
      continue;
    }
    stack = undefined;
    const [, pidText, what = ''] = entry.exec(line) ?? [];
    if (pidText === undefined) continue;
    const pid = Number(pidText);
    const check = checkText.exec(what);
    if (check) {
      const event = {
        kind: 'check' as const,
        pid,
        namespace: check[1]!,
        capability: Number(check[2]),
        granted: check[3] === '0',
        stack: [],
      };
      events.push(event);
      latest.set(pid, event);
    } else if (what.startsWith('<stack trace>')) {
      stack = latest.get(pid)?.stack;
      latest.delete(pid);
    } else {
      // An exec has a stack too, which nobody wants.
      latest.delete(pid);
      if (what.startsWith('sched_process_exec:')) events.push({ kind: 'exec', pid });
    }
  }
  return events;
}

/** A tracing instance that records the checks of one process and of all that it starts. */
export class CapabilityTrace {
  private readonly directory: string;
  private readonly mounted: string | undefined;

  /** Begins with `pid` and everything that it forks from now on. Throws `Failure` where the kernel offers nothing. */
  constructor(pid: number) {
    const { root, mounted } = tracefs();
    this.mounted = mounted;
    this.directory = join(root, 'instances', `ctr-learn-${process.pid}`);
    try {
      if (!existsSync(join(root, 'events/capability/cap_capable')))
        throw new Failure(
          'learn capabilities: this kernel has no event capability:cap_capable; it came with Linux 6.14 (CONFIG_TRACING)',
        );
      mkdirSync(this.directory);
      this.write('tracing_on', '0');
      this.write('buffer_size_kb', '8192');
      // What comes after the end of the buffer is lost and counted; what came first stays.
      this.write('options/overwrite', '0');
      this.write('options/event-fork', '1');
      this.write('options/stacktrace', '1');
      this.write('set_event_pid', String(pid));
      this.write('events/capability/cap_capable/enable', '1');
      this.write('events/sched/sched_process_exec/enable', '1');
      this.write('tracing_on', '1');
    } catch (error) {
      this.close();
      throw error instanceof Failure ? error : new Failure(`learn capabilities: ${(error as Error).message}`);
    }
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
    if (existsSync(this.directory)) rmdirSync(this.directory);
    if (this.mounted === undefined) return;
    umount(this.mounted, MNT.DETACH);
    rmdirSync(this.mounted);
  }
}

/** Where tracefs is; mounted in a place of our own for as long as it is needed where it is nowhere. */
function tracefs(): { root: string; mounted?: string } {
  for (const root of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'])
    if (existsSync(join(root, 'instances'))) return { root };
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
