import { closeSync, existsSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { applyChain, err, Failure, type Host, type Outcome, type Parsed, UsageError } from '@ctr-tools/cli';
import { meeting } from '@ctr-tools/cli/agent';
import { lockFile, POLL, pidfdOpen, pollFd } from '@ctr-tools/sys';
import { capsDrop } from '../index.ts';
import type { CapsOptions } from '../options.ts';
import { files, isMeeting, LAUNCHER, watchCapabilities } from '../watch/why.ts';
import { refusals, reportRefusals } from './refusals.ts';
import { CapabilityTrace } from './trace.ts';

/** The agent's part, in the meeting's directory: record what the launcher starts, and tell at its end what was refused. */
function record(directory: string, launcher: number): number {
  const { socket, lock } = meeting(directory);
  const { marker, follows, userns } = files(directory);
  lockFile(openSync(lock, 'w', 0o600));
  const held = openSync(follows, 'w', 0o600);
  lockFile(held);
  const alive = pidfdOpen(launcher);
  const trace = new CapabilityTrace();
  try {
    symlinkSync(trace.marker, marker);
    writeFileSync(socket, '');
    /** Whether the plan goes on: at its end the file goes, or the launcher, whatever ended it. */
    const goesOn = (): boolean => existsSync(socket) && pollFd(alive, POLL.IN, 10) === 0;
    let pid: number | undefined;
    while (pid === undefined && goesOn()) pid = trace.owner(LAUNCHER);
    if (pid === undefined) return 1;
    trace.follow(pid);
    closeSync(held);
    while (goesOn());
    const { events, lost } = trace.read();
    err(reportRefusals(refusals(events), lost, existsSync(userns)));
    return 0;
  } finally {
    trace.close();
    // Nobody is left to do it where the launcher was killed.
    if (pollFd(alive, POLL.IN, 0) !== 0) rmSync(directory, { recursive: true, force: true });
  }
}

/** `--why -- COMMAND`: run it with what the other flags leave it, and say at the end which capabilities it was refused. */
export async function why(
  _value: string,
  _options: CapsOptions,
  parsed: Parsed,
  host: Host,
): Promise<Outcome> {
  const launcher = parsed.flags.get('pid')?.[0];
  if (!parsed.command && launcher !== undefined && isMeeting(host.cwd))
    return record(host.cwd, Number(launcher));
  if (!parsed.command?.length)
    throw new UsageError('there is no command to watch: caps-drop --all --why -- COMMAND');
  if (launcher !== undefined) throw new UsageError('--why watches the command; --pid names another process');
  if (host.earlier?.length) throw new UsageError('a command is watched by a chain’s first link only');
  if (host.euid !== 0)
    throw new Failure('record capability checks: this takes root, as does all of the kernel’s tracing');
  const watch = watchCapabilities(host, { planned: parsed.flags.has('plan') });
  const watching = {
    ...capsDrop,
    stays: () => true,
    steps: (...[spec, facts]: Parameters<typeof capsDrop.steps>) => [
      ...capsDrop.steps(spec, facts),
      ...watch,
    ],
  };
  return applyChain(watching as never, parsed, host, async () => undefined, {
    debug: parsed.flags.has('debug'),
  });
}
