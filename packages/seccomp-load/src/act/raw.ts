import { closeSync, openSync, readFileSync } from 'node:fs';
import {
  applyChain,
  Failure,
  type Host,
  type Outcome,
  out,
  type Parsed,
  UsageError,
  writeAll,
} from '@ctr-tools/cli';
import { callerPid } from '@ctr-tools/sys/proc';
import { seccompLoad } from '../index.ts';
import type { SeccompOptions } from '../options.ts';
import { bytesOf } from '../source.ts';
import type { Filter } from '../steps.ts';
import { loadSteps, privilegeSteps } from '../steps.ts';
import { programOf, subjectsOf } from './subject.ts';

/**
 * The path of `9` or of a file. A number is a descriptor of the caller, which the planner
 * reaches through the launcher: the process that the caller started.
 */
function pathOf(word: string, host: Host): string {
  if (!/^\d+$/.test(word)) return word;
  if (!host.fds.includes(Number(word)))
    throw new UsageError(`--raw ${word}: descriptor ${word} is not open; a file of that name is ./${word}`);
  return `/proc/${callerPid(host.pid)}/fd/${word}`;
}

function readRaw(word: string, host: Host): Buffer {
  // Standard input and output are the planner's own too; a socket could not be opened by its path.
  if (word === '-') return Buffer.from(bytesOf(word));
  try {
    return readFileSync(pathOf(word, host));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new Failure(`read the compiled filter ${word}: ${(error as Error).message}`);
  }
}

function writeRaw(word: string, bytes: Uint8Array, host: Host): void {
  if (word === '-') {
    out(bytes);
    return;
  }
  const path = pathOf(word, host);
  try {
    const fd = openSync(path, /^\d+$/.test(word) ? 'r+' : 'w');
    writeAll(fd, bytes);
    closeSync(fd);
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code === 'EACCES' ||
      (error as NodeJS.ErrnoException).code === 'EINVAL'
    )
      writeOnly(path, word, bytes);
    else throw new Failure(`write the compiled filter to ${word}: ${(error as Error).message}`);
  }
}

/** A pipe's writing end cannot be opened for reading too. */
function writeOnly(path: string, word: string, bytes: Uint8Array): void {
  try {
    const fd = openSync(path, 'a');
    writeAll(fd, bytes);
    closeSync(fd);
  } catch (error) {
    throw new Failure(`write the compiled filter to ${word}: ${(error as Error).message}`);
  }
}

/** `--raw FD|FILE`: load compiled filters for a command; without one, write the compiled profile. */
export function raw(
  values: readonly string[],
  options: SeccompOptions,
  parsed: Parsed,
  host: Host,
): Outcome | Promise<Outcome> {
  if (!parsed.command) {
    if (values.length > 1)
      throw new UsageError('without a command --raw is where one compiled profile goes, and given once');
    const [subject] = subjectsOf(options, 'raw');
    writeRaw(values[0]!, subject!.bytes, host);
    return 0;
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
