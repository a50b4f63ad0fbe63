import { accessSync, constants, existsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  err,
  Failure,
  type Host,
  kernelWords,
  needStdout,
  type Outcome,
  out,
  type Parsed,
  UsageError,
} from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import { abiOfCall, abisOf, callName } from '../abi.ts';
import { ENOSYS } from '../errno.ts';
import { machine } from '../gather.ts';
import type { SeccompOptions } from '../options.ts';
import { serveOnce } from '../watch/agent.ts';
import { watched } from '../watch/attach.ts';
import { isExec } from '../watch/describe-call.ts';
import { Learned } from '../watch/learned.ts';
import type { Answer, Notification } from '../watch/serve.ts';

/** The agent's part: record, answer, write. */
function record(target: string, directory: string, container: boolean): number {
  const learned = new Learned();
  let started = false;
  serveOnce(directory, (call: Notification): Answer => {
    const abi = abiOfCall(call.arch, call.nr);
    const name = abi && callName(abi, call.nr);
    // What comes before is the launcher's, which loaded the filter; the first execve is the command's.
    started ||= isExec(call);
    if (started) learned.add(call);
    // Its flags lie in memory: refused, so that the C library takes clone, whose flags can be held to.
    return name === 'clone3' ? { errno: ENOSYS } : 'continue';
  });
  if (!started) return 1;
  for (const call of learned.unnamed) err(`seccomp-load: call ${call} has no name here and is left out\n`);
  const text = serializeJson(learned.profile(machine(), container), 2);
  if (target === '-') out(text);
  else
    try {
      writeFileSync(target, text);
    } catch (error) {
      throw new Failure(`write the learned profile to ${target}: ${kernelWords(error)}`);
    }
  return 0;
}

/** Before the command runs, whose exit code is ours: what it did would be learned for nothing. */
function mustBeWritable(target: string): void {
  if (target === '-') {
    needStdout();
    return;
  }
  try {
    accessSync(existsSync(target) ? target : dirname(target), constants.W_OK);
  } catch (error) {
    throw new Failure(`write the learned profile to ${target}: ${kernelWords(error)}`);
  }
}

/** `--learn OUT -- COMMAND` */
export function learn(
  [target]: readonly string[],
  _options: SeccompOptions,
  parsed: Parsed,
  host: Host,
): Outcome | Promise<Outcome> {
  const directory = parsed.flags.get('socket')?.[0];
  const container = parsed.flags.has('container');
  if (directory !== undefined) return record(target!, directory.replace(/\/$/, ''), container);
  if (target === '') throw new UsageError('--learn: a file was expected, or - for stdout');
  mustBeWritable(target!);
  const everything = {
    defaultAction: SECCOMP_RET.USER_NOTIF,
    enosys: false,
    abis: abisOf(machine()),
    rules: [],
  };
  return watched(everything, ['--learn', target!, ...(container ? ['--container'] : [])], parsed, host);
}
