import { Failure, fromCaller, type Outcome, UsageError } from '@ctr-tools/cli';
import { readFile } from '@ctr-tools/host';
import { type Process, parseId, parseJson, parseUser, readProcess, type Spec } from '@ctr-tools/oci';
import { amendProcess } from '@ctr-tools/process';
import { capabilityNumber } from '@ctr-tools/sys/constants';
import { execPlan } from '../container/join.ts';
import { type Found, readOwnFile, theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, has, many, one } from '../subcommand.ts';
import { tell, tellWarnings } from '../warnings.ts';

/**
 * `ctr-run exec ID COMMAND …`: a further process in a container: its namespaces, its
 * group, and what its config says of user, capabilities, filter and label, as far as the
 * command line does not say otherwise (runc-exec(8)).
 */
export function run(call: Call): Promise<Outcome> {
  const [id, ...args] = call.parsed.command ?? [];
  if (id === undefined)
    throw new UsageError('which container? ctr-run exec [FLAGS] ID COMMAND [ARG...]', 255);
  const record = theRecord(call.globals.root, id);
  const status = statusOf(record);
  if (status === 'stopped') throw new Failure(`cannot exec in a stopped container (${id})`);
  if (status === 'creating') throw new Failure(`cannot exec in container ${id}: it is ${status}`);
  if (status === 'paused' && !has(call, 'ignore-paused')) {
    throw new Failure(`cannot exec in container ${id}: it is paused; resume it, or use --ignore-paused`);
  }
  const config = parseJson(readOwnFile(`${record.directory}/config.json`), 'config.json') as Spec;
  return execPlan(call, record, config, processOf(call, record, config, args));
}

/** What is to run: from `--process FILE`, or the container's own process with other words. */
function processOf(call: Call, record: Found, config: Spec, args: readonly string[]): Process {
  const file = one(call, 'process');
  if (file !== undefined) {
    // runc and crun pass over a command beside it. An empty word is what a script's empty variable leaves.
    if (args.some((word) => word !== ''))
      tell(`--process has the command; "${args.join(' ')}" is ignored`, call.globals);
    const path = fromCaller(call.host, file);
    const { value, warnings } = readProcess(read(path), path);
    tellWarnings(path, warnings, call.globals);
    return value;
  }
  if (args.length === 0)
    throw new UsageError(`what should run in ${record.id}? ctr-run exec ${record.id} COMMAND`, 255);
  const terminal = has(call, 'tty');
  const cwd = one(call, 'cwd');
  const changes = { args, terminal, env: many(call, 'env'), ...(cwd !== undefined && { cwd }) };
  const { consoleSize: _, ...own } = amendProcess(config, changes).process!;
  return withSecurity(withUser(own, call), call);
}

function read(path: string): Uint8Array {
  try {
    return readFile(path);
  } catch (error) {
    throw new Failure(`read the process: ${(error as Error).message}`);
  }
}

function withUser(process: Process, call: Call): Process {
  const text = one(call, 'user');
  const extra = many(call, 'additional-gids').map(groupId);
  if (text === undefined && extra.length === 0) return process;
  const additionalGids = [...(process.user?.additionalGids ?? []), ...extra];
  const user = { ...process.user!, additionalGids };
  if (text === undefined) return { ...process, user };
  const ids = parseUser(text, '--user');
  if (!ids) throw new Failure(`--user is "${text}"; give numbers, UID or UID:GID`);
  // What is not said stays the container's, as with runc: the group, further groups, the umask.
  const gid = text.includes(':') ? ids.gid : (user.gid ?? 0);
  return { ...process, user: { ...user, uid: ids.uid, gid } };
}

function groupId(text: string): number {
  const id = parseId(text, '--additional-gids');
  if (id === undefined) throw new Failure(`--additional-gids is "${text}"; it is the number of a group`);
  return id;
}

function withSecurity(process: Process, call: Call): Process {
  const added = many(call, 'cap');
  const changed: Process = { ...process };
  if (added.length > 0) changed.capabilities = withCapabilities(process.capabilities ?? {}, added);
  const apparmor = one(call, 'apparmor');
  if (apparmor !== undefined) changed.apparmorProfile = apparmor;
  const label = one(call, 'process-label');
  if (label !== undefined) changed.selinuxLabel = label;
  if (has(call, 'no-new-privs')) changed.noNewPrivileges = true;
  return changed;
}

/**
 * `--cap` adds to what the container has, but never to inheritable (CVE-2022-29162). As with runc it is ambient too where the
 * container's own inheritable set has it, so that a process of a user other than root has it after its execve.
 */
function withCapabilities(sets: NonNullable<Process['capabilities']>, added: readonly string[]) {
  const names = added.map((name) =>
    name.toUpperCase().startsWith('CAP_') ? name.toUpperCase() : `CAP_${name.toUpperCase()}`,
  );
  const unknown = names.find((name) => capabilityNumber(name) === undefined);
  if (unknown !== undefined) throw new Failure(`--cap: there is no capability ${unknown}`);
  const lasting = names.filter((name) => sets.inheritable?.includes(name));
  const more = (set: readonly string[] | undefined) => [...new Set([...(set ?? []), ...names])];
  return {
    ...sets,
    bounding: more(sets.bounding),
    effective: more(sets.effective),
    permitted: more(sets.permitted),
    ...(lasting.length > 0 && { ambient: [...new Set([...(sets.ambient ?? []), ...lasting])] }),
  };
}
