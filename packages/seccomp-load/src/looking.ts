/** What those need who tell a process's filters beside other things. */
import { needNode } from '@ctr-tools/host';
import { abisOf } from './abi.ts';
import { summary } from './act/answers.ts';
import { programOf } from './act/subject.ts';
import { machine } from './gather.ts';

/** What the filters of a process answer, in sentences; or in one why they cannot be read. It is stopped for a moment. */
export async function filterAnswers(pid: number): Promise<readonly string[]> {
  needNode('reading the filters of a process');
  const filters = (await import('./act/attached.ts')).readFilters(pid);
  if (typeof filters === 'string') return [filters];
  const programs = filters.map((filter, i) => programOf(filter, `filter ${i + 1}`));
  return summary(programs, abisOf(machine()));
}
