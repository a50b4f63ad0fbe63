import { Failure, out, UsageError } from '@ctr-tools/cli';
import { runProgram } from '@ctr-tools/host';
import { groupsOf, processesOf } from '../state/group.ts';
import { theRecord } from '../state/record.ts';
import { type Call, one } from '../subcommand.ts';

/** `ctr-run ps ID [PS OPTIONS]`: ps(1)'s lines of the container's processes, or their PIDs as JSON. */
export function run(call: Call): number {
  const [id, ...options] = call.parsed.command ?? [];
  if (id === undefined) throw new UsageError('which container? ctr-run ps ID [PS OPTIONS]', 1);
  const format = one(call, 'format') ?? 'table';
  if (format !== 'table' && format !== 'json')
    throw new UsageError(`--format is "${format}"; it can be table or json`, 1);
  const record = theRecord(call.globals.root, id);
  if (groupsOf(record).length === 0)
    throw new Failure(`list the processes of ${id}: it has no cgroup that would tell them`);
  const pids = processesOf(record);
  if (format === 'json') out(`${JSON.stringify(pids)}\n`);
  else out(table(pids, options.length > 0 ? options : ['-ef']));
  return 0;
}

/** The header and the lines whose PID is one of ours. */
function table(pids: readonly number[], options: readonly string[]): string {
  const { error, status, stdout, stderr } = runProgram(['ps', ...options]);
  if (error) throw new Failure(`run ps: ${error.message}; it is in the package procps`);
  if (status !== 0) throw new Failure(`ps ${options.join(' ')}: ${stderr.trim() || `exit status ${status}`}`);
  const [header = '', ...lines] = stdout.split('\n');
  const column = header.trim().split(/\s+/).indexOf('PID');
  if (column < 0)
    throw new Failure(
      `ps ${options.join(' ')} prints no column PID, by which the container's lines are known`,
    );
  const wanted = new Set(pids.map(String));
  const ours = lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column] ?? ''));
  return [header, ...ours].map((line) => `${line}\n`).join('');
}
