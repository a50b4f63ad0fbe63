import {
  Failure,
  fromCaller,
  type Host,
  type Outcome,
  out,
  parseInteger,
  processTarget,
  readStdin,
  renderTable,
  UsageError,
  wantsColor,
} from '@ctr-tools/cli';
import { exists, join, readFile, type SystemError, stat, statIfAny } from '@ctr-tools/host';
import { parseJson, type Spec, validateSpec } from '@ctr-tools/oci';
import { compile } from '@ctr-tools/plan';
import { callerPid } from '@ctr-tools/sys/proc';
import { mannerOf } from '../globals.ts';
import { against } from '../inspect/against.ts';
import { differences, type Row } from '../inspect/compare.ts';
import type { Facts } from '../inspect/facts.ts';
import { gatherFacts } from '../inspect/gather/index.ts';
import { documentOf } from '../inspect/json.ts';
import { openingsOf, rules, weightOf } from '../inspect/openings/index.ts';
import { jsonText, plain } from '../inspect/plain.ts';
import { asSvg } from '../inspect/svg.ts';
import { asText } from '../inspect/text.ts';
import { theRecord } from '../state/record.ts';
import { isAlive } from '../state/status.ts';
import { type Call, has, one } from '../subcommand.ts';
import { tellWarnings } from '../warnings.ts';
import { writeSteps } from '../write-file.ts';

/**
 * `ctr-run inspect PID|ID`: what a process is made of, what is open of it, and how much that weighs. Exits 1 where
 * it weighs more than `--at-most`, and where there is a difference, as diff(1) does.
 */
export async function run(call: Call): Promise<Outcome> {
  const { host, parsed } = call;
  const [word, other] = parsed.operands;
  if (has(call, 'openings')) return listRules(call);
  if (word === undefined)
    throw new UsageError(
      "which process? ctr-run inspect PID|ID; a PID, a container's ID, docker:NAME or podman:NAME",
    );
  check(call, other);
  const facts = await withFilters(call, lookAt(call, word));
  if (other !== undefined) return tellRows(call, differences(facts, lookAt(call, other)), word, other);
  const config = one(call, 'against');
  if (config !== undefined) return tellRows(call, compared(call, facts, config), 'asked', 'is');
  const openings = openingsOf(facts);
  const most = one(call, 'at-most');
  if (most !== undefined && facts.ended)
    throw new Failure(`weigh process ${facts.pid}: it ended while it was looked at`);
  const limit = most === undefined ? undefined : Number(parseInteger(most, '--at-most', 0n, 100_000n));
  const exit = limit !== undefined && weightOf(openings) > limit ? 1 : 0;
  const svg = one(call, 'svg');
  if (svg !== undefined && svg !== '-')
    return compile(
      [writeSteps(fromCaller(host, svg), asSvg(facts, openings), 'replaced', { code: exit })],
      mannerOf(call.globals, 125),
    );
  if (svg === '-') out(asSvg(facts, openings));
  else if (has(call, 'json')) out(`${jsonText(documentOf(facts, openings))}\n`);
  else out(asText(facts, openings, { ...paper(host), all: has(call, 'all') }));
  return exit;
}

/** `--filters`: reading them takes a tracer, so it is done for who asks alone. */
async function withFilters(call: Call, facts: Facts): Promise<Facts> {
  if (!has(call, 'filters') || facts.seccomp.mode !== 'filter') return facts;
  const { filterAnswers } = await import('@ctr-tools/seccomp-load/looking');
  return { ...facts, seccomp: { ...facts.seccomp, answers: await filterAnswers(facts.pid) } };
}

const paper = (host: Host) => ({
  width: host.tty[1] ? host.columns : 80,
  cut: host.tty[1],
  color: wantsColor(host, 1),
});

/** What does not go together. */
function check(call: Call, other: string | undefined): void {
  const two = other !== undefined ? 'two processes' : has(call, 'against') ? '--against' : undefined;
  if (other !== undefined && has(call, 'against'))
    throw new UsageError('--against is about one process; two are compared with one another');
  for (const flag of ['svg', 'at-most', 'all', 'filters'])
    if (two && has(call, flag)) throw new UsageError(`--${flag} has no place where ${two} are compared`);
  if (has(call, 'svg') && has(call, 'json')) throw new UsageError('--svg and --json are two forms; give one');
}

/** The facts of what a person names: a PID, `self`, a container of ours, of Docker's or podman's. */
function lookAt(call: Call, word: string): Facts {
  const isPid = /^(\d+|self)$/.test(word);
  return gatherFacts(pidOf(call, word), callerPid(call.host.pid), isPid ? undefined : word);
}

function pidOf({ globals, host }: Call, word: string): number {
  if (/^(\d+$|self$|docker:|podman:)/.test(word)) return processTarget(word, host, 'inspect');
  const { id, pid, startTime } = theRecord(globals.root, word.replace(/^id:/, ''));
  if (!pid || !isAlive(pid, startTime)) throw new Failure(`inspect ${id}: the container does not run`);
  return pid;
}

/** What a config.json, or the one of a bundle, or one on stdin asks for, beside what is. */
function compared(call: Call, facts: Facts, config: string): Row[] {
  const { value: spec, warnings } = readConfig(call, config);
  tellWarnings(config, warnings, call.globals);
  const inode = (path: string): number | undefined => statIfAny(path)?.ino;
  return against(facts, spec as Spec, { exists, inode });
}

function readConfig(call: Call, config: string) {
  if (config === '-') {
    const text = readStdin();
    if (!text) throw new Failure('--against -: stdin is closed');
    return validateSpec(parseJson(text, 'stdin'), 'whole', 'stdin');
  }
  const given = fromCaller(call.host, config);
  try {
    const path = stat(given).isDirectory() ? join(given, 'config.json') : given;
    return validateSpec(parseJson(readFile(path), path), 'whole', path);
  } catch (error) {
    const { code, message } = error as SystemError;
    if (code === undefined) throw error;
    throw new Failure(`--against ${config}: ${message}`);
  }
}

/** A table of differences, or a line that there is none. */
function tellRows(call: Call, rows: readonly Row[], a: string, b: string): number {
  if (has(call, 'json')) out(`${jsonText({ differences: rows })}\n`);
  else if (rows.length === 0) out('no difference in what was compared\n');
  else {
    const columns = [
      { title: 'WHAT' },
      { title: plain(a).toUpperCase() === 'ASKED' ? 'ASKED' : plain(a), shrink: true },
      { title: plain(b).toUpperCase() === 'IS' ? 'IS' : plain(b), shrink: true },
    ];
    const cells = rows.map((row) => [plain(row.what), plain(row.a), plain(row.b)]);
    out(renderTable(columns, cells, call.host.tty[1] ? { width: call.host.columns } : {}));
  }
  return rows.length === 0 ? 0 : 1;
}

/** `--openings`: all that is looked for. */
function listRules(call: Call): number {
  if (call.parsed.operands.length > 0)
    throw new UsageError('--openings lists what is looked for, and takes no process');
  const all = rules.map(({ open: _, ...rule }) => rule);
  if (has(call, 'json')) out(`${jsonText(all)}\n`);
  else
    out(
      renderTable(
        [
          { title: 'WEIGHT', align: 'right' },
          { title: 'OPENING' },
          { title: 'WHAT', shrink: true, least: 20 },
          { title: 'CLOSE IT', shrink: true, least: 12 },
        ],
        all.map(({ weight, id, what, close }) => [String(weight), id, what, close]),
        call.host.tty[1] ? { width: call.host.columns } : {},
      ),
    );
  return 0;
}
