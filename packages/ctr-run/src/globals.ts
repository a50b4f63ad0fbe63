import { type Flag, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import type { Manner } from '@ctr-tools/plan';
import { stateRoot } from './state/root.ts';

/** Flags before the subcommand, as runc has them (runc(8)). */
export const globalFlags: readonly Flag[] = [
  {
    name: 'root',
    valueHint: 'DIR',
    description: 'directory for the state of containers',
    env: 'CTR_STATE_ROOT',
  },
  { name: 'log', valueHint: 'FILE', description: 'write errors to this file as well' },
  { name: 'log-format', valueHint: 'FORMAT', description: 'text (default) or json, for --log' },
  {
    name: 'debug',
    description: 'on a failure, show the plan with a mark at the step; with --log, write each step there',
  },
  {
    name: 'systemd-cgroup',
    description: 'let systemd make the cgroups; cgroupsPath is then slice:prefix:name',
  },
  {
    name: 'rootless',
    valueHint: 'BOOL',
    description: 'accepted for runc; whether root is there is found out',
  },
  { name: 'criu', valueHint: 'PATH', description: 'the program criu (default: as PATH has it)' },
  {
    name: 'fault',
    valueHint: 'N[:die]',
    description: 'fail (or die) at step N of the plan, to test the clean-up',
  },
];

export const ctrRunMeta = { name: 'ctr-run', description: 'an OCI runtime made of small tools' };

/** Flags of ctr-run as a whole: before the subcommand. */
export const topFlags: readonly Flag[] = [
  ...globalFlags,
  { name: 'help', alias: ['h'], description: 'show this help', group: 'About this program' },
  { name: 'version', alias: ['v'], description: 'show the versions', group: 'About this program' },
];

export interface Globals {
  /** The state root. Throws a `UsageError` where there is none, which only those meet who look for containers. */
  root: string;
  /** `--root` was given. */
  rootNamed: boolean;
  log?: { path: string; format: 'text' | 'json' };
  /** What is to be written to the log beside the plan. */
  warnings: string[];
  debug: boolean;
  systemdCgroup: boolean;
  fault?: Manner['fault'];
  /** `--criu` */
  criu?: string;
}

/** Understand the global flags; `typed` are those of the line alone, without defaults. Throws `UsageError`. */
export function globalsOf(parsed: Parsed, typed: Parsed, host: Host): Globals {
  const one = (name: string): string | undefined => parsed.flags.get(name)?.at(-1);
  const format = one('log-format') ?? 'text';
  if (format !== 'text' && format !== 'json')
    throw new UsageError(`--log-format is "${format}"; it can be text or json`);
  const rootless = one('rootless');
  if (rootless !== undefined && !['true', 'false', 'auto'].includes(rootless)) {
    throw new UsageError(`--rootless is "${rootless}"; it can be true, false or auto`);
  }
  const log = one('log');
  const criu = one('criu');
  const fault = faultOf(one('fault'));
  return {
    get root() {
      return stateRoot(host, one('root'));
    },
    ...(log !== undefined && { log: { path: log.startsWith('/') ? log : `${host.cwd}/${log}`, format } }),
    rootNamed: typed.flags.has('root'),
    warnings: [],
    debug: parsed.flags.has('debug'),
    systemdCgroup: parsed.flags.has('systemd-cgroup'),
    ...(fault && { fault }),
    ...(criu !== undefined && { criu }),
  };
}

function faultOf(text: string | undefined): Manner['fault'] {
  if (text === undefined) return undefined;
  const found = /^(\d+)(:die)?$/.exec(text);
  if (!found) throw new UsageError(`--fault is "${text}"; it is the number of a step, or N:die`);
  return { step: Number(found[1]), mode: found[2] ? 'die' : 'fail' };
}

/** How the launcher speaks and ends for this call. `exit`: 1 for OCI's subcommands, as runc's; 125 for people's. */
export function mannerOf(globals: Globals, exit: number): Manner {
  const { log, debug, fault } = globals;
  return { tool: 'ctr-run', exit, debug, ...(log && { log }), ...(fault && { fault }) };
}
