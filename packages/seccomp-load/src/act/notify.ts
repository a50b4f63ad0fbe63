import { err, type Host, type Outcome, type Parsed, printable, UsageError, wouldDo } from '@ctr-tools/cli';
import { abisOf } from '../abi.ts';
import { errnoName } from '../errno.ts';
import { machine } from '../gather.ts';
import type { SeccompOptions } from '../options.ts';
import { serveMany, serveOnce } from '../watch/agent.ts';
import { watched } from '../watch/attach.ts';
import { describeCall, isExec } from '../watch/describe-call.ts';
import { type NotifyRules, readRules } from '../watch/rules.ts';
import { type Answer, type Notification, stillWaits } from '../watch/serve.ts';

function inWords(answer: Answer): string {
  if (answer === 'continue') return 'continue';
  return 'errno' in answer ? errnoName(answer.errno) : String(answer.value);
}

/**
 * Answer by the rules, and say so on stderr. `begun` is false where the launcher's own calls
 * come first: up to the first execve all go on.
 */
function answering(rules: NotifyRules, begun: boolean): (call: Notification, listener: number) => Answer {
  let started = begun;
  return (call, listener) => {
    started ||= isExec(call);
    if (!started) return 'continue';
    const answer = rules.answer(call);
    if (!rules.log || !rules.concerns(call)) return answer;
    const text = describeCall(call);
    // Else the process is another one by now, and what was read of its memory means nothing.
    if (stillWaits(listener, call.id)) err(`${call.pid} ${printable(text)} = ${inWords(answer)}\n`);
    return answer;
  };
}

/** `--notify RULES -- COMMAND`, or `--notify RULES --socket PATH` for runtimes' listenerPath. */
export function notify(
  [file]: readonly string[],
  options: SeccompOptions,
  parsed: Parsed,
  host: Host,
): Outcome | Promise<Outcome> {
  const native = machine();
  const socket = parsed.flags.get('socket')?.[0];
  // The agent beside a watched command reads what was read, and told of, before.
  const rules = readRules(file!, native, abisOf(native), socket?.endsWith('/') ? undefined : options);
  if (socket === undefined) return watched(rules.profile, ['--notify', file!], parsed, host);
  if (parsed.command) throw new UsageError('--socket serves what runtimes send; it takes no command');
  if (parsed.flags.has('plan'))
    return wouldDo(`answer by ${file} the calls of the listeners that come to ${socket}`);
  if (!socket.endsWith('/')) return serveMany(socket, answering(rules, true));
  serveOnce(socket.slice(0, -1), answering(rules, false));
  return 0;
}
