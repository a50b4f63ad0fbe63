/**
 * What containers use, read each second. The descriptors of a group's files stay open: pread(2) at the beginning has
 * the kernel write the file anew (Documentation/filesystems/seq_file.rst), and three calls become one. On Node alone.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { type Place, placeOf } from '@ctr-tools/cg-limit/acts';
import { monotonic, readText } from '@ctr-tools/host';
import type { Container } from './find.ts';

/** Shares of the last ten seconds in which some process waited for it (accounting/psi.rst). */
export interface Pressure {
  cpu?: number;
  memory?: number;
  io?: number;
}

/** One container at a moment. */
export interface Use {
  tasks: number;
  /** CPU time so far, in seconds. */
  cpuTime: number | undefined;
  memory: number | undefined;
  memoryLimit: number | undefined;
  /** Bytes read and written so far. */
  ioBytes: number | undefined;
  pressure: Pressure;
  frozen: boolean;
  /** When it was read, in milliseconds of a clock that nobody sets: reading many on a busy machine takes a while. */
  at: number;
}

/** Limits change rarely: they are read at each so-manieth look. The kernel counts pressure each two seconds (kernel/sched/psi.c). */
const RARELY = 5;
const PRESSURE = 2;

/** What is read is short, but for io.stat of a machine with very many disks. */
const buffer = Buffer.alloc(1 << 14);

/** Descriptors below this are kept open; the rest of what the limit allows is for whatever else is to be opened. */
const mostKept = ((): number => {
  const [, soft = '1024'] = /^Max open files +(\d+)/m.exec(readText('/proc/self/limits')) ?? [];
  return Number(soft) - 100;
})();

/** A file of a group. One that cannot be opened because there are too many is opened each time. */
class File {
  private fd: number | undefined;

  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Its text; undefined where there is none, or no more. */
  read(): string | undefined {
    let fd = this.fd;
    try {
      fd ??= openSync(this.path, 'r');
      const length = readSync(fd, buffer, 0, buffer.length, 0);
      if (fd < mostKept) this.fd = fd;
      else closeSync(fd);
      return buffer.toString('latin1', 0, length);
    } catch {
      if (fd !== undefined) closeSync(fd);
      this.fd = undefined;
      return undefined;
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

const fileOf = (place: Place | undefined, name: string): File | undefined =>
  place && new File(`${place.directory}/${name}`);

function numberIn(file: File | undefined): number | undefined {
  const number = Number.parseInt(file?.read() ?? '', 10);
  return Number.isNaN(number) ? undefined : number;
}

/** v1 says that there is no limit by the largest number of whole pages. */
const UNLIMITED = 2 ** 62;

/** Reads one container. */
export class Meter {
  private looks: number;
  private begun = false;
  private limit: number | undefined;
  private waits: Pressure = {};
  private readonly files: Record<
    'tasks' | 'processes' | 'memory' | 'limit' | 'cpu' | 'io' | 'freezer',
    File | undefined
  >;
  private readonly pressures: readonly (readonly [keyof Pressure, File])[];

  /** Those with different `turn`s read what they read rarely at different looks. */
  constructor({ name, places }: Container, turn: number) {
    this.looks = turn;
    const target = { name, places };
    const unified = placeOf(target, 'unified');
    const memory = placeOf(target, 'memory');
    const cpu = placeOf(target, 'cpuacct') ?? unified;
    const io = placeOf(target, 'blkio') ?? placeOf(target, 'io');
    const freezer = placeOf(target, 'freezer') ?? unified;
    const old = (place: Place | undefined, v1: string, v2: string): File | undefined =>
      fileOf(place, place?.version === 1 ? v1 : v2);
    this.files = {
      tasks: fileOf(placeOf(target, 'pids'), 'pids.current'),
      processes: fileOf(memory ?? freezer ?? cpu, 'cgroup.procs'),
      memory: old(memory, 'memory.usage_in_bytes', 'memory.current'),
      limit: old(memory, 'memory.limit_in_bytes', 'memory.max'),
      cpu: old(cpu, 'cpuacct.usage', 'cpu.stat'),
      io: old(io, 'blkio.throttle.io_service_bytes', 'io.stat'),
      freezer: old(freezer, 'freezer.state', 'cgroup.events'),
    };
    this.pressures = (['cpu', 'memory', 'io'] as const).flatMap((what) => {
      const file = fileOf(unified, `${what}.pressure`);
      return file ? [[what, file] as const] : [];
    });
  }

  /** What it uses now; undefined where nothing runs in it, or it has gone. */
  look(): Use | undefined {
    const { tasks, memory, limit, cpu, io, freezer } = this.files;
    const count = tasks ? numberIn(tasks) : this.processes();
    if (!count) return undefined;
    const turn = this.looks++;
    if (!this.begun || turn % RARELY === 0) {
      const most = numberIn(limit);
      this.limit = most === undefined || most >= UNLIMITED ? undefined : most;
    }
    if (!this.begun || turn % PRESSURE === 0) this.waits = this.pressure();
    this.begun = true;
    const cpuTime = secondsIn(cpu?.read());
    return {
      at: monotonic(),
      tasks: count,
      cpuTime,
      memory: numberIn(memory),
      memoryLimit: this.limit,
      ioBytes: bytesIn(io?.read()),
      pressure: this.waits,
      frozen: / ?frozen 1|^FRO/.test(freezer?.read() ?? ''),
    };
  }

  private processes(): number {
    return (this.files.processes?.read() ?? '').split('\n').length - 1;
  }

  private pressure(): Pressure {
    const found: Pressure = {};
    for (const [what, file] of this.pressures) {
      const text = file.read();
      if (text?.startsWith('some avg10=')) found[what] = Number.parseFloat(text.slice(11)) / 100;
    }
    return found;
  }

  close(): void {
    for (const file of Object.values(this.files)) file?.close();
    for (const [, file] of this.pressures) file.close();
  }
}

/** `usage_usec N` and more lines of cpu.stat, or the nanoseconds of cpuacct.usage. */
function secondsIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = text.startsWith('usage_usec ')
    ? Number.parseInt(text.slice(11), 10) / 1e6
    : Number.parseInt(text, 10) / 1e9;
  return Number.isNaN(seconds) ? undefined : seconds;
}

/** Of all devices, read and written (cgroup-v2.rst, io.stat; blkio-controller.rst, io_service_bytes). */
function bytesIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let sum = 0;
  if (text.length > 10)
    for (const [, n] of text.matchAll(/ (?:Read |Write |[rw]bytes=)(\d+)/g)) sum += Number(n);
  return sum;
}
