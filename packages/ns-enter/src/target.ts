/** What `--target` can name (DESIGN.md, "Targets"): a PID, a directory of pins, a container of ours. */
import { isEngineTarget, PID_MAX, UsageError } from '@ctr-tools/cli';

export type TargetName =
  /** `inode`: the pidfd's, by which a process is known for as long as the machine runs (pidfs). */
  | { by: 'pid'; pid: number; inode?: bigint }
  | { by: 'pins'; directory: string }
  | { by: 'container'; id: string }
  /** `docker:NAME`, `podman:NAME` */
  | { by: 'engine'; word: string };

export function parseTarget(value: string): TargetName {
  if (isEngineTarget(value)) return { by: 'engine', word: value };
  if (value.startsWith('id:')) return { by: 'container', id: value.slice(3) };
  if (value.startsWith('/') || value.startsWith('./') || value.startsWith('../'))
    return { by: 'pins', directory: value };
  const match = /^(\d+)(?::(\d+))?$/.exec(value);
  if (match) {
    const pid = Number(match[1]);
    if (pid < 1 || pid > PID_MAX)
      throw new UsageError(`--target ${value}: a PID is a number from 1 to ${PID_MAX}`);
    return { by: 'pid', pid, ...(match[2] !== undefined && { inode: BigInt(match[2]) }) };
  }
  if (/^-?\d/.test(value) && /[:-]/.test(value))
    throw new UsageError(
      `--target ${value}: not PID, nor PID:INODE (an ID that looks like it is written id:${value})`,
    );
  return { by: 'container', id: value };
}
