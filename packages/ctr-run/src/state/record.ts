import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { Failure } from '@ctr-tools/cli';
import { errorCode, namesIn, readFile, stat } from '@ctr-tools/host';
import { invalidId, parseJson, type State } from '@ctr-tools/oci';

/** What `state.json` holds: the OCI state and what `delete` and `exec` need to know. */
export interface ContainerRecord extends State {
  /** RFC 3339, when the container was created. */
  created: string;
  /** Start time of `pid` in clock ticks after boot: the same PID with another start time is another process. */
  startTime?: number;
  /** Absolute path of the root file system, for people. */
  rootfs?: string;
  /** The process that makes it, while it is made. */
  maker?: { pid: number; startTime?: number };
  /** UID of the user who made it. */
  owner: number;
  /** Where its processes are held. */
  cgroup?: CgroupRecord;
  /** Directories of resctrl that go with it, the inner ones first. */
  resctrl?: readonly string[];
  /** Directories to be removed with the container (a throw-away upper). */
  remove?: readonly string[];
  /** Whether `ctr-run` itself was asked to use systemd. */
  systemdCgroup?: boolean;
}

/** What of a record lasts from before there is a process until after it. The time may be text that the launcher fills in. */
export type LastingRecord = Omit<ContainerRecord, 'pid' | 'startTime' | 'status'> & {};

/** A container as it is found on disk. */
export interface Found extends ContainerRecord {
  /** Its state directory. */
  directory: string;
}

/** The containers under a state root, sorted by ID. What is not (yet) a container is passed over. */
export function listRecords(root: string): Found[] {
  let names: string[];
  try {
    names = namesIn(root);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new Failure(`read the containers in ${root}: ${(error as Error).message}`);
  }
  const ids = names.filter((name) => invalidId(name) === undefined);
  return ids.toSorted().flatMap((id) => readRecord(root, id) ?? []);
}

/**
 * A file of a container's own directory. What is not a file is not ours, and reading it may never end (a FIFO).
 * Throws a `Failure`, or what stat(2) and open(2) answer.
 */
export function readOwnFile(path: string): Uint8Array {
  if (!stat(path).isFile()) throw new Failure(`${path} is not a file`);
  return readFile(path);
}

/** One container's record, or undefined where there is none. Throws a `Failure` for what cannot be an ID. */
export function readRecord(root: string, id: string): Found | undefined {
  const wrong = invalidId(id);
  if (wrong !== undefined) throw new Failure(`invalid container ID "${id}": ${wrong}`);
  const directory = `${root}/${id}`;
  let text: Uint8Array;
  try {
    text = readOwnFile(`${directory}/state.json`);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Failure(`read the state of ${id}: ${(error as Error).message}`);
  }
  return { ...(parseJson(text, `${directory}/state.json`) as ContainerRecord), directory };
}

/** One container's record; that there is none is a failure in the words that engines look for (docs/engines.md). */
export function theRecord(root: string, id: string): Found {
  const record = readRecord(root, id);
  if (!record)
    throw new Failure(
      `container does not exist: "${id}" (looked in ${root}; ctr-run list shows those there are)`,
    );
  return record;
}
