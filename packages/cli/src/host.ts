import { isAbsolute, resolve } from '@ctr-tools/host';
import type { AnyStep, Template } from '@ctr-tools/plan';

/**
 * What the planner knows of the process that it plans for. The launcher tells it, because
 * the planner is a process of its own: its PID, limits and descriptors are not the caller's.
 */
export interface Host {
  /** The command's name: `ns-enter`. */
  tool: string;
  /** The name of another's tool by which it was called: `nsenter`. It stands before what is said, and failing is that one's. */
  alias?: string;
  /** Arguments after the name, as byte strings (`decodeBytes`). */
  argv: readonly string[];
  /** The caller's whole environment; names and values as byte strings. */
  env: ReadonlyMap<string, string>;
  /**
   * The launcher: the process that becomes the command. *Self* is this PID, never the planner's.
   */
  pid: number;
  ppid: number;
  uid: number;
  euid: number;
  gid: number;
  egid: number;
  umask: number;
  /** Descriptors that were open when the launcher began. */
  fds: readonly number[];
  /** Whether 0, 1 and 2 are terminals. */
  tty: readonly [boolean, boolean, boolean];
  /** Size of the terminal on 2, 1 or 0; 80 by 24 where there is none. */
  columns: number;
  rows: number;
  /** The launcher's own file; the tools beside it are its siblings. Empty in a copy of it that was made for another root. */
  launcher: string;
  /** In such a copy: the tools beside the file that it was made from. */
  installed?: readonly string[];
  /** The caller's working directory. Throws a `Failure` where it was removed. */
  readonly cwd: string;
  /**
   * In a fused chain: what the links before this tool carry out before its own steps (empty
   * or absent where it begins). Whoever decides by its own process's state, such as its
   * capabilities or no_new_privs, looks here too.
   */
  earlier?: readonly AnyStep[];
  /** Present while `ctr-run` makes a container, and tells every tool's `gather` what a spec does not say. */
  container?: ContainerContext;
}

/** A container that is being made from a bundle. */
export interface ContainerContext {
  id: string;
  /** Absolute path; relative paths of the spec are relative to it. */
  bundle: string;
  /** Its state directory: a place for mount points of its own, removed with it. */
  directory: string;
  /** `command`: what was made goes when the command ends (foreground `run`); `kept`: it stays until `delete`. */
  lifetime: 'command' | 'kept';
  /** `--systemd-cgroup` */
  systemdCgroup: boolean;
  /** `--no-pivot` */
  noPivot: boolean;
  /** `--no-new-keyring` */
  noNewKeyring: boolean;
  /** Files that are made before its mounts are. */
  makes?: readonly string[];
  /** How many descriptors from 3 on the command inherits. */
  preserveFds: number;
  /** The OCI state as JSON with the PID still to be filled in, of a container in this status. */
  state(status: 'creating' | 'created' | 'running' | 'stopped'): Template;
}

/** A copy of the host with some fields changed; `cwd` stays the getter that it is. */
export function withOwn(host: Host, changed: Partial<Host>): Host {
  return Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(host),
      ...Object.getOwnPropertyDescriptors(changed),
    },
  ) as Host;
}

/** A path that the caller named, as an absolute one. Only a relative one asks where the caller is. */
export const fromCaller = (host: Pick<Host, 'cwd'>, path: string): string =>
  isAbsolute(path) ? resolve(path) : resolve(host.cwd, path);
