import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { err, Failure, type Host, type Outcome, type Parsed, printable, UsageError } from '@ctr-tools/cli';
import { type LinuxSeccomp, serializeJson } from '@ctr-tools/oci';
import { notifies } from '../compiler.ts';
import { complain } from '../complaints.ts';
import { without } from '../deny.ts';
import { machine, machineCaps, machineKernel } from '../gather.ts';
import type { SeccompOptions } from '../options.ts';
import { normalize } from '../profile/normalize.ts';
import { select } from '../profile/select.ts';
import { nameOf, readProfile } from '../source.ts';
import { serveOnce } from '../watch/agent.ts';
import { watched } from '../watch/attach.ts';
import { describeCall, isExec } from '../watch/describe-call.ts';
import { askingAbout, Refused } from '../watch/refused.ts';
import { type Answer, type Notification, stillWaits } from '../watch/serve.ts';

/** The profile as it counts on this machine. Throws where there is not exactly one, or none to ask about. */
function theProfile(options: SeccompOptions): LinuxSeccomp {
  const [source, more] = options.profiles;
  if (!source || more)
    throw new UsageError('--why takes one profile: seccomp-load ./web.json --why -- COMMAND');
  const native = machine();
  const read = readProfile(source);
  if (!read.profile) throw new UsageError(`--why: ${nameOf(source)} refuses nothing`);
  const host = { abi: native, kernel: machineKernel(options), caps: machineCaps(options) };
  const selected = select(without(read.profile, options.deny), host);
  const normal = normalize(selected, native);
  if ('file' in source) complain(nameOf(source), read, normal, options);
  if (notifies(normal)) throw new UsageError(`--why: ${nameOf(source)} asks a supervisor of its own`);
  return selected;
}

/** Whether a process is PID 1 of a namespace below ours, which only SIGKILL ends from outside (pid_namespaces(7)). */
function isInit(pid: number): boolean {
  const [, numbers = ''] = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  const [, ...below] = numbers.split(/\s+/);
  return below.at(-1) === '1';
}

/** The agent's part: answer as the profile would, and report at the end. */
function judge(options: SeccompOptions, directory: string): number {
  const [source] = options.profiles;
  const { profile } = readProfile(source!);
  if (!source || !('file' in source) || !profile)
    throw new Failure('--why: the profile to judge by is missing');
  rmSync(dirname(source.file), { recursive: true });
  const refused = new Refused(normalize(profile as LinuxSeccomp, machine()));
  let started = false;
  serveOnce(directory, (call: Notification, listener: number): Answer => {
    // What comes before is the launcher's, which loaded the filter; the first execve is the command's.
    started ||= isExec(call);
    if (!started) return 'continue';
    const { answer, ends } = refused.judge(call, () => {
      const text = describeCall(call);
      // Else the process is another one by now, and what was read of its memory means nothing.
      return stillWaits(listener, call.id) ? printable(text) : `a call of ${call.pid}`;
    });
    if (ends) process.kill(call.pid, isInit(call.pid) ? 'SIGKILL' : 'SIGSYS');
    return answer;
  });
  if (!started) return 1;
  err(refused.report());
  return 0;
}

/** `PROFILE --why -- COMMAND`: run it under the profile, and say at the end what was refused, and what would allow it. */
export async function why(
  _values: readonly string[],
  options: SeccompOptions,
  parsed: Parsed,
  host: Host,
): Promise<Outcome> {
  const directory = parsed.flags.get('socket')?.[0];
  if (directory !== undefined) return judge(options, directory.replace(/\/$/, ''));
  const seccomp = theProfile(options);
  const asking = askingAbout(normalize(seccomp, machine()));
  // The agent reads what was read, conditions decided, and removes it.
  const place = parsed.flags.has('plan') ? '/tmp/seccomp-load-XXXXXX' : mkdtempSync('/tmp/seccomp-load-');
  const file = `${place}/profile.json`;
  if (!parsed.flags.has('plan')) writeFileSync(file, serializeJson(seccomp));
  // The filter that asks stands for the profile: loaded beside it, the profile would refuse unseen.
  const flags = new Map([...parsed.flags].filter(([name]) => name !== 'deny'));
  try {
    return await watched(asking, [file, '--why'], { ...parsed, flags, operands: [] }, host);
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    throw error;
  }
}
