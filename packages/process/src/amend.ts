import { Failure } from '@ctr-tools/cli';
import type { Box, Process, Rlimit, Spec } from '@ctr-tools/oci';

/** What a command line can say of the command's process. What is absent stays as it is in the spec. */
export interface ProcessOptions {
  /** The command and its arguments. */
  args?: readonly string[];
  /** `NAME=VALUE` each; a later one of the same name replaces an earlier one. */
  env?: readonly string[];
  /** Names to be taken out of the environment. */
  unset?: readonly string[];
  /** Absolute. */
  cwd?: string;
  terminal?: boolean;
  consoleSize?: Box;
  umask?: number;
  /** One for each resource; replaces the spec's one of the same type. */
  rlimits?: readonly Rlimit[];
  oomScoreAdj?: number;
}

/** A process that says nothing; a chain's command stays where it is, and who it is. */
const empty: Process = { cwd: '' };

/**
 * Pure: the spec with its process changed. Throws a `Failure` for an environment entry
 * without `=` and a working directory that is not absolute (config.md, Process).
 */
export function amendProcess(spec: Spec, options: ProcessOptions): Spec {
  const process: Process = { ...empty, ...spec.process };
  const { args, cwd, terminal, consoleSize, umask, oomScoreAdj } = options;
  if (args) process.args = [...args];
  if (options.env || options.unset) {
    process.env = mergeEnv(process.env ?? [], options.env ?? [], options.unset ?? []);
  }
  if (cwd !== undefined) {
    if (!cwd.startsWith('/')) throw new Failure(`working directory ${cwd}: it must be an absolute path`);
    process.cwd = cwd;
  }
  if (terminal !== undefined) process.terminal = terminal;
  if (consoleSize) process.consoleSize = { ...consoleSize };
  if (umask !== undefined) process.user = { uid: 0, gid: 0, ...process.user, umask };
  if (options.rlimits) {
    const replaced = new Set(options.rlimits.map((r) => r.type));
    process.rlimits = [...(process.rlimits ?? []).filter((r) => !replaced.has(r.type)), ...options.rlimits];
  }
  if (oomScoreAdj !== undefined) process.oomScoreAdj = oomScoreAdj;
  return { ...spec, process };
}

/** Variables by name, each in the place where it first stood, with the value that came last. */
function mergeEnv(old: readonly string[], added: readonly string[], unset: readonly string[]): string[] {
  const variables = new Map<string, string>();
  for (const entry of [...old, ...added]) variables.set(envName(entry), entry);
  for (const name of unset) variables.delete(name);
  return [...variables.values()];
}

/** The name of `NAME=VALUE`. */
export function envName(entry: string): string {
  const at = entry.indexOf('=');
  if (at < 1) throw new Failure(`environment variable "${entry}": it is not NAME=VALUE`);
  return entry.slice(0, at);
}
