import { readFileSync } from 'node:fs';
import { Failure, type Host, out, UsageError } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { SysError, seccompFilters } from '@ctr-tools/sys';
import { callerPid } from '@ctr-tools/sys/proc';
import { disassemble } from '../bpf/disassembler.ts';
import type { SeccompOptions } from '../options.ts';
import { programOf } from './subject.ts';

/** SECCOMP_MODE_* of linux/seccomp.h. */
const modes = ['disabled', 'strict', 'filter'];

interface Status {
  name: string;
  mode: number;
  /** Linux 5.9 and later say how many. */
  filters: number | undefined;
  noNewPrivs: boolean;
}

function statusOf(pid: number): Status {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    throw new Failure(`show the filters of ${pid}: there is no such process`);
  }
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1];
  const mode = field('Seccomp');
  if (mode === undefined) throw new Failure('this kernel has no seccomp (CONFIG_SECCOMP)');
  const filters = field('Seccomp_filters');
  return {
    name: field('Name') ?? '?',
    mode: Number(mode),
    filters: filters === undefined ? undefined : Number(filters),
    noNewPrivs: field('NoNewPrivs') === '1',
  };
}

/** The filters, or in a sentence why they cannot be read (kernel/seccomp.c, `get_nth_filter`). */
function readFilters(pid: number): Buffer[] | string {
  try {
    return seccompFilters(pid);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code === 'EPERM' || error.code === 'EACCES')
      return 'the filters cannot be read: it takes CAP_SYS_ADMIN in the first user namespace, the right to trace the process, and being under no filter oneself';
    return `the filters cannot be read: ${error.message}`;
  }
}

/** A PID that was asked for; without one the caller, never the planner. */
function target(word: string, host: Host): number {
  if (word === '' || word === 'self') return callerPid(host.pid);
  if (!/^\d+$/.test(word)) throw new UsageError(`--show=${word}: a PID was expected`);
  return Number(word);
}

/** `--show[=PID]` */
export function show(
  [word]: readonly string[],
  options: SeccompOptions,
  _parsed: unknown,
  host: Host,
): number {
  const pid = target(word ?? '', host);
  const status = statusOf(pid);
  const filters = status.mode === 2 ? readFilters(pid) : [];
  const programs = typeof filters === 'string' ? [] : filters.map((f, i) => programOf(f, `filter ${i + 1}`));
  if (options.json) {
    const { mode, ...rest } = status;
    out(
      serializeJson(
        {
          pid,
          ...rest,
          mode: modes[mode] ?? mode,
          ...(typeof filters === 'string' ? { unread: filters } : { programs }),
        },
        2,
      ),
    );
    return 0;
  }
  out(`PID ${pid} (${status.name})\n`);
  out(`mode          ${modes[status.mode] ?? status.mode}\n`);
  if (status.filters !== undefined) out(`filters       ${status.filters}\n`);
  out(`no_new_privs  ${status.noNewPrivs ? 'yes' : 'no'}\n`);
  if (typeof filters === 'string') out(`${filters}\n`);
  // The kernel asks the newest first; all answer, and the strictest counts.
  for (const [i, program] of programs.entries())
    out(`\nfilter ${i + 1} of ${programs.length}, ${program.length} instructions\n${disassemble(program)}`);
  return 0;
}
