import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { applyChain, Failure, type Host, type Outcome, type Parsed, UsageError } from '@ctr-tools/cli';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';
import { SECCOMP_FILTER_FLAG } from '@ctr-tools/sys/constants';
import { compile } from '../compiler.ts';
import type { SeccompFacts } from '../gather.ts';
import { seccompLoad } from '../index.ts';
import { kernelAtLeast } from '../profile/select.ts';
import type { Profile } from '../profile/types.ts';
import { checkActions, loadSteps, privilegeSteps } from '../steps.ts';
import { meeting } from './agent.ts';

/** The agent starts a Node of its own, which a busy or emulated machine does slowly: so long it may take (milliseconds). */
const PATIENCE = 60_000;

const sleep = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** Start `seccomp-load ARGS --socket DIRECTORY` beside the command, and wait until it listens. */
function startAgent(args: readonly string[], directory: string, host: Host): void {
  const { socket } = meeting(directory);
  const child = spawn(join(dirname(host.launcher), 'seccomp-load'), [...args, '--socket', `${directory}/`], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: '/usr/bin:/bin' },
  });
  child.unref();
  for (let waited = 0; !existsSync(socket); waited += 5) {
    if (waited > PATIENCE || (child.pid !== undefined && !existsSync(`/proc/${child.pid}`)))
      throw new Failure('start the supervisor of the calls: it ended or did not begin to listen');
    sleep(5);
  }
}

/** The filter and its listener's way to the agent; at the end, waiting until the agent has done its work. */
function watchSteps(profile: Profile, directory: string, facts: SeccompFacts): AnyStep[] {
  const { socket, lock } = meeting(directory);
  const killable = kernelAtLeast(facts.kernel, '5.19') ? SECCOMP_FILTER_FLAG.WAIT_KILLABLE_RECV : 0;
  const filter = {
    bytes: compile(profile),
    flags: SECCOMP_FILTER_FLAG.NEW_LISTENER | killable,
    listens: true,
    name: 'the filter that watches',
  };
  const host = 'host' as const;
  const open = (name: string): AnyStep =>
    step('state', 'open', { path: lock, flags: 0o2000000, fd: slot(name) }, `open ${lock}`, {
      side: host,
      undo: undo('end', 'remove', { path: directory, what: 'tree' }, `remove ${directory}`),
    });
  // Undone backwards: the socket goes, so that an agent that nobody came to ends; then its
  // work is waited for; then all is removed.
  return [
    open('agent.lock'),
    step('state', 'open', { path: lock, flags: 0o2000000, fd: slot('agent.wait') }, `open ${lock}`, {
      side: host,
      undo: undo('end', 'lock', { fd: slot('agent.wait') }, 'wait for the supervisor of the calls'),
    }),
    step('state', 'open', { path: lock, flags: 0o2000000, fd: slot('agent.socket') }, `open ${lock}`, {
      side: host,
      undo: undo('end', 'remove', { path: socket }, `remove ${socket}`),
    }),
    ...loadSteps(filter, 'seccomp-late'),
    step(
      'seccomp-late',
      'send_fds',
      { path: socket, data: '{}', fds: [slot('listener')] },
      'hand the listener to the supervisor of the calls',
      { side: host },
    ),
    step('seccomp-late', 'close', { fd: slot('listener') }, 'close the listener', { side: host }),
  ];
}

/**
 * A plan that runs the command under `profile`, whose notifications go to an agent: another
 * process of this tool, called with `args`. Profiles given besides are loaded before.
 */
export async function watched(
  profile: Profile,
  args: readonly string[],
  parsed: Parsed,
  host: Host,
): Promise<Outcome> {
  if (!parsed.command || parsed.command.length === 0)
    throw new UsageError('there is no command to watch; give it after "--"');
  if (host.earlier?.length) throw new UsageError('a command is watched by a chain’s first link only');
  const planned = parsed.flags.has('plan');
  const directory = planned ? '/tmp/seccomp-load-XXXXXX' : mkdtempSync('/tmp/seccomp-load-');
  const watching = {
    ...seccompLoad,
    stays: () => true,
    steps: (...[spec, facts]: Parameters<typeof seccompLoad.steps>) => {
      checkActions(profile, facts);
      const own = seccompLoad.steps(spec, facts);
      const privilege = own.some((s) => s.op === 'no_new_privs') ? [] : privilegeSteps(spec, facts);
      return [...privilege, ...own, ...watchSteps(profile, directory, facts)];
    },
  };
  try {
    const plan = await applyChain(watching as never, parsed, host, async () => undefined, {
      debug: parsed.flags.has('debug'),
    });
    if (!planned) startAgent(args, directory, host);
    return plan;
  } catch (error) {
    if (!planned) rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}
