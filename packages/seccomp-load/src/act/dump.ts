import { out } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { disassemble } from '../bpf/disassembler.ts';
import type { SeccompOptions } from '../options.ts';
import { subjectsOf } from './subject.ts';

/** `--dump`: the compiled filter, an instruction a line. */
export async function dump(_values: readonly string[], options: SeccompOptions): Promise<number> {
  const subjects = await subjectsOf(options, 'dump', 0);
  for (const { name, program } of subjects) {
    if (options.json) out(serializeJson(program, 2));
    else out(`${subjects.length > 1 ? `# ${name}\n` : ''}${disassemble(program)}`);
  }
  return 0;
}
