/**
 * Applying: a command line with a command becomes a plan. Where the command is a sibling
 * by its bare name, its steps join the same plan, and so on (DESIGN.md, "Chains"): one
 * launch for the whole line. The result is that of launching each for itself, so a link
 * is fused only where its planner would find in between just what it finds now.
 */
import { dirname, exists, join } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import {
  type AnyStep,
  anyDoes,
  capabilitiesAfter,
  changeEnvironment,
  compile,
  does,
  type Manner,
  namespacesOf,
  optionalSlot,
  type Plan,
  peer,
  type Slot,
  slot,
  step,
  surviveExec,
} from '@ctr-tools/plan';
import { CLONE, capabilityNumber } from '@ctr-tools/sys/constants';
import { callerPid, readStatus } from '@ctr-tools/sys/proc';
import { ALIAS_FAILED } from './alias.ts';
import { parseArgv, withDefaults } from './argv.ts';
import { grammarOf, isPlainApply } from './common.ts';
import { flagsOf } from './define.ts';
import { isFailure } from './errors.ts';
import { type Host, withOwn } from './host.ts';
import type { Command, Parsed, Siblings, Tool } from './tool.ts';

/** What a tool amends when it applies: a spec that says nothing. */
export const emptySpec: Spec = { ociVersion: '1.2.0' };

/** The exit code of a tool that fails itself, as env(1), nohup(1) and docker-run(1) have it. */
export const TOOL_FAILED = 125;

interface Link {
  tool: Tool;
  parsed: Parsed;
  host: Host;
  steps: readonly AnyStep[];
}

/** Compile a tool, its command, and whatever siblings the command begins with, into one plan. */
export async function applyChain(
  tool: Tool,
  parsed: Parsed,
  host: Host,
  siblings: Siblings,
  { debug: asked = false, ...manner }: Partial<Manner> = {},
): Promise<Plan> {
  const links: AnyStep[][] = [];
  let debug = asked;
  let link: Link = { tool, parsed, host, steps: linkSteps(tool, parsed, host) };
  for (;;) {
    const { steps } = link;
    const command = link.parsed.command!;
    const sibling = await siblingOf(command[0]!, host, siblings);
    const next = sibling && nextLink(sibling, command.slice(1), viewAfter(steps, link.host));
    if (!next) {
      links.push([...steps, ...lastSteps(command, sibling, [...links.flat(), ...steps], host, siblings)]);
      break;
    }
    links.push([...steps]);
    debug ||= next.parsed.flags.has('debug');
    link = next;
  }
  const name =
    host.alias === undefined
      ? { tool: tool.meta.name, exit: TOOL_FAILED }
      : { tool: host.alias, exit: ALIAS_FAILED };
  return compile(links, { ...manner, ...name, ...(debug && { debug }) });
}

/** One tool's own steps, with a parent that stays where it needs one. */
function linkSteps(tool: Tool, parsed: Parsed, host: Host): AnyStep[] {
  try {
    const options = tool.options(parsed, host);
    const facts = tool.gather(options, emptySpec, host);
    const spec = tool.amend(emptySpec, options, facts);
    const steps = tool.steps(spec, facts);
    return withParent(steps, tool.stays?.(spec, facts) ?? false);
  } catch (error) {
    if (error instanceof Error && !('tool' in error)) Object.assign(error, { tool: tool.meta.name });
    throw error;
  }
}

/**
 * Add what a parent that stays needs: the clone, if no step has it; then waiting until the
 * command runs, and staying with it.
 */
export function withParent(steps: readonly AnyStep[], stays: boolean): AnyStep[] {
  const cloned = anyDoes(steps, 'clones');
  if (!cloned && !stays) return [...steps];
  const all = [...steps];
  if (!cloned) {
    all.unshift(
      step(
        'clone',
        'clone',
        {
          process: peer,
          flags: 0,
          cgroup: optionalSlot('cgroup'),
          pid: slot('child.pid'),
          pidfd: slot('child.pidfd'),
        },
        "start the command's process",
        {
          side: 'host',
          hints: { EAGAIN: 'a limit on processes is reached (ulimit -u, pids.max of the cgroup)' },
        },
      ),
    );
  }
  if (!steps.some((s) => s.op === 'await_exec'))
    all.push(
      step('running', 'await_exec', { process: peer }, 'wait until the command runs', { side: 'host' }),
    );
  if (!anyDoes(steps, 'stays'))
    all.push(
      step(
        'supervise',
        'supervise',
        { process: peer, pid: slot('child.pid'), pidfd: slot('child.pidfd') },
        'stay with the command',
        { side: 'host' },
      ),
    );
  return all;
}

/**
 * Close what is ours before the command's path is looked up, which the root that was changed to may
 * lead through /proc/self/fd (CVE-2024-21626). The caller's descriptors are the command's, as under
 * nsenter(1), unshare(1) and bwrap(1), but not across a change of root a directory: it would lead
 * back to where the caller is.
 */
const closeStep = (host: Host, steps: readonly AnyStep[], own: readonly Slot[] = []): AnyStep =>
  step(
    'environment',
    'close_others',
    { keep: [...host.fds.filter((fd) => fd > 2), ...own], directories: seesHost(steps) ? 0 : 1 },
    "close what is not the command's",
  );

/** From the tools' own steps, `steps`, to the command: a file, or a tool of ours that is launched for itself. */
function lastSteps(
  command: readonly string[],
  sibling: Command | undefined,
  steps: readonly AnyStep[],
  host: Host,
  siblings: Siblings,
): AnyStep[] {
  if (!sibling) return [closeStep(host, steps), execStep(command, command[0]!)];
  const file = besideLauncher(sibling.meta.name, host);
  if (!host.installed && seesHost(steps)) return [closeStep(host, steps), execStep(command, file)];
  // Its file is not to be found there, and a file of that name may be anybody's.
  const copy = slot('own.copy');
  return [
    step('descriptors', 'own_copy', { fd: copy }, `copy ${command[0]} for the new root`, {
      side: 'host',
      hints: { ENOENT: 'the program was removed meanwhile' },
    }),
    closeStep(host, steps, [copy]),
    step(
      'exec',
      'exec_own',
      { fd: copy, installed: installedBeside(host, siblings).join(' '), argv: command },
      `run ${command[0]}`,
    ),
  ];
}

const installedBeside = (host: Host, { names = [] }: Siblings): readonly string[] =>
  host.installed ?? names.filter((name) => exists(besideLauncher(name, host)));

function execStep(command: readonly string[], file: string): AnyStep {
  return step('exec', 'exec', { file, argv: command }, `run ${command[0]}`, {
    hints: {
      ENOENT: command[0]!.includes('/')
        ? 'no such file, or its interpreter or loader is missing'
        : 'no such command in PATH',
      EACCES: 'it is not an executable file, or its file system is mounted noexec',
      ENOEXEC: 'it is not a program, nor a script that begins with #!',
      E2BIG: 'arguments and environment are too long',
    },
  });
}

const besideLauncher = (name: string, host: Host): string => join(dirname(host.launcher), name);

/** The tool that a word names, if it is a bare name and the tool is installed beside this one. */
async function siblingOf(word: string, host: Host, siblings: Siblings): Promise<Command | undefined> {
  if (word.includes('/')) return undefined;
  const { installed, launcher } = host;
  if (installed ? !installed.includes(word) : launcher === '' || !exists(besideLauncher(word, host)))
    return undefined;
  return siblings(word);
}

/**
 * The sibling's part of the line as a link, or undefined where it would decide something else in its
 * own process (`view`), does something else than apply, or is called wrongly: then it is launched and
 * says so itself.
 */
function nextLink(command: Command, argv: readonly string[], view: Host | undefined): Link | undefined {
  if (!view || 'dispatch' in command) return undefined;
  const earlier = view.earlier ?? [];
  if (command.decidesAfter && !command.decidesAfter(earlier)) return undefined;
  const own: Host = withOwn(view, { tool: command.meta.name, argv });
  const parsed = plainApply(command, argv, own);
  if (!parsed) return undefined;
  if (seesLess(view) && (command.looksAround?.(parsed) ?? true)) return undefined;
  const steps = linkSteps(command, parsed, own);
  // Only the launcher's own process is answered by the planner.
  if (anyDoes(steps, 'asks') && anyDoes(earlier, 'clones')) return undefined;
  return { tool: command, parsed, host: own, steps };
}

function plainApply(tool: Tool, argv: readonly string[], host: Host): Parsed | undefined {
  try {
    const parsed = parseArgv(argv, grammarOf(tool));
    return isPlainApply(tool, parsed) ? withDefaults(parsed, flagsOf(tool), host.env) : undefined;
  } catch (error) {
    if (isFailure(error)) return undefined;
    throw error;
  }
}

/** Whether a path of the host still names the same file for the command. */
const seesHost = (steps: readonly AnyStep[]): boolean =>
  !steps.some((s) => (s.side === 'container' && does(s, 'root')) || joins(s, CLONE.NEWNS));

const joins = (s: AnyStep, kind: number): boolean =>
  does(s, 'joins') && (namespacesOf(s) & BigInt(kind)) !== 0n;

/**
 * Whether a planner after this step would find other files, by another directory or as another user,
 * or whether its launch would have an effect: an execve(2) too many.
 */
function hides(s: AnyStep): boolean {
  if ((namespacesOf(s) & BigInt(CLONE.NEWUSER)) !== 0n) return true;
  if (s.side !== 'container') return false;
  if (does(s, 'mounts')) return !isProc(s);
  return does(s, 'root') || does(s, 'cwd') || does(s, 'ids') || does(s, 'exec');
}

/** A fresh /proc tells a process the same of itself. */
const isProc = ({ args }: AnyStep): boolean => args.type === 'proc' && args.target === '/proc';

/** By these a process sees files and processes that are not its own (capabilities(7)). */
const sight = ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_PTRACE']
  .map((name) => 1n << BigInt(capabilityNumber(name)!))
  .reduce((all, bit) => all | bit);

/** Whether earlier links gave up what a planner in their place would look at the machine with. */
function seesLess({ pid, earlier = [] }: Host): boolean {
  if (!anyDoes(earlier, 'caps')) return false;
  const now = readStatus(callerPid(pid));
  return (now.effective & ~capabilitiesAfter(now, earlier).effective & sight) !== 0n;
}

/** Whether the launch of a sibling, an execve(2), would leave the capabilities as these steps have them. */
const keepsCapabilities = (steps: readonly AnyStep[], host: Host): boolean =>
  !anyDoes(steps, 'caps') ||
  surviveExec(capabilitiesAfter(readStatus(callerPid(host.pid)), [...(host.earlier ?? []), ...steps]));

/**
 * What a tool after these steps would be told by its launcher; undefined where that cannot
 * be known beforehand.
 */
export function viewAfter(steps: readonly AnyStep[], host: Host): Host | undefined {
  if (!seesHost(steps) || steps.some(hides)) return undefined;
  const env = new Map(host.env);
  let { umask } = host;
  for (const s of steps) {
    if (s.side !== 'container') continue;
    if (does(s, 'env') && !changeEnvironment(env, s)) return undefined;
    if (!does(s, 'umask')) continue;
    if (typeof s.args.mask !== 'number') return undefined;
    umask = s.args.mask;
  }
  if (!keepsCapabilities(steps, host)) return undefined;
  return withOwn(host, { env, umask, earlier: [...(host.earlier ?? []), ...steps] });
}
