import {
  applyChain,
  Failure,
  fromCaller,
  type Host,
  type Outcome,
  out,
  type Parsed,
  UsageError,
} from '@ctr-tools/cli';
import { readFile } from '@ctr-tools/host';
import { compile, slot, step } from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';
import { callerPid } from '@ctr-tools/sys/proc';
import { seccompLoad } from '../index.ts';
import type { SeccompOptions } from '../options.ts';

import type { Filter } from '../steps.ts';
import { loadSteps, privilegeSteps } from '../steps.ts';
import { programOf, subjectsOf } from './subject.ts';

/**
 * The path of `9` or of a file. A number is a descriptor of the caller, which the planner
 * reaches through the launcher: the process that the caller started.
 */
function pathOf(word: string, host: Host): string {
  if (!/^\d+$/.test(word)) return fromCaller(host, word);
  if (!host.fds.includes(Number(word)))
    throw new UsageError(`--raw ${word}: descriptor ${word} is not open; a file of that name is ./${word}`);
  return `/proc/${callerPid(host.pid)}/fd/${word}`;
}

function readRaw(word: string, host: Host): Uint8Array {
  try {
    return readFile(word === '-' ? `/proc/${callerPid(host.pid)}/fd/0` : pathOf(word, host));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new Failure(`read the compiled filter ${word}: ${(error as Error).message}`);
  }
}

/** A descriptor is the launcher's to write to, who has all that the caller gave it. */
function writeRaw(word: string, data: Uint8Array, host: Host): Outcome {
  if (word === '-') {
    out(data);
    return 0;
  }
  const side = 'host';
  const doing = `write the compiled filter to ${word}`;
  const path = pathOf(word, host);
  const given = /^\d+$/.test(word) ? Number(word) : undefined;
  const fd = given ?? slot('raw');
  const flags = O.WRONLY | O.CREAT | O.TRUNC;
  const steps = [
    ...(given === undefined
      ? [step('state', 'open', { path, flags, mode: 0o666, fd: slot('raw') }, doing, { side })]
      : []),
    step('state', 'write_fd', { fd, data }, doing, { side }),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
  return compile([steps], { tool: 'seccomp-load', exit: 125 });
}

/** `--raw FD|FILE`: load compiled filters for a command; without one, write the compiled profile. */
export async function raw(
  values: readonly string[],
  options: SeccompOptions,
  parsed: Parsed,
  host: Host,
): Promise<Outcome> {
  if (!parsed.command) {
    if (values.length > 1)
      throw new UsageError('without a command --raw is where one compiled profile goes, and given once');
    const [subject] = await subjectsOf(options, 'raw');
    return writeRaw(values[0]!, subject!.bytes, host);
  }
  if (parsed.command.length === 0) throw new UsageError('no command after "--"');
  const filters = values.map((word): Filter => {
    const bytes = readRaw(word, host);
    programOf(bytes, `--raw ${word}`);
    return { bytes, flags: 0, listens: false, name: `the compiled filter ${word}` };
  });
  const loading = {
    ...seccompLoad,
    steps: (...[spec, facts]: Parameters<typeof seccompLoad.steps>) => {
      const own = seccompLoad.steps(spec, facts);
      const privilege = own.some((s) => s.op === 'no_new_privs') ? [] : privilegeSteps(spec, facts);
      return [...privilege, ...own, ...filters.flatMap((filter) => loadSteps(filter, 'seccomp-late'))];
    },
  };
  return applyChain(loading as never, parsed, host, async () => undefined, {
    debug: parsed.flags.has('debug'),
  });
}
