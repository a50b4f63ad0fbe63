/**
 * Applying: a command line with a command becomes a plan. Where the command is a sibling
 * by its bare name, its steps join the same plan, and so on (DESIGN.md, "Chains"): one
 * launch for the whole line. The result is that of launching each for itself, so a link
 * is fused only where its planner would find in between just what it finds now.
 */
import { decodeBytes, dirname, exists, join } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import type { AnyStep, Manner, Plan, Slot, Text } from '@ctr-tools/plan';
import { compile, optionalSlot, peer, slot, step } from '@ctr-tools/plan';
import { CLONE } from '@ctr-tools/sys/constants';
import { parseArgv, withDefaults } from './argv.ts';
import { grammarOf, isPlainApply } from './common.ts';
import { isFailure } from './errors.ts';
import { type Host, withOwn } from './host.ts';
import { flagsOf, namespaceOps } from './namespace-steps.ts';
import type { Parsed, Siblings, Tool } from './tool.ts';

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
    const view = viewAfter(steps, link.host);
    const sibling = siblingName(command[0]!, host);
    const next =
      sibling && view && foreseen(sibling, view.earlier ?? [])
        ? await nextLink(sibling, command.slice(1), view, siblings)
        : undefined;
    if (!next) {
      links.push([
        ...steps,
        closeStep(host, [...links.flat(), ...steps]),
        execStep(command, sibling && seesHost(steps) ? besideLauncher(sibling, host) : command[0]!),
      ]);
      break;
    }
    links.push([...steps]);
    debug ||= next.parsed.flags.has('debug');
    link = next;
  }
  return compile(links, { ...manner, tool: tool.name, exit: TOOL_FAILED, ...(debug && { debug }) });
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
    if (error instanceof Error && !('tool' in error)) Object.assign(error, { tool: tool.name });
    throw error;
  }
}

/**
 * Add what a parent that stays needs: the clone, if no step has it; then waiting until the
 * command runs, and staying with it.
 */
export function withParent(steps: readonly AnyStep[], stays: boolean): AnyStep[] {
  const has = (op: AnyStep['op']): boolean => steps.some((s) => s.op === op);
  const cloned = has('clone');
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
  if (!has('await_exec'))
    all.push(
      step('running', 'await_exec', { process: peer }, 'wait until the command runs', { side: 'host' }),
    );
  if (!has('supervise'))
    all.push(
      step(
        'supervise',
        'supervise',
        { process: peer, pid: slot('child.pid'), pidfd: slot('child.pidfd'), mode: 0, pty: -1 },
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
const closeStep = (host: Host, steps: readonly AnyStep[]): AnyStep =>
  step(
    'environment',
    'close_others',
    { keep: host.fds.filter((fd) => fd > 2), directories: seesHost(steps) ? 0 : 1 },
    "close what is not the command's",
  );

function execStep(command: readonly string[], file: string): AnyStep {
  return step('exec', 'exec', { file, argv: command }, `run ${command[0]}`, {
    hints: {
      ENOENT: command[0]!.includes('/')
        ? 'no such file, or its interpreter or loader is missing'
        : 'no such command in PATH',
      EACCES: 'it is no executable file, or its file system is mounted noexec',
      ENOEXEC: 'it is no program, nor a script that begins with #!',
      E2BIG: 'arguments and environment are too long',
    },
  });
}

const besideLauncher = (name: string, host: Host): string => join(dirname(host.launcher), name);

/** The name, if it is bare and a tool of that name is installed beside this one. */
function siblingName(word: string, host: Host): string | undefined {
  if (word === '' || word.includes('/') || host.launcher === '') return undefined;
  if (!siblingNames.has(word)) return undefined;
  return exists(besideLauncher(word, host)) ? word : undefined;
}

const siblingNames = new Set([
  'ns-enter',
  'cg-limit',
  'ufs-mount',
  'caps-drop',
  'seccomp-load',
  'aa-confine',
  'ctr-run',
]);

/**
 * The sibling's part of the line as a link, or undefined where it does something else than
 * apply, or is called wrongly: then it is launched and says so itself.
 */
async function nextLink(
  name: string,
  argv: readonly string[],
  host: Host,
  siblings: Siblings,
): Promise<Link | undefined> {
  const command = await siblings(name);
  if (!command || 'run' in command) return undefined;
  const own: Host = withOwn(host, { tool: name, argv });
  const parsed = plainApply(command, argv, own);
  if (!parsed) return undefined;
  const steps = linkSteps(command, parsed, own);
  // Only the launcher's own process is answered by the planner.
  if (asks(steps) && own.earlier?.some((s) => s.op === 'clone')) return undefined;
  return { tool: command, parsed, host: own, steps };
}

function plainApply(tool: Tool, argv: readonly string[], host: Host): Parsed | undefined {
  try {
    const parsed = parseArgv(argv, grammarOf(tool));
    return isPlainApply(tool, parsed) ? withDefaults(parsed, tool.flags, host.env) : undefined;
  } catch (error) {
    if (isFailure(error)) return undefined;
    throw error;
  }
}

/** Operations after which a path, an ID or the working directory means something else. */
const changesView = new Set<AnyStep['op']>([
  'pivot',
  'change_root',
  'chdir',
  'setuid',
  'setgid',
  'setgroups',
]);
const changesRoot = new Set<AnyStep['op']>(['pivot', 'change_root']);

/** Whether a path of the host still names the same file for the command. */
function seesHost(steps: readonly AnyStep[]): boolean {
  return !steps.some((s) =>
    s.op !== 'join_first'
      ? s.side === 'container' && (changesRoot.has(s.op) || joinsMounts(s))
      : joinsMounts(s),
  );
}

/** setns with no kind named is any kind that the descriptor has. */
function joinsMounts(s: AnyStep): boolean {
  if (s.op !== 'setns' && s.op !== 'join_first') return false;
  const flags = flagsOf(s);
  return flags === 0n || (flags & BigInt(CLONE.NEWNS)) !== 0n;
}

function changesIds(s: AnyStep): boolean {
  return namespaceOps.has(s.op) && (flagsOf(s) & BigInt(CLONE.NEWUSER)) !== 0n;
}

/** Whether processes are counted, or networks seen, otherwise after these steps: what ns-enter decides by. */
const changesNamespaces = (steps: readonly AnyStep[]): boolean =>
  steps.some((s) => namespaceOps.has(s.op) && (s.op !== 'clone' || flagsOf(s) !== 0n));

const asks = (steps: readonly AnyStep[]): boolean => steps.some((s) => s.op === 'ask');

/**
 * Whether a tool would decide now what it would decide after these steps. A group that systemd
 * makes is there only once it was asked.
 */
function foreseen(tool: string, earlier: readonly AnyStep[]): boolean {
  if (tool === 'ns-enter') return !changesNamespaces(earlier);
  return tool !== 'cg-limit' || !asks(earlier);
}

/**
 * What a tool after these steps would be told by its launcher; undefined where that cannot
 * be known beforehand.
 */
export function viewAfter(steps: readonly AnyStep[], host: Host): Host | undefined {
  if (!seesHost(steps)) return undefined;
  const env = new Map(host.env);
  let { umask } = host;
  for (const s of steps) {
    if (changesIds(s)) return undefined;
    if (s.side !== 'container') continue;
    if (changesView.has(s.op)) return undefined;
    const { args } = s;
    if (s.op === 'umask') {
      if (typeof args.mask !== 'number') return undefined;
      umask = args.mask;
    } else if (s.op === 'unsetenv') {
      const name = literal(args.name as Text);
      if (name === undefined) return undefined;
      env.delete(name);
    } else if (s.op === 'setenv' || s.op === 'setenv_default') {
      const name = literal(args.name as Text);
      const value = literal(args.value as Text);
      if (name === undefined || value === undefined) return undefined;
      if (s.op === 'setenv' || !env.has(name)) env.set(name, value);
    } else if (s.op === 'environ') {
      env.clear();
      for (const text of args.env as readonly Text[]) {
        const entry = literal(text);
        if (entry === undefined) return undefined;
        const equals = entry.indexOf('=', 1);
        if (equals > 0 && !env.has(entry.slice(0, equals)))
          env.set(entry.slice(0, equals), entry.slice(equals + 1));
      }
    }
  }
  return withOwn(host, { env, umask, earlier: [...(host.earlier ?? []), ...steps] });
}

/** A text's value if it is known before the plan runs. */
function literal(text: Text): string | undefined {
  if (typeof text === 'string') return text;
  if (text instanceof Uint8Array) return decodeBytes(text);
  if ('slot' in text) return undefined;
  const parts = text.parts.map((part) => (isKnown(part) ? literal(part) : undefined));
  return parts.every((part) => part !== undefined) ? parts.join('') : undefined;
}

const isKnown = (part: string | Uint8Array | Slot): part is string | Uint8Array =>
  typeof part === 'string' || part instanceof Uint8Array;
