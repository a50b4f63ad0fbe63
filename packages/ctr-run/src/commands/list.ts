import { Failure, out, renderTable, UsageError } from '@ctr-tools/cli';
import { exists, readText } from '@ctr-tools/host';
import { endedWords } from '../state/ended.ts';
import { type Found, listRecords } from '../state/record.ts';
import { stateView } from '../state/view.ts';
import { type Call, has, one } from '../subcommand.ts';

/** `ctr-run list`: a table for people, IDs alone (`-q`), or JSON as runc writes it. */
export function run(call: Call): number {
  const format = one(call, 'format') ?? 'table';
  if (format !== 'table' && format !== 'json')
    throw new UsageError(`--format is "${format}"; it can be table or json`);
  const { root, rootNamed } = call.globals;
  // Before the first container the usual place is not there yet; a place that somebody names is (runc, list.go).
  if (rootNamed && !exists(root))
    throw new Failure(`read the containers in ${root}: no such file or directory`);
  const records = listRecords(root);
  if (has(call, 'quiet')) for (const { id } of records) out(`${id}\n`);
  else if (format === 'json') out(records.length > 0 ? JSON.stringify(views(records)) : 'null');
  else {
    const shown = views(records);
    const any = shown.some(({ ended }) => ended);
    const rows = shown.map(({ id, pid, status, bundle, created, owner, ended }) => [
      ...[id, String(pid), status, bundle, created, owner],
      ...(any ? [ended ? endedWords(ended) : ''] : []),
    ]);
    out(
      renderTable(
        // The last column is ours: runc's stand where its readers look for them.
        ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER', ...(any ? ['ENDED'] : [])].map((title) => ({
          title,
          ...(title === 'BUNDLE' && { shrink: true }),
        })),
        rows,
        call.host.tty[1] ? { width: call.host.columns } : {},
      ),
    );
  }
  return 0;
}

function views(records: readonly Found[]) {
  const users = userNames();
  return records.map((record) => ({
    ...stateView(record),
    owner: users.get(record.owner) ?? `#${record.owner}`,
  }));
}

/** Names of local users; a number that has none here is shown as `#1000`, as runc does. */
function userNames(): Map<number, string> {
  try {
    const lines = readText('/etc/passwd').split('\n');
    return new Map(lines.map((line) => line.split(':')).map((f) => [Number(f[2]), f[0]!]));
  } catch {
    return new Map();
  }
}
