import {
  type Branch,
  type Host,
  out,
  type Parsed,
  printable,
  renderTable,
  treeLines,
  wantsColor,
} from '@ctr-tools/cli';
import { ownPid } from '@ctr-tools/host';
import { specNames, summary } from '../capability-list.ts';
import type { CapsOptions } from '../options.ts';
import { lastCapability } from '../privileges.ts';
import { allProcesses } from './processes.ts';

type Process = ReturnType<typeof allProcesses>[number];

/** `--tree`: every process under its parent, with what it may do. */
export function tree(_value: string, { json }: CapsOptions, _parsed: Parsed, host: Host): number {
  // The planner itself would be the only line that is gone when it is read.
  const processes = allProcesses().filter(({ pid }) => pid !== ownPid());
  out(json ? asJson(processes) : asText(processes, host));
  return 0;
}

function asJson(processes: readonly Process[]): string {
  const list = processes.map(({ pid, ppid, privileges: p }) => ({
    pid,
    ppid,
    name: p.name,
    uid: p.uids[1],
    noNewPrivs: p.noNewPrivs,
    effective: specNames(p.effective),
    permitted: specNames(p.permitted),
    bounding: specNames(p.bounding),
    ambient: specNames(p.ambient),
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}

function branches(processes: readonly Process[]): Branch<Process>[] {
  const children = Map.groupBy(processes, ({ ppid }) => ppid);
  const known = new Set(processes.map(({ pid }) => pid));
  const grow = (value: Process): Branch<Process> => ({
    value,
    children: (children.get(value.pid) ?? []).map(grow),
  });
  return processes.filter(({ ppid }) => !known.has(ppid)).map(grow);
}

function asText(processes: readonly Process[], host: Host): string {
  const last = lastCapability();
  const rows = [...treeLines(branches(processes))].map(({ prefix, value: { pid, privileges: p } }) => [
    String(pid),
    String(p.uids[1]),
    p.noNewPrivs ? 'yes' : '',
    `${prefix}${printable(p.name)}`,
    summary(p.effective, last),
    p.bounding === p.effective ? 'same' : summary(p.bounding, last),
  ]);
  const columns = [
    { title: 'PID', align: 'right' as const },
    { title: 'UID', align: 'right' as const },
    { title: 'NNP' },
    { title: 'PROCESS' },
    { title: 'EFFECTIVE', shrink: true },
    { title: 'BOUNDING', shrink: true },
  ];
  const width = host.tty[1] ? { width: host.columns } : {};
  return renderTable(columns, rows, { color: wantsColor(host, 1), ...width });
}
