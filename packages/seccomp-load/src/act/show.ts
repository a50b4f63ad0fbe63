import { Failure, type Host, out, processTarget } from '@ctr-tools/cli';
import { needNode, readText } from '@ctr-tools/host';
import { serializeJson } from '@ctr-tools/oci';
import { abisOf } from '../abi.ts';
import { disassemble } from '../bpf/disassembler.ts';
import { machine } from '../gather.ts';
import type { SeccompOptions } from '../options.ts';
import { summary } from './answers.ts';
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
    text = readText(`/proc/${pid}/status`);
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

async function filtersOf(pid: number): Promise<Uint8Array[] | string> {
  needNode('reading the filters of a process');
  return (await import('./attached.ts')).readFilters(pid);
}

/** `--show[=PID]` */
export async function show(
  [word]: readonly string[],
  options: SeccompOptions,
  _parsed: unknown,
  host: Host,
): Promise<number> {
  const pid = processTarget(word ?? '', host, '--show');
  const status = statusOf(pid);
  const filters = status.mode === 2 ? await filtersOf(pid) : [];
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
  if (programs.length > 0)
    for (const line of summary(programs, abisOf(machine()))) out(`answers       ${line}\n`);
  // The kernel asks the newest first; all answer, and the strictest counts.
  for (const [i, program] of programs.entries())
    out(`\nfilter ${i + 1} of ${programs.length}, ${program.length} instructions\n${disassemble(program)}`);
  return 0;
}
