import {
  Failure,
  type Flag,
  flagsOf,
  type Host,
  isFailure,
  type Outcome,
  out,
  parseArgv,
  UsageError,
  withDefaults,
} from '@ctr-tools/cli';
import { needNode } from '@ctr-tools/host';
import { explain } from '@ctr-tools/plan';
import { globalsOf, topFlags } from './globals.ts';
import { checkLog, failurePlan, withWarnings } from './log.ts';
import { isPeoples } from './people-flags.ts';
import type { Call, Subcommand } from './subcommand.ts';
import { subcommands } from './subcommands.ts';

const commonFlags = [
  { name: 'help', alias: ['h'], description: 'show this help', group: 'About this program' },
] as const;

/** All that the line may have. A letter that the subcommand uses itself stays its own. */
function lineFlags({ args, refused = [] }: Subcommand): Flag[] {
  const flags = flagsOf({ args });
  const taken = new Set(flags.flatMap((flag) => flag.alias ?? []));
  return [
    ...flags,
    ...refused,
    ...commonFlags.map((flag) => ({ ...flag, alias: flag.alias.filter((name) => !taken.has(name)) })),
  ];
}

/** Whether a line that cannot be parsed is one that a person types rather than OCI's. */
function isPeoplesLine(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  return words.some(
    (word) =>
      word === '-' ||
      ['plan', 'doctor', 'top', 'tour'].includes(word) ||
      /^--(?:rootfs|image)(?:=|$)/.test(word),
  );
}

/**
 * What reads the line alone, before anybody is asked for anything. A line of OCI's that is wrong exits 1, as under
 * runc, of `exec` too (crun: 64); what a person types 125.
 */
function reading<T>(host: Host, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError) || error.exit !== undefined || isPeoplesLine(host.argv)) throw error;
    throw new UsageError(error.message, 1);
  }
}

/** Understand `ctr-run [GLOBAL FLAGS] SUBCOMMAND [FLAGS] …` and carry it out. */
export async function dispatch(host: Host): Promise<Outcome> {
  const top = reading(host, () =>
    parseArgv(host.argv, { flags: topFlags, command: 'first-operand', lastCounts: true }),
  );
  const [name, ...words] = top.command ?? [];
  if (top.flags.has('version')) return version();
  if (name === undefined || name === 'help' || name === 'h' || top.flags.has('help'))
    return help(name === 'help' || name === 'h' ? words[0] : name, host);
  const subcommand = subcommands.find((s) => s.meta.name === name);
  if (!subcommand) throw unknown(name);
  // go-runc's Restore writes this one with a single dash, which Go's flags take.
  const argv = name === 'restore' ? words.map((w) => (w === '-no-subreaper' ? `-${w}` : w)) : words;
  const flags = lineFlags(subcommand);
  // -h NAME is the host name of a container, as docker has it; alone it asks for help.
  if (argv.length === 1 && argv[0] === '-h') return help(name, host);
  const parsed = reading(host, () =>
    withDefaults(parseArgv(argv, { flags, command: subcommand.command, lastCounts: true }), flags, host.env),
  );
  if (parsed.flags.has('help')) return help(name, host);
  checkOperands(subcommand, parsed.operands);
  const globals = reading(host, () => globalsOf(withDefaults(top, topFlags, host.env), top, host));
  const call: Call = { parsed, globals, host };
  if (subcommand.node?.(parsed)) needNode(`ctr-run ${name}`);
  try {
    checkLog(globals);
    const outcome = await (await subcommand.load()).run(call);
    return parsed.flags.has('plan') ? explained(outcome) : withWarnings(outcome, globals);
  } catch (error) {
    const failure = fails(error, subcommand, call);
    const plan = failurePlan(failure, globals);
    if (plan) return withWarnings(plan, globals);
    throw failure;
  }
}

async function help(name: string | undefined, host: Host): Promise<Outcome> {
  const { helpOf } = await import('./help.ts');
  return helpOf(name, host);
}

/** Print a plan instead of handing it to the launcher. A command that only answers has answered. */
function explained(outcome: Outcome): number {
  if (typeof outcome === 'number') return outcome;
  out(explain('plan' in outcome ? outcome.plan : outcome));
  return 0;
}

/** OCI's subcommands exit 1 as runc's do, and its exec 255; what people type exits 125. */
function fails(error: unknown, subcommand: Subcommand, call: Call): unknown {
  if (!isFailure(error) || error.exit !== undefined) return error;
  const { flags, command } = call.parsed;
  const forPeople =
    subcommand.meta.name === 'spec'
      ? isPeoples(call.parsed)
      : ['plan', 'inspect', 'top', 'tour'].includes(subcommand.meta.name) ||
        flags.has('rootfs') ||
        flags.has('image') ||
        command?.[0] === '-';
  if (forPeople) return new Failure(error.message, 125);
  return new Failure(error.message, subcommand.meta.name === 'exec' ? 255 : 1);
}

function checkOperands(
  { meta: { name }, usage, operands: [least, most] }: Subcommand,
  given: readonly string[],
): void {
  const line = `ctr-run ${name} ${usage[0]}`;
  if (given.length < least)
    throw new UsageError(
      `ctr-run ${name} needs ${least === 1 ? 'a container ID' : `${least} words`}: ${line}`,
      1,
    );
  if (given.length > most) throw new UsageError(`"${given[most]}" is too much: ${line}`, 1);
}

function unknown(name: string): UsageError {
  const near = subcommands.find((s) => s.meta.name.startsWith(name.slice(0, 3)));
  return new UsageError(
    `unknown subcommand "${name}"${near ? `; did you mean ${near.meta.name}?` : ''} (ctr-run --help lists them)`,
    1,
  );
}

/** The first lines in the form that engines parse (go-runc, parseVersion; podman, "runc version"). */
async function version(): Promise<number> {
  const { version } = await import('@ctr-tools/cli');
  const { ociVersion } = await import('@ctr-tools/oci');
  out(`ctr-run version ${version}\ncommit: ${version}\nspec: ${ociVersion}\n`);
  return 0;
}
