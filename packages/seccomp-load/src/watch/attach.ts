import { mkdtempSync, rmSync } from 'node:fs';
import { applyChain, type Host, type Outcome, type Parsed, UsageError } from '@ctr-tools/cli';
import { agentSteps, meeting, startAgent } from '@ctr-tools/cli/agent';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { SECCOMP_FILTER_FLAG } from '@ctr-tools/sys/constants';
import { compile } from '../compiler.ts';
import type { SeccompFacts } from '../gather.ts';
import { seccompLoad } from '../index.ts';
import { kernelAtLeast } from '../profile/select.ts';
import type { Profile } from '../profile/types.ts';
import { checkActions, loadSteps, privilegeSteps } from '../steps.ts';

/** Start `seccomp-load ARGS` as the agent that answers the calls of the command. */
export const startCallAgent = (args: readonly string[], directory: string, host: Host): void =>
  startAgent(
    {
      tool: 'seccomp-load',
      args: [...args, '--socket', `${directory}/`],
      directory,
      doing: 'start the supervisor of the calls',
    },
    host,
  );

/** The filter and its listener's way to the agent; at the end, waiting until the agent has done its work. */
function watchSteps(profile: Profile, directory: string, facts: SeccompFacts): AnyStep[] {
  const { socket } = meeting(directory);
  const killable = kernelAtLeast(facts.kernel, '5.19') ? SECCOMP_FILTER_FLAG.WAIT_KILLABLE_RECV : 0;
  const filter = {
    bytes: compile(profile),
    flags: SECCOMP_FILTER_FLAG.NEW_LISTENER | killable,
    listens: true,
    name: 'the filter that watches',
  };
  return [
    ...agentSteps(directory, 'seccomp'),
    ...loadSteps(filter, 'seccomp-late'),
    step(
      'seccomp-late',
      'send_fds',
      { path: socket, data: '{}', fds: [slot('listener')] },
      'hand the listener to the supervisor of the calls',
      { side: 'host' },
    ),
    step('seccomp-late', 'close', { fd: slot('listener') }, 'close the listener', {
      side: 'host',
    }),
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
    if (!planned) startCallAgent(args, directory, host);
    return plan;
  } catch (error) {
    if (!planned) rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}
