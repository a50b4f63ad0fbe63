import {
  type Host,
  out,
  type Parsed,
  paint,
  printable,
  processTarget,
  renderTable,
  wantsColor,
} from '@ctr-tools/cli';
import { needNode } from '@ctr-tools/host';
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import { callerPid } from '@ctr-tools/sys/proc';
import { fullMask, specNames, summary } from '../capability-list.ts';
import type { CapsOptions } from '../options.ts';
import { lastCapability, type Privileges, setNames } from '../privileges.ts';
import { securebitNames } from '../securebits.ts';
import { allows } from '../sentences.ts';
import { type AfterExec, afterExec } from '../survive.ts';
import { privilegesOf, rootUidOf } from './processes.ts';

interface Report {
  pid: number;
  privileges: Privileges;
  /** Only a process itself can ask for its securebits; the planner has the caller's. */
  securebits: number | undefined;
  after: AfterExec;
  last: number;
}

/** `--show[=PID]` */
export async function show(
  value: string,
  { json }: CapsOptions,
  _parsed: Parsed,
  host: Host,
): Promise<number> {
  const pid = processTarget(value, host, '--show');
  const privileges = privilegesOf(pid);
  const report: Report = {
    pid,
    privileges,
    securebits: pid === callerPid(host.pid) ? await ownSecurebits() : undefined,
    after: afterExec(privileges, rootUidOf(pid)),
    last: lastCapability(),
  };
  out(json ? asJson(report) : asText(report, host));
  return 0;
}

async function ownSecurebits(): Promise<number> {
  needNode('asking for the own securebits');
  return (await import('./own-securebits.ts')).getSecurebits();
}

function asJson({ pid, privileges, securebits, after }: Report): string {
  const { name, uids, gids, groups, noNewPrivs } = privileges;
  const sets = Object.fromEntries(setNames.map((set) => [set, specNames(privileges[set])]));
  return `${JSON.stringify(
    {
      pid,
      name,
      uids,
      gids,
      groups,
      noNewPrivs,
      capabilities: sets,
      ...(securebits !== undefined && { securebits: securebitNames(securebits) }),
      afterExec: {
        permitted: specNames(after.permitted),
        effective: specNames(after.effective),
        ambient: specNames(after.ambient),
      },
    },
    null,
    2,
  )}\n`;
}

function asText({ pid, privileges: p, securebits, after, last }: Report, host: Host): string {
  const color = wantsColor(host, 1);
  const style = paint(color);
  const facts: [string, string][] = [
    ['process', `${pid} (${printable(p.name)})`],
    ['user', ids(p.uids)],
    ['group', ids(p.gids)],
    ['groups', p.groups.join(',') || 'none'],
    ['no_new_privs', p.noNewPrivs ? 'yes' : 'no'],
    [
      'securebits',
      securebits === undefined
        ? 'only the process itself can ask'
        : securebitNames(securebits).join(',') || 'none',
    ],
    ...setNames.map((set): [string, string] => [set, summary(p[set], last)]),
    ['after an exec', `${summary(after.effective, last)} effective: ${after.because}`],
  ];
  const width = host.tty[1] ? { width: host.columns } : {};
  const head = renderTable(
    [{ title: '' }, { title: '' }],
    facts.map(([k, v]) => [style.bold(k), v]),
    { bare: true, color },
  );
  const held = p.bounding | p.permitted | p.inheritable | p.ambient;
  if (held === 0n) return head;
  const rows = capabilitiesOf(held & fullMask(last)).map((n) => [
    capabilityName(n).slice(4).toLowerCase(),
    setNames.map((set) => ((p[set] >> BigInt(n)) & 1n ? set[0] : '-')).join(''),
    (after.effective >> BigInt(n)) & 1n ? 'stays' : 'goes',
    allows(n),
  ]);
  const titles = [
    { title: 'CAPABILITY' },
    { title: 'SETS' },
    { title: 'EXEC' },
    { title: 'ALLOWS TO', shrink: true },
  ];
  return `${head}\n${renderTable(titles, rows, { color, ...width })}`;
}

/** One number where all four are the same. */
function ids(numbers: readonly number[]): string {
  if (new Set(numbers).size === 1) return String(numbers[0]);
  const [real, effective, saved, fs] = numbers;
  return `real ${real}, effective ${effective}, saved ${saved}, file system ${fs}`;
}
